/* SPDX-License-Identifier: MIT */
#include "optimizer/agent/asker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

void
asker_init(struct asker *a, int fd, const struct mesh *mesh)
{
	*a = (struct asker){ .hash = netd_roster_hash(mesh),
		.n = mesh->n_nodes,
		.in_place = mesh->in_place };
	netd_client_init(&a->client, fd, mesh->n_nodes);
	a->seen = mem_array(a->n, sizeof(*a->seen));
	a->heard = mem_array(a->n, sizeof(*a->heard));
}

void
asker_fini(struct asker *a)
{
	free(a->seen);
	free(a->heard);
	a->seen = NULL;
	a->heard = NULL;
}

int
asker_greet(struct asker *a)
{
	struct netd_request req;

	if (a->greeted || a->client.waiting)
		return 0;
	netd_request_init(&req, NETD_HELLO);
	req.hash = a->hash;
	a->greeting = true;
	return netd_client_send(&a->client, &req);
}

static void
add_hint(struct netd_request *req, const struct core_ask *ask)
{
	if (!ask->hint.family)
		return;
	req->family = ask->hint.family;
	req->port = ask->hint_port;
	memcpy(req->addr, ask->hint.b, sizeof(req->addr));
}

int
asker_send(struct asker *a, const struct core_ask *ask)
{
	static const enum netd_verb verbs[] = {
		[CORE_LOOK] = NETD_STATE,
		[CORE_STAGE] = NETD_STAGE,
		[CORE_LEASE] = NETD_LEASE,
		[CORE_COMMIT] = NETD_COMMIT,
		[CORE_WITHDRAW] = NETD_WITHDRAW,
		[CORE_UNSTAGE] = NETD_UNSTAGE,
		[CORE_ADOPT] = NETD_ADOPT,
		[CORE_REFLECT] = NETD_REFLECT,
	};
	bool by_relay = ask->via != SIZE_MAX;
	struct netd_request req;

	a->verb = ask->verb;
	a->n_heard = 0;
	netd_request_init(&req,
	    ask->verb == CORE_STAGE && by_relay ? NETD_STAGE_RELAY : verbs[ask->verb]);
	if (ask->verb != CORE_LOOK)
		req.node = (uint32_t)ask->node;
	if (by_relay && (ask->verb == CORE_STAGE || ask->verb == CORE_LEASE ||
			    ask->verb == CORE_UNSTAGE))
		req.via = (uint32_t)ask->via;
	if (ask->verb == CORE_LEASE) {
		req.seconds = a->in_place ? WAY_PLACE_LEASE_S : WAY_LEASE_S;
		req.flags = ask->emergency ? NETD_EMERGENCY : 0;
	}
	if (ask->verb == CORE_STAGE && !by_relay)
		add_hint(&req, ask);
	return netd_client_send(&a->client, &req);
}

static void
read_node(struct way_seen *s, const struct netd_node *r)
{
	static const enum way_route routes[NETD_PATHS] = {
		[NETD_HUB] = WAY_NO_ROUTE,
		[NETD_LEASED] = WAY_LEASE_ROUTE,
		[NETD_DIRECT] = WAY_FIRM_ROUTE,
	};
	uint32_t carrier = r->path == NETD_HUB	 ? r->holder
			   : r->via == NETD_NONE ? r->node
						 : r->via;

	s->route = routes[r->path];
	s->there = r->peer != NETD_ABSENT;
	s->at.family = r->family;
	memcpy(s->at.b, r->addr, sizeof(s->at.b));
	s->at_port = r->port;
	s->foreign = r->flags & (NETD_OPERATOR | NETD_FROZEN);
	(void)snprintf(s->words, sizeof(s->words), "%s", r->foreign); /* cut is fine */
	if (carrier == NETD_NONE ||
	    (carrier == r->node && r->peer != NETD_RIGHT && r->path == NETD_HUB))
		return;
	s->staged = carrier == r->node ? WAY_BY_TUNNEL : WAY_BY_RELAY;
	s->via = carrier == r->node ? 0 : carrier;
	if (s->staged == WAY_BY_TUNNEL) {
		s->handshake_age_ns =
		    r->handshake_age_ms < 0 ? -1 : r->handshake_age_ms * NS_PER_MS;
		s->rx_bytes = r->rx_bytes;
	}
}

/* All records are there.  A relay path shakes hands with its relay. */
static void
read_state(struct asker *a)
{
	for (size_t i = 0; i < a->n; i++)
		a->seen[i] = (struct way_seen){ .handshake_age_ns = -1 };
	for (size_t i = 0; i < a->n_heard; i++)
		read_node(&a->seen[a->heard[i].node], &a->heard[i]);
	for (size_t i = 0; i < a->n_heard; i++) {
		struct way_seen *s = &a->seen[a->heard[i].node];

		if (s->staged != WAY_BY_RELAY)
			continue;
		for (size_t j = 0; j < a->n_heard; j++) {
			if (a->heard[j].node == s->via &&
			    a->heard[j].handshake_age_ms >= 0)
				s->handshake_age_ns =
				    a->heard[j].handshake_age_ms * NS_PER_MS;
		}
	}
	a->node.tokens = a->self.tokens;
	a->node.frozen = a->self.flags & NETD_FREEZE_FILE;
	(void)snprintf(a->node.verdict, sizeof(a->node.verdict), "%s", a->self.verdict);
}

int
asker_receive(struct asker *a, int *rc, char text[NETD_TEXT_MAX])
{
	union netd_answer answer;
	int got = netd_client_receive(&a->client, &answer);

	if (got < 0)
		return got;
	if (got == 1) {
		if (answer.head.kind == NETD_SELF)
			a->self = answer.self;
		else if (a->n_heard < a->n)
			a->heard[a->n_heard++] = answer.node;
		return ASKER_MORE;
	}
	*rc = answer.reply.error;
	memcpy(text, answer.reply.text, NETD_TEXT_MAX);
	if (a->greeting) {
		a->greeting = false;
		a->greeted = *rc == 0;
		return *rc == 0 ? ASKER_GREETED : ASKER_SPURNED;
	}
	if (*rc == -ESTALE)
		a->greeted = false;
	if (a->verb != CORE_LOOK || *rc < 0)
		return ASKER_TOLD;
	read_state(a);
	return ASKER_SAW;
}
