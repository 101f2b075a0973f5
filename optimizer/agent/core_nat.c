/* SPDX-License-Identifier: MIT */
/*
 * Who starts which tunnel, whose NAT is to be opened at this moment, and the peers by
 * which the hub sees where nodes behind NAT are.
 */
#include "optimizer/agent/core_state.h"

#define TELL_NS	   (30 * NS_PER_S) /* between two words about one node's endpoint */
#define AGAIN_NS   (600 * NS_PER_S)
#define SELDOM_NS  (6 * 3600 * NS_PER_S)
#define REFLECT_NS (60 * NS_PER_S) /* after netd refused */

void
core_nat_init(struct core *c, size_t node)
{
	const struct mesh *mesh = c->opts.mesh;
	const struct mesh_node *self = &mesh->nodes[c->opts.self];
	struct way *w = &c->ways[node];

	w->starts = mesh_initiator(mesh, c->opts.self, node) == c->opts.self;
	w->both_nat = !self->endpoint.host[0] && !mesh->nodes[node].endpoint.host[0];
	w->named = mesh->nodes[node].endpoint.host[0] &&
		   !mesh->nodes[node].endpoint.addr.family;
	/* The one that does not start is the one that must be reachable. */
	w->listener = w->starts ? mesh->nodes[node].name : self->name;
	w->port = mesh_direct_port(mesh, w->starts ? &mesh->nodes[node] : self);
	w->in_place = mesh->in_place;
	w->once = c->opts.once;
}

bool
core_punch(struct core *c, struct core_punch *out, struct mono now)
{
	for (size_t i = 0; i < c->n; i++) {
		struct way *w = &c->ways[i];
		struct way_view v = core_state_view(c, w, now);

		if (!core_state_is_way(c, i) || !way_nat_punches(w, &v))
			continue;
		way_nat_punched(w, now);
		*out = (struct core_punch){ i, w->wish.hint, w->wish.hint_port };
		return true;
	}
	return false;
}

/*
 * Is it time to tell of an endpoint that did not change?  The collector may have
 * refused it, as one whose mesh file did not have the node yet, or lost it.  After ten
 * minutes, and each time that it has stood twice as long: a thousand nodes, every ten
 * minutes, would be more than the collector takes from one and the publisher reads.
 */
static bool
is_due_again(const struct way *w, struct mono now)
{
	int64_t stood_ns = mono_diff(w->punched, w->lead_from);

	if (stood_ns < AGAIN_NS)
		stood_ns = AGAIN_NS;
	if (stood_ns > SELDOM_NS)
		stood_ns = SELDOM_NS;
	return mono_diff(now, w->punched) >= stood_ns;
}

bool
core_nat_saw(struct core *c, size_t node, const struct way_seen *seen,
    char at[ENDPOINT_TEXT_MAX])
{
	struct way *w = &c->ways[node];
	struct endpoint ep = { .addr = seen->at, .port = seen->at_port };
	bool same = w->told_port == seen->at_port && addr_equal(&w->told, &seen->at);

	if (c->opts.self != c->opts.mesh->hub || !seen->at.family ||
	    seen->at_port == 0 || c->opts.mesh->nodes[node].endpoint.host[0])
		return false;
	if (same && !is_due_again(w, c->now))
		return false;
	/* One that moves with every packet is of no use to anybody. */
	if (w->told.family && mono_diff(c->now, w->punched) < TELL_NS)
		return false;
	if (!same)
		w->lead_from = c->now; /* of a node's way; the hub takes none itself */
	w->told = seen->at;
	w->told_port = seen->at_port;
	w->punched = c->now;
	addr_format(&ep.addr, ep.host);
	endpoint_format(&ep, at);
	return true;
}

static bool
lacks_reflector(const struct core *c, size_t i)
{
	const struct mesh *mesh = c->opts.mesh;

	if (c->opts.self == mesh->hub)
		return i != mesh->hub && !mesh->nodes[i].endpoint.host[0] &&
		       !c->ways[i].seen.there;
	return i == mesh->hub && !mesh->nodes[c->opts.self].endpoint.host[0] &&
	       !c->reflected;
}

bool
core_nat_ask(struct core *c, struct core_ask *out, struct mono now)
{
	/* In place the hub's peer is the hub's own. */
	if (c->opts.mesh->in_place || c->opts.once || c->self.frozen ||
	    now.ns < c->reflect_at.ns || c->now.ns == 0)
		return false;
	for (size_t i = 0; i < c->n; i++) {
		if (!lacks_reflector(c, i))
			continue;
		c->asked = (struct core_ask){ .verb = CORE_REFLECT,
			.node = i,
			.via = SIZE_MAX };
		c->asking = true;
		*out = c->asked;
		return true;
	}
	return false;
}

void
core_nat_told(struct core *c, int rc, struct mono now)
{
	if (rc < 0)
		c->reflect_at = mono_add(now, REFLECT_NS);
	else if (c->asked.node == c->opts.mesh->hub)
		c->reflected = true;
	else
		c->ways[c->asked.node].seen.there = true;
}
