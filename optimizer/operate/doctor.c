/* SPDX-License-Identifier: MIT */
/*
 * This node by itself: its interface, key, clock and forwarding; then each peer.
 */
#include "optimizer/operate/doctor_judge.h"

#include <stdarg.h>
#include <stdio.h>

const char *
doctor_check_name(enum doctor_check check)
{
	static const char *const names[DOCTOR_CHECKS] = {
		[DOCTOR_INTERFACE] = "interface",
		[DOCTOR_KEY] = "key",
		[DOCTOR_CLOCK] = "clock",
		[DOCTOR_RP_FILTER] = "rp-filter",
		[DOCTOR_IP_FORWARD] = "ip-forward",
		[DOCTOR_FORWARD_RULES] = "forward-rules",
		[DOCTOR_PEER] = "peer",
		[DOCTOR_ROUTE] = "route",
		[DOCTOR_ALLOWED_IPS] = "allowed-ips",
		[DOCTOR_ENDPOINT] = "endpoint",
		[DOCTOR_UDP_PORT] = "udp-port",
		[DOCTOR_HANDSHAKE] = "handshake",
		[DOCTOR_ANSWER] = "answer",
		[DOCTOR_FORWARDING] = "forwarding",
		[DOCTOR_MTU] = "mtu",
		[DOCTOR_DETOUR] = "detour",
	};

	return names[check];
}

struct doctor_finding
doctor_judge_new(enum doctor_check check, bool bad, size_t node)
{
	return (struct doctor_finding){ .check = check, .bad = bad, .node = node };
}

void
doctor_judge_put(char *text, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, size, fmt, ap); /* cut is fine */
	va_end(ap);
}

void
doctor_judge_tell(struct doctor_judge *j, const struct doctor_finding *f)
{
	j->bad += f->bad;
	j->report(f, j->ctx);
}

/* True if there is an interface whose peers are worth asking about. */
static bool
judge_interface(struct doctor_judge *j)
{
	const struct state *st = j->facts->state;
	const struct mesh_node *self = &j->mesh->nodes[j->facts->self];
	const char *dev = j->mesh->interface;
	struct doctor_finding f = doctor_judge_new(DOCTOR_INTERFACE, true, SIZE_MAX);
	char text[PREFIX_TEXT_MAX];

	prefix_format(&self->address, text);
	if (st->hub_link.ifindex == 0) {
		DOCTOR_VERDICT(f, "%s does not exist", dev);
		DOCTOR_EVIDENCE(f, "no interface has that name");
		DOCTOR_NEXT(f, "wg-quick up %s", dev);
	} else if (!st->hub) {
		DOCTOR_VERDICT(f, "%s is not a WireGuard interface", dev);
		DOCTOR_EVIDENCE(f, "its kind is another");
		DOCTOR_NEXT(f, "ip -d link show %s; see Interface in the mesh file",
		    dev);
	} else if (!st->hub_link.up) {
		DOCTOR_VERDICT(f, "%s is down", dev);
		DOCTOR_EVIDENCE(f, "it exists, but its flag UP is not set");
		DOCTOR_NEXT(f, "ip link set %s up", dev);
	} else if (!j->facts->has_address) {
		DOCTOR_VERDICT(f, "%s lacks the overlay address", dev);
		DOCTOR_EVIDENCE(f, "%s has %s in the mesh file", self->name, text);
		DOCTOR_NEXT(f, "ip addr add %s dev %s", text, dev);
	} else {
		f.bad = false;
		DOCTOR_VERDICT(f, "%s is up", dev);
		DOCTOR_EVIDENCE(f, "%s, MTU %u, UDP port %u, %zu peer%s%s", text,
		    st->hub_link.mtu, st->hub->port, st->hub->n_peers,
		    st->hub->n_peers == 1 ? "" : "s",
		    st->hub_link.userspace ? ", in user space" : "");
	}
	doctor_judge_tell(j, &f);
	return !f.bad;
}

static bool
judge_key(struct doctor_judge *j)
{
	const struct mesh_node *self = &j->mesh->nodes[j->facts->self];
	const struct kernel_device *hub = j->facts->state->hub;
	struct doctor_finding f = doctor_judge_new(DOCTOR_KEY, false, SIZE_MAX);
	char has[WGKEY_SHORT_MAX], wants[WGKEY_SHORT_MAX];

	wgkey_short(&hub->key, has);
	wgkey_short(&self->key, wants);
	if (hub->has_key && wgkey_compare(&hub->key, &self->key) == 0) {
		DOCTOR_VERDICT(f, "the key is the mesh file's");
		DOCTOR_EVIDENCE(f, "%s", has);
	} else {
		f.bad = true;
		DOCTOR_VERDICT(f, "%s has another key than %s in the mesh file",
		    j->mesh->interface, self->name);
		DOCTOR_EVIDENCE(f, "it has %s, and the mesh file says %s",
		    hub->has_key ? has : "none", wants);
		DOCTOR_NEXT(f,
		    "wg set %s private-key FILE, with the key that belongs to %s",
		    j->mesh->interface, wants);
	}
	doctor_judge_tell(j, &f);
	return !f.bad;
}

