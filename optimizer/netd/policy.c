/* SPDX-License-Identifier: MIT */
/*
 * The guards.  Each stands in a line of its own between a GUARD and its reason, so that
 * `make mutants` can take out one at a time.
 */
#include "optimizer/netd/policy.h"

#include <errno.h>
#include <string.h>

/* A build with -DMUTANT=n has no guard n.  Numbers are given once. */
#ifdef MUTANT
#define GUARD(n, condition) (MUTANT != (n) && (condition))
#else
#define GUARD(n, condition) (condition)
#endif

uint32_t
policy_tokens(struct mono full, struct mono now, struct policy_limit limit)
{
	int64_t each = limit.window_ns / limit.burst;
	int64_t owed = mono_diff(full, now);

	if (owed <= 0)
		return limit.burst;
	if (owed >= limit.window_ns)
		return 0;
	return (uint32_t)((limit.window_ns - owed) / each);
}

bool
policy_takes_hint(const struct mesh *mesh, size_t self, uint32_t node)
{
	/* The roster's literal endpoint stands above what anybody hints. */
	if (GUARD(1, mesh->nodes[node].endpoint.addr.family != 0))
		return false;
	/* Two that both start can collide for ever. */
	return !GUARD(2, mesh_initiator(mesh, self, node) != self);
}

bool
policy_dead(int64_t handshake_age_ns, bool tx_grew, int64_t hub_age_ns)
{
	/* Never withdraw to a hub that does not answer either. */
	if (GUARD(3, hub_age_ns < 0 || hub_age_ns > POLICY_SESSION))
		return false;
	return tx_grew && (handshake_age_ns < 0 || handshake_age_ns > POLICY_SESSION);
}

static bool
in_overlay(const struct mesh *mesh, const struct addr *addr)
{
	for (size_t i = 0; i < mesh->n_nodes; i++) {
		for (size_t j = 0; j < mesh->nodes[i].n_prefixes; j++) {
			if (prefix_contains(&mesh->nodes[i].prefixes[j], addr))
				return true;
		}
	}
	return false;
}

/* An address that a datagram can be sent to, outside of the tunnels. */
static bool
hint_ok(const struct mesh *mesh, const struct netd_request *req)
{
	static const char *const never[] = { "0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3",
		"::/127", "fe80::/10", "ff00::/8" };
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff }; /* ::ffff:0:0/96 */
	struct addr addr = { .family = req->family };
	struct prefix prefix;

	memcpy(addr.b, req->addr, sizeof(addr.b));
	if (addr.family == AF_INET6 && memcmp(addr.b, mapped, sizeof(mapped)) == 0)
		return false;
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		(void)prefix_parse(never[i], &prefix); /* they are right */
		if (prefix_contains(&prefix, &addr))
			return false;
	}
	return !in_overlay(mesh, &addr);
}

/* The address in the collector's URL; false for a name. */
static bool
collector_addr(const struct mesh *mesh, struct addr *out)
{
	const char *host = strstr(mesh->collector, "://");
	char text[MESH_COLLECTOR_MAX];
	size_t len;

	host = host ? host + 3 : mesh->collector;
	if (*host == '[') {
		host++;
		len = strcspn(host, "]");
	} else {
		len = strcspn(host, ":/");
	}
	memcpy(text, host, len);
	text[len] = '\0';
	return addr_parse(text, out) == 0;
}

/* Is this a prefix that may ever be routed into a tunnel? */
static int
check_prefix(const struct policy_facts *f, const struct prefix *prefix, struct err *err)
{
	char text[PREFIX_TEXT_MAX];
	struct addr collector;

	prefix_format(prefix, text);
	if (GUARD(4, prefix->len == 0))
		return err_code(err, EPERM, "%s: a default route is never ours", text);
	if (GUARD(5, collector_addr(f->mesh, &collector) &&
			 prefix_contains(prefix, &collector)))
		return err_code(err, EPERM,
		    "%s: the collector is in it, and must stay reachable by the hub",
		    text);
	for (size_t i = 0; i < f->mesh->n_nodes; i++) {
		const struct mesh_node *node = &f->mesh->nodes[i];

		if (GUARD(6, node->endpoint.addr.family &&
				 prefix_contains(prefix, &node->endpoint.addr)))
			return err_code(err, EPERM, "%s: the endpoint of %s is in it",
			    text, node->name);
	}
	return 0;
}

