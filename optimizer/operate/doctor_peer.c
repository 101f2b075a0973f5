/* SPDX-License-Identifier: MIT */
/*
 * The way to one node, from here outwards: is the peer configured, is there a route, do
 * the AllowedIPs let it through, does the peer shake hands, does it answer, large
 * packets too, and is there a shorter way?  The first that is wrong is the one that is
 * told.
 */
#include "optimizer/operate/doctor_leg.h"

#include <stdio.h>
#include <string.h>

/* --- configured? --- */

/* Which nodes must be peers of the hub interface: all of the hub's, the hub of ours. */
static bool
judge_peer(struct doctor_subject *s)
{
	const struct doctor_facts *facts = s->j->facts;
	const struct kernel_device *hub = facts->state->hub;
	const struct mesh *mesh = s->j->mesh;
	struct doctor_finding f = doctor_judge_new(DOCTOR_PEER, true, s->node);
	const struct kernel_peer *owner;
	char other[WGKEY_SHORT_MAX], prefix[PREFIX_TEXT_MAX];

	if (facts->self != mesh->hub && s->node != mesh->hub)
		return true;
	if (way_peer(hub, &s->it->key))
		return true;
	owner = way_owner(hub, &s->it->address.addr);
	DOCTOR_VERDICT(f, "%s is not a peer of %s", s->it->name, mesh->interface);
	if (owner && way_node(mesh, &owner->key) == SIZE_MAX) {
		wgkey_short(&owner->key, other);
		DOCTOR_EVIDENCE(f,
		    "a peer that the mesh file does not know, %s, has its address",
		    other);
	} else {
		DOCTOR_EVIDENCE(f, "none of its %zu peers has the key %.8s",
		    hub->n_peers, s->key);
	}
	if (facts->self == mesh->hub) {
		DOCTOR_NEXT(f, "meshopt peer add %s", s->it->name);
	} else {
		prefix_format(&s->it->prefixes[s->it->n_prefixes - 1], prefix);
		DOCTOR_NEXT(f, "wg set %s peer %s endpoint %s:%u allowed-ips %s",
		    mesh->interface, s->key, s->it->endpoint.host, s->it->endpoint.port,
		    prefix);
	}
	return doctor_leg_tell(s, &f);
}

/* --- routed? --- */

static bool
judge_route(struct doctor_subject *s)
{
	const struct mesh *mesh = s->j->mesh;
	struct doctor_finding f = doctor_judge_new(DOCTOR_ROUTE, true, s->node);
	const struct prefix *prefix = &s->it->prefixes[0];
	char addr[ADDR_TEXT_MAX], wide[PREFIX_TEXT_MAX];

	if (s->way.kind != WAY_NONE && s->way.kind != WAY_ASTRAY)
		return true;
	addr_format(&s->it->address.addr, addr);
	for (size_t i = 0; i < s->it->n_prefixes; i++) {
		if (prefix_contains(&s->it->prefixes[i], &s->it->address.addr) &&
		    s->it->prefixes[i].len < prefix->len)
			prefix = &s->it->prefixes[i];
	}
	prefix_format(prefix, wide);
	if (s->way.kind == WAY_NONE) {
		DOCTOR_VERDICT(f, "there is no route to %s", s->it->name);
		DOCTOR_EVIDENCE(f, "the kernel has none for %s", addr);
	} else {
		DOCTOR_VERDICT(f, "the route to %s does not lead into %s", s->it->name,
		    mesh->interface);
		DOCTOR_EVIDENCE(f, "%s leaves by another interface, number %u", addr,
		    s->p->ifindex);
	}
	DOCTOR_NEXT(f, "ip route replace %s dev %s; ip route get %s", wide,
	    mesh->interface, addr);
	return doctor_leg_tell(s, &f);
}

/* --- allowed? --- */

/* All that the peer has, and what it lacks, as wg set wants it. */
static void
allowed_text(const struct doctor_subject *s, const struct kernel_peer *peer, char *text,
    size_t size)
{
	size_t at = 0;
	char prefix[PREFIX_TEXT_MAX];

	for (size_t i = 0; peer && i < peer->n_allowed && at < size; i++) {
		prefix_format(&peer->allowed[i], prefix);
		at += (size_t)snprintf(text + at, size - at, "%s,", prefix);
	}
	for (size_t i = 0; i < s->it->n_prefixes && at < size; i++) {
		prefix_format(&s->it->prefixes[i], prefix);
		at += (size_t)snprintf(text + at, size - at, "%s%s", i ? "," : "",
		    prefix);
	}
}