static void
judge_clock(struct doctor_judge *j)
{
	struct doctor_finding f = doctor_judge_new(DOCTOR_CLOCK, false, SIZE_MAX);
	int64_t ahead = state_clock_back(j->facts->state);

	if (ahead) {
		f.bad = j->clock_bad = true;
		DOCTOR_VERDICT(f, "the clock of this node went back");
		DOCTOR_EVIDENCE(f,
		    "the latest handshake lies %.0f s ahead; peers refuse new ones "
		    "until then, as replays",
		    (double)ahead / NS_PER_S);
		DOCTOR_NEXT(f, "timedatectl set-ntp true; timedatectl timesync-status");
	} else {
		DOCTOR_VERDICT(f, "the clock did not go back");
		DOCTOR_EVIDENCE(f, "no handshake lies in the future");
	}
	doctor_judge_tell(j, &f);
}

static uint32_t
larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static void
judge_rp_filter(struct doctor_judge *j)
{
	const struct doctor_facts *facts = j->facts;
	const struct state *st = facts->state;
	struct doctor_finding f = doctor_judge_new(DOCTOR_RP_FILTER, false, SIZE_MAX);
	uint32_t hub = larger(st->rp_all, st->rp_hub);
	uint32_t direct = larger(st->rp_all, st->rp_direct);
	bool beside = !j->mesh->in_place && st->direct && st->direct->n_peers;
	bool strict = hub == 1 || (beside && direct == 1);
	const char *where = st->rp_all == 1 ? "all"
			    : hub == 1	    ? j->mesh->interface
					    : j->mesh->direct_interface;

	/* Strict is right with one way in; with two it drops what comes by the other.
	 */
	if (strict && (beside || facts->rp_drops)) {
		f.bad = true;
		DOCTOR_VERDICT(f, "rp_filter is strict and there are two ways in");
		DOCTOR_EVIDENCE(f,
		    "%s %u, %s %u, all %u; dropped while probing: %llu packets",
		    j->mesh->interface, st->rp_hub, j->mesh->direct_interface,
		    st->rp_direct, st->rp_all, (unsigned long long)facts->rp_drops);
		DOCTOR_NEXT(f, "sysctl -w net.ipv4.conf.%s.rp_filter=2", where);
	} else {
		DOCTOR_VERDICT(f, "rp_filter drops nothing");
		DOCTOR_EVIDENCE(f, "%s %u, all %u%s", j->mesh->interface, st->rp_hub,
		    st->rp_all, beside ? ", and the direct interface as well" : "");
	}
	doctor_judge_tell(j, &f);
}

static void
judge_forwarding(struct doctor_judge *j)
{
	const struct doctor_facts *facts = j->facts;
	const char *dev = j->mesh->interface, *key = state_forward_key(j->mesh);
	struct doctor_finding f = doctor_judge_new(DOCTOR_IP_FORWARD, false, SIZE_MAX);

	if (facts->state->forwards) {
		DOCTOR_VERDICT(f, "this node forwards");
		DOCTOR_EVIDENCE(f, "%s is 1", key);
	} else {
		f.bad = true;
		DOCTOR_VERDICT(f,
		    "this node forwards for others, and IP forwarding is off");
		DOCTOR_EVIDENCE(f, "%s is 0", key);
		DOCTOR_NEXT(f, "sysctl -w %s=1", key);
	}
	doctor_judge_tell(j, &f);
	f = doctor_judge_new(DOCTOR_FORWARD_RULES, false, SIZE_MAX);
	DOCTOR_EVIDENCE(f, "%s", facts->forward_why ? facts->forward_why : "not read");
	if (facts->forward == KERNEL_NFT_SHUT) {
		f.bad = true;
		DOCTOR_VERDICT(f,
		    "the packet filter drops what is forwarded from %s to %s", dev,
		    dev);
		DOCTOR_NEXT(f, "iptables -I FORWARD -i %s -o %s -j ACCEPT", dev, dev);
	} else if (facts->forward == KERNEL_NFT_OPEN) {
		DOCTOR_VERDICT(f, "the packet filter lets %s to %s pass", dev, dev);
	} else {
		DOCTOR_VERDICT(f, "the packet filter cannot be told from here");
	}
	doctor_judge_tell(j, &f);
}

size_t
doctor_judge(const struct doctor_facts *facts, size_t peer, doctor_cb *report,
    void *ctx)
{
	const struct mesh *mesh = facts->mesh;
	struct doctor_judge j = { .facts = facts,
		.mesh = mesh,
		.report = report,
		.ctx = ctx };

	if (!judge_interface(&j) || !judge_key(&j))
		return j.bad;
	judge_clock(&j);
	judge_rp_filter(&j);
	if (facts->self == mesh->hub || mesh->nodes[facts->self].relay)
		judge_forwarding(&j);
	if (facts->self != mesh->hub)
		doctor_peer_judge(&j, mesh->hub);
	for (size_t i = 0; i < mesh->n_nodes; i++) {
		if (i != facts->self && i != mesh->hub &&
		    (peer == SIZE_MAX || peer == i))
			doctor_peer_judge(&j, i);
	}
	return j.bad;
}