/* Of the roster, and neither we nor the hub. */
static int
check_node(const struct policy_facts *f, uint32_t node, struct err *err)
{
	const struct mesh_node *who;

	if (GUARD(7, node >= f->mesh->n_nodes))
		return err_code(err, EINVAL, "node %u: the mesh file has %zu", node,
		    f->mesh->n_nodes);
	who = &f->mesh->nodes[node];
	if (GUARD(8, node == f->self))
		return err_code(err, EPERM, "%s: is this node", who->name);
	if (GUARD(9, node == f->mesh->hub))
		return err_code(err, EPERM, "%s: the hub's path is never changed",
		    who->name);
	for (size_t i = 0; i < who->n_prefixes; i++) {
		int rc = check_prefix(f, &who->prefixes[i], err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int
check_relay(const struct policy_facts *f, const struct netd_request *req,
    struct err *err)
{
	int rc = check_node(f, req->via, err);

	if (rc < 0)
		return rc;
	if (GUARD(10, !f->mesh->nodes[req->via].relay))
		return err_code(err, EPERM,
		    "%s: the mesh file has no Relay = yes for it",
		    f->mesh->nodes[req->via].name);
	if (GUARD(11, req->via == req->node))
		return err_code(err, EPERM, "%s: cannot be its own relay",
		    f->mesh->nodes[req->via].name);
	return 0;
}

/* What stands against any change towards direct. */
static int
check_standing(const struct policy_facts *f, uint32_t node, struct err *err)
{
	const struct book_node *b = &f->book->node[node];
	const char *name = f->mesh->nodes[node].name;

	if (GUARD(12, f->freeze))
		return err_code(err, EROFS, "frozen: remove the file to go on");
	if (GUARD(13, f->journal != 0))
		return err_code(err, -f->journal,
		    "the journal cannot be written: %s: only withdrawals are possible",
		    strerror(-f->journal));
	if (GUARD(14, b->flags & NETD_OPERATOR))
		return err_code(err, EACCES, "%s: changed by hand: %s", name,
		    b->foreign);
	if (GUARD(15, b->flags & NETD_FROZEN))
		return err_code(err, ECANCELED, "%s: frozen: %s", name, b->foreign);
	return 0;
}

/* A prefix must not go to another peer while packets are routed into the first. */
static int
check_move(const struct policy_facts *f, uint32_t node, uint32_t to, struct err *err)
{
	if (GUARD(16, f->node.path != NETD_HUB && f->node.holder != to))
		return err_code(err, EEXIST,
		    "%s: its prefixes would move while a route for them is there: "
		    "withdraw first",
		    f->mesh->nodes[node].name);
	return 0;
}

static int
judge_stage(const struct policy_facts *f, const struct netd_request *req,
    struct err *err)
{
	const char *name = f->mesh->nodes[req->node].name;

	/* Of the hub interface others make use, too. */
	if (GUARD(34,
		f->mesh->in_place && f->node.own && !f->book->node[req->node].peer))
		return err_code(err, EACCES,
		    "%s: a peer on %s has its key, and is not of our making", name,
		    f->mesh->interface);
	if (GUARD(17, !f->node.own && f->n_peers >= NETD_DIRECT_MAX))
		return err_code(err, EPERM, "%s: %d direct peers are the most", name,
		    NETD_DIRECT_MAX);
	if (GUARD(18, req->family && policy_takes_hint(f->mesh, f->self, req->node) &&
			  !hint_ok(f->mesh, req)))
		return err_code(err, EPERM,
		    "%s: the endpoint hinted at is no address outside of the tunnels",
		    name);
	return check_move(f, req->node, req->node, err);
}

static int
judge_stage_relay(const struct policy_facts *f, const struct netd_request *req,
    struct err *err)
{
	if (GUARD(19, !f->via_right))
		return err_code(err, ENOENT, "%s: not staged: a relay needs a tunnel",
		    f->mesh->nodes[req->via].name);
	return check_move(f, req->node, req->via, err);
}

static struct policy_verdict
judge_lease(const struct policy_facts *f, const struct netd_request *req,
    struct err *err)
{
	uint32_t carrier = req->via == NETD_NONE ? req->node : req->via;
	enum book_bucket b = req->flags & NETD_EMERGENCY ? BOOK_URGENT : BOOK_CHANGES;
	const char *name = f->mesh->nodes[req->node].name;
	struct mono full = f->book->full[b];
	int rc = check_move(f, req->node, carrier, err);

	if (rc < 0)
		return (struct policy_verdict){ .rc = rc };
	if (GUARD(20, f->node.holder != carrier))
		return (struct policy_verdict){ .rc = err_code(err, ENOENT,
						    "%s: not staged that way", name) };
	if (GUARD(21, f->handshake_age_ns < 0 || f->handshake_age_ns > POLICY_SESSION))
		return (struct policy_verdict){
			.rc = err_code(err, ENOTCONN,
			    "%s: no handshake in the last 180 s", name)
		};
	if (f->node.path != NETD_HUB)
		return (struct policy_verdict){ 0 };
	if (GUARD(22, policy_tokens(full, f->now, f->limit[b]) == 0))
		return (struct policy_verdict){
			.rc = err_code(err, EBUSY,
			    "%s: %u path changes in %d s are enough: again in %d s",
			    name, f->limit[b].burst,
			    (int)(f->limit[b].window_ns / NS_PER_S),
			    (int)(policy_next_ns(full, f->now, f->limit[b]) /
				  NS_PER_S) +
				1)
		};
	return (struct policy_verdict){ .charge = true, .bucket = b };
}

static struct policy_verdict
judge_commit(const struct policy_facts *f, const struct netd_request *req,
    struct err *err)
{
	const char *name = f->mesh->nodes[req->node].name;
	bool urgent = f->book->node[req->node].urgent;

	if (f->node.committed)
		return (struct policy_verdict){ 0 };
	if (GUARD(23, !f->node.leased))
		return (struct policy_verdict){ .rc = err_code(err, ENOENT,
						    "%s: no lease to commit", name) };
	/* What the hub's silence was let through for is paid for here. */
	if (GUARD(24, urgent && policy_tokens(f->book->full[BOOK_CHANGES], f->now,
				    f->limit[BOOK_CHANGES]) == 0))
		return (struct policy_verdict){ .rc = err_code(err, EBUSY,
						    "%s: leased in an emergency: no "
						    "change is left to commit it",
						    name) };
	return (struct policy_verdict){ .charge = urgent, .bucket = BOOK_CHANGES };
}

static int
judge_unstage(const struct policy_facts *f, const struct netd_request *req,
    struct err *err)
{
	const char *name = f->mesh->nodes[req->node].name;

	if (GUARD(25, f->node.path != NETD_HUB))
		return err_code(err, EEXIST, "%s: a route leads to it: withdraw first",
		    name);
	for (size_t i = 0; i < f->mesh->n_nodes && req->via == NETD_NONE; i++) {
		if (GUARD(26, i != req->node && f->book->node[i].via == req->node))
			return err_code(err, EEXIST, "%s: it is the relay of %s", name,
			    f->mesh->nodes[i].name);
	}
	if (GUARD(27,
		mono_diff(f->now, f->book->node[req->node].withdrawn) < POLICY_SETTLE ||
		    f->quiet_ns < POLICY_SETTLE))
		return err_code(err, EBUSY, "%s: the far end may still be sending",
		    name);
	return 0;
}

static int
judge_adopt(const struct policy_facts *f, const struct netd_request *req,
    struct err *err)
{
	const struct book_node *b = &f->book->node[req->node];

	if (GUARD(28, mono_diff(f->now, b->adopted) < POLICY_ASSERT))
		return err_code(err, EBUSY,
		    "%s: given back a moment ago: again in %lld s",
		    f->mesh->nodes[req->node].name,
		    (long long)((POLICY_ASSERT - mono_diff(f->now, b->adopted)) /
				NS_PER_S));
	return 0;
}

/* Between the hub and a node behind NAT, and nobody else. */
static int
judge_reflect(const struct policy_facts *f, uint32_t node, struct err *err)
{
	bool at_hub = f->self == f->mesh->hub;
	size_t behind = at_hub ? node : f->self;

	if (GUARD(30, node >= f->mesh->n_nodes))
		return err_code(err, EINVAL, "node %u: not in the mesh file", node);
	if (GUARD(31, at_hub == (node == f->mesh->hub)))
		return err_code(err, EPERM, "only the hub and a node can reflect");
	if (GUARD(32, f->mesh->nodes[behind].endpoint.host[0]))
		return err_code(err, EPERM, "%s: it has an Endpoint, so no NAT",
		    f->mesh->nodes[behind].name);
	return GUARD(33, f->freeze) ? err_code(err, EROFS, "frozen by the file") : 0;
}

struct policy_verdict
policy_judge(const struct policy_facts *f, const struct netd_request *req,
    struct err *err)
{
	struct policy_verdict v = { 0 };
	/* The way back is never closed; the caller checks that the node exists. */
	if (req->verb == NETD_HELLO || req->verb == NETD_STATE ||
	    req->verb == NETD_WITHDRAW || req->verb == NETD_PANIC)
		return v;
	if (GUARD(29, !f->greeted))
		v.rc = err_code(err, ESTALE, "no hello with this mesh file yet");
	/* A prefix cannot be with two peers while it moves. */
	else if (GUARD(35, f->mesh->in_place &&
			       (req->via != NETD_NONE || req->verb == NETD_REFLECT)))
		v.rc = err_code(err, EPERM, "in place: no relays, no reflectors");
	/* Its own paths are everybody's way back. */
	else if (GUARD(36, f->self == f->mesh->hub && req->verb <= NETD_COMMIT))
		v.rc = err_code(err, EPERM, "the hub has no paths to change");
	if (v.rc == 0 && req->verb == NETD_REFLECT)
		v.rc = judge_reflect(f, req->node, err);
	if (v.rc < 0 || req->verb == NETD_REFLECT)
		return v;
	if (req->verb != NETD_ADOPT || req->node != f->mesh->hub) /* a reflector */
		v.rc = check_node(f, req->node, err);
	if (v.rc == 0 && req->via != NETD_NONE)
		v.rc = check_relay(f, req, err);
	if (v.rc == 0 && req->verb == NETD_ADOPT)
		v.rc = judge_adopt(f, req, err);
	else if (v.rc == 0)
		v.rc = check_standing(f, req->node, err);
	if (v.rc == 0 && req->via != NETD_NONE)
		v.rc = check_standing(f, req->via, err);
	if (v.rc < 0)
		return v;
	switch (req->verb) {
	case NETD_STAGE:
		v.rc = judge_stage(f, req, err);
		break;
	case NETD_STAGE_RELAY:
		v.rc = judge_stage_relay(f, req, err);
		break;
	case NETD_LEASE:
		return judge_lease(f, req, err);
	case NETD_COMMIT:
		return judge_commit(f, req, err);
	case NETD_UNSTAGE:
		v.rc = judge_unstage(f, req, err);
		break;
	}
	return v;
}