/* Who should carry it by this interface: the node itself, or the hub. */
static size_t
carrier(const struct doctor_subject *s)
{
	const struct mesh *mesh = s->j->mesh;

	if (s->way.beside || s->j->facts->self == mesh->hub || s->node == mesh->hub)
		return s->node;
	return way_peer(s->j->facts->state->hub, &s->it->key) ? s->node : mesh->hub;
}

static bool
judge_allowed(struct doctor_subject *s)
{
	const struct state *st = s->j->facts->state;
	const struct mesh_node *by = &s->j->mesh->nodes[carrier(s)];
	const struct kernel_device *dev = s->way.beside ? st->direct : st->hub;
	struct doctor_finding f = doctor_judge_new(DOCTOR_ALLOWED_IPS, true, s->node);
	bool wrong = s->way.kind == WAY_BLOCKED || s->way.kind == WAY_STRANGER;
	char addr[ADDR_TEXT_MAX], key[WGKEY_TEXT_MAX], text[400] = "", other[96];

	/* What is for one spoke must not go to another. */
	if (s->j->facts->self == s->j->mesh->hub && s->way.kind == WAY_RELAY)
		wrong = true;
	if (!wrong)
		return true;
	addr_format(&s->it->address.addr, addr);
	wgkey_format(&by->key, key);
	allowed_text(s, way_peer(dev, &by->key), text, sizeof(text));
	DOCTOR_VERDICT(f, "the AllowedIPs of %s do not include %s", by->name, addr);
	if (s->way.kind == WAY_BLOCKED) {
		DOCTOR_EVIDENCE(f, "%s has no peer for it: sending says ENOKEY",
		    s->dev);
	} else {
		wgkey_short(&s->way.peer->key, other);
		DOCTOR_EVIDENCE(f, "on %s it belongs to %s", s->dev,
		    s->way.via == SIZE_MAX ? other
					   : s->j->mesh->nodes[s->way.via].name);
	}
	DOCTOR_NEXT(f, "wg set %s peer %s allowed-ips %s", s->dev, key, text);
	return doctor_leg_tell(s, &f);
}

/* --- behind the hub, or a relay --- */

static void
judge_behind(struct doctor_subject *s)
{
	const struct doctor_facts *facts = s->j->facts;
	const struct mesh *mesh = s->j->mesh;
	const struct mesh_node *via = &mesh->nodes[s->way.via];
	struct doctor_finding f = doctor_judge_new(DOCTOR_FORWARDING, true, s->way.via);
	size_t behind = 0, answer = 0;

	if (!facts->peers[s->way.via].small.answered)
		return; /* told already, as the hub's own */
	for (size_t i = 0; i < mesh->n_nodes; i++) {
		const struct doctor_peer *p = &facts->peers[i];
		struct way way;

		if (i == facts->self || i == s->way.via)
			continue;
		way = way_to(facts->state, mesh, i, p->ifindex);
		behind += way.via == s->way.via;
		answer += way.via == s->way.via && p->small.answered;
	}
	if (answer == 0) {
		if (s->j->forward_told)
			return;
		s->j->forward_told = true;
		DOCTOR_VERDICT(f, "%s does not forward%s", via->name,
		    behind > 1 ? "" : ", or the one node behind it is away");
		DOCTOR_EVIDENCE(f, "it answers, and of the %zu node%s behind it none%s",
		    behind, behind == 1 ? "" : "s",
		    s->p->small.icmp_type ? "; it says that this is prohibited" : "");
		DOCTOR_NEXT(f, "on %s: meshopt doctor (ip_forward, FORWARD rules)",
		    via->name);
	} else {
		f.check = DOCTOR_ANSWER;
		f.node = s->node;
		DOCTOR_VERDICT(f, "%s does not answer", s->it->name);
		DOCTOR_EVIDENCE(f, "0 of %u pings, while %zu of %zu behind %s answer",
		    s->p->small.sent, answer, behind, via->name);
		DOCTOR_NEXT(f, "on %s: meshopt doctor %s; on %s: meshopt doctor",
		    via->name, s->it->name, s->it->name);
	}
	(void)doctor_leg_tell(s, &f);
}

/* --- it answers: also large packets, and by the best way? --- */

static bool
judge_mtu(struct doctor_subject *s)
{
	const struct doctor_probe *full = &s->p->full;
	const struct state *st = s->j->facts->state;
	uint32_t mtu = s->way.beside ? st->direct_link.mtu : st->hub_link.mtu;
	struct doctor_finding f = doctor_judge_new(DOCTOR_MTU, true, s->node);
	bool hub = s->way.via == s->j->mesh->hub;

	/* Who says that it is too large is no black hole: path MTU discovery works. */
	if (!full->sent || full->answered || full->error || full->icmp_type ||
	    (hub && s->j->hub_narrow))
		return true;
	if (s->node == s->j->mesh->hub)
		s->j->hub_narrow = true;
	DOCTOR_VERDICT(f, "large packets vanish on the way to %s", s->it->name);
	DOCTOR_EVIDENCE(f,
	    "%u of %u small pings are answered, 0 of %u of %u bytes, and nobody says "
	    "why",
	    s->p->small.answered, s->p->small.sent, full->sent, mtu);
	DOCTOR_NEXT(f, "meshopt ping --mtu %s; then ip link set %s mtu N at both ends",
	    s->it->name, s->dev);
	return doctor_leg_tell(s, &f);
}

static bool
judge_detour(struct doctor_subject *s)
{
	const struct doctor_probe *tunnel = &s->p->tunnel;
	struct doctor_finding f = doctor_judge_new(DOCTOR_DETOUR, true, s->node);
	char by[WAY_TEXT_MAX];

	if (s->way.kind == WAY_DIRECT || !tunnel->answered || s->p->small.rtt_us < 0 ||
	    tunnel->rtt_us + DOCTOR_DETOUR_US >= s->p->small.rtt_us)
		return true;
	way_text(s->j->mesh, &s->way, by);
	DOCTOR_VERDICT(f, "traffic to %s goes by the %s though its direct tunnel is up",
	    s->it->name, by);
	DOCTOR_EVIDENCE(f, "%.1f ms by the %s, %.1f ms in the tunnel",
	    (double)s->p->small.rtt_us / 1000, by, (double)tunnel->rtt_us / 1000);
	DOCTOR_NEXT(f, "meshopt why %s %s; meshopt apply --yes plan.json",
	    s->j->mesh->nodes[s->j->facts->self].name, s->it->name);
	return doctor_leg_tell(s, &f);
}

static void
healthy(struct doctor_subject *s)
{
	struct doctor_finding f = doctor_judge_new(DOCTOR_ANSWER, false, s->node);
	char by[WAY_TEXT_MAX], ago[64], forced[96] = "";
	int64_t idle = s->j->facts->begun.ns - s->p->before.ns;

	way_text(s->j->mesh, &s->way, by);
	doctor_leg_handshake(s, ago);
	if (idle > DOCTOR_STALE && s->p->before.ns && s->way.via == s->node) {
		doctor_leg_age(idle, ago);
		(void)snprintf(forced, sizeof(forced), " (it was %s old)", ago);
		doctor_leg_handshake(s, ago);
	}
	DOCTOR_VERDICT(f, "%s answers, %s", s->it->name, by);
	DOCTOR_EVIDENCE(f, "%u of %u pings, %.1f ms; handshake%s%s %s%s",
	    s->p->small.answered, s->p->small.sent, (double)s->p->small.rtt_us / 1000,
	    s->way.via == s->node ? "" : " of ",
	    s->way.via == s->node ? "" : s->j->mesh->nodes[s->way.via].name, ago,
	    forced);
	(void)doctor_leg_tell(s, &f);
}

void
doctor_peer_judge(struct doctor_judge *j, size_t node)
{
	const struct doctor_facts *facts = j->facts;
	struct doctor_subject s = { .j = j,
		.node = node,
		.it = &j->mesh->nodes[node],
		.p = &facts->peers[node] };
	size_t before = j->bad;

	wgkey_format(&s.it->key, s.key);
	s.way = way_to(facts->state, j->mesh, node, s.p->ifindex);
	s.dev = s.way.beside ? j->mesh->direct_interface : j->mesh->interface;
	if (!judge_peer(&s))
		goto out;
	/* Without the hub as a peer nothing that should go by it has a way. */
	if (j->hub_bad && !s.p->small.answered && s.way.via != node)
		return;
	if (!judge_route(&s) || !judge_allowed(&s))
		goto out;
	if (!s.p->small.answered) {
		if (s.way.via == node)
			doctor_leg_judge(&s);
		else
			judge_behind(&s);
	} else if (judge_mtu(&s) && judge_detour(&s)) {
		healthy(&s);
	}
out:
	if (node == j->mesh->hub)
		j->hub_bad = j->bad > before;
}
