/* SPDX-License-Identifier: MIT */
/*
 * In order: kernel, small probes to all, large ones to those that answered, the direct
 * tunnels, and of those that did not answer the public address, its UDP port, what its
 * name means and whether a handshake comes after all.  Probes of one kind run at the
 * same time, so a thousand nodes take seconds too.
 */
#include "optimizer/operate/examine.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/pinger.h"
#include "optimizer/apply/kernel_nft.h"
#include "optimizer/operate/examine_ask.h"

#define COUNT	   3		     /* probes of each kind */
#define TIMEOUT_NS (2 * NS_PER_S)    /* for an answer */
#define ROUND_NS   (200 * NS_PER_MS) /* between two probes of a node */
#define SMALL	   56		     /* bytes of payload, as ping(8) */
#define POLL_NS	   (500 * NS_PER_MS) /* between two looks for a handshake */

/* One target of a round of probes. */
struct shot {
	struct doctor_probe *result; /* NULL: nothing to be sent */
	struct addr to;
	unsigned scope;
	size_t payload;
};

struct run {
	struct kernel *k;
	const struct mesh *mesh;
	const struct examine_opts *opts;
	struct examine *out;
	struct doctor_peer *peers; /* of the facts */
	struct pinger *pinger;
	struct shot *shots; /* one a node */
};

static size_t
headers(const struct addr *addr)
{
	return addr->family == AF_INET6 ? 48 : 28;
}

static struct way
way_of(const struct run *run, size_t node)
{
	return way_to(&run->out->state, run->mesh, node, run->peers[node].ifindex);
}

static bool
other(const struct run *run, size_t node)
{
	return node != run->out->facts.self;
}

/* --- probes --- */

static void
on_result(const struct pinger_result *r, void *ctx)
{
	struct run *run = ctx;
	struct doctor_probe *p = run->shots[r->slot].result;
	int64_t us = r->rtt_ns / NS_PER_US;

	if (!p)
		return;
	if (r->fate == PINGER_UNREACHABLE) {
		p->icmp_type = r->icmp_type;
		p->icmp_code = r->icmp_code;
	}
	if (r->fate != PINGER_ANSWERED)
		return;
	p->answered++;
	if (r->rtt_ns > 0 && (p->rtt_us < 0 || us < p->rtt_us))
		p->rtt_us = us;
}

static void
rest(struct run *run, int64_t ns)
{
	int fds[PINGER_FDS];
	struct pollfd polls[PINGER_FDS];
	size_t n = pinger_fds(run->pinger, fds);

	for (size_t i = 0; i < n; i++)
		polls[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	/* The caller looks at the clock, however this ends. */
	(void)poll(polls, (nfds_t)n, (int)(ns / NS_PER_MS) + 1);
}

static void
drain_until(struct run *run, struct mono until)
{
	for (;;) {
		size_t left = pinger_drain(run->pinger, clock_mono(), on_result, run);
		int64_t ns = mono_diff(until, clock_mono());

		/* until 0: while anything is under way */
		if (*run->opts->stop || (until.ns ? ns <= 0 : left == 0))
			return;
		rest(run, until.ns && ns < 50 * NS_PER_MS ? ns : 50 * NS_PER_MS);
	}
}

/* Send what the shots say, COUNT times, and wait for it. */
static void
fire(struct run *run)
{
	struct mono start = clock_mono();
	bool any = false;

	for (size_t i = 0; i < run->mesh->n_nodes; i++) {
		if (!run->shots[i].result)
			continue;
		*run->shots[i].result = (struct doctor_probe){ .rtt_us = -1 };
		any = true;
	}
	if (!any)
		return;
	for (int round = 0; round < COUNT; round++) {
		for (size_t i = 0; i < run->mesh->n_nodes; i++) {
			const struct shot *shot = &run->shots[i];
			struct pinger_probe probe = { .slot = (uint32_t)i,
				.to = shot->to,
				.scope = shot->scope,
				.payload = shot->payload,
				.overlay = true };
			uint64_t seq;
			int rc;

			if (!shot->result)
				continue;
			rc = pinger_send(run->pinger, &probe, clock_mono(), &seq);
			shot->result->sent++;
			if (rc < 0)
				shot->result->error = -rc;
		}
		drain_until(run, mono_add(start, (round + 1) * ROUND_NS));
	}
	drain_until(run, (struct mono){ 0 });
	memset(run->shots, 0, run->mesh->n_nodes * sizeof(*run->shots));
}

/* Those that have not answered yet. */
static void
probe_small(struct run *run)
{
	for (size_t i = 0; i < run->mesh->n_nodes; i++) {
		run->shots[i] = (struct shot){ .to = run->mesh->nodes[i].address.addr,
			.payload = SMALL };
		if (other(run, i) && run->peers[i].ifindex &&
		    !run->peers[i].small.answered)
			run->shots[i].result = &run->peers[i].small;
	}
	fire(run);
}

static void
probe_full(struct run *run)
{
	const struct state *st = &run->out->state;

	for (size_t i = 0; i < run->mesh->n_nodes; i++) {
		const struct addr *to = &run->mesh->nodes[i].address.addr;
		uint32_t mtu = run->peers[i].ifindex == st->direct_link.ifindex
				   ? st->direct_link.mtu
				   : st->hub_link.mtu;

		if (!run->peers[i].small.answered || mtu < 576)
			continue;
		run->shots[i] = (struct shot){ .to = *to,
			.payload = mtu - headers(to),
			.result = &run->peers[i].full };
	}
	fire(run);
}

/* By link-local addresses, which no route sends elsewhere. */
static void
probe_tunnels(struct run *run)
{
	const struct state *st = &run->out->state;

	for (size_t i = 0; i < run->mesh->n_nodes; i++) {
		if (!other(run, i) || !way_peer(st->direct, &run->mesh->nodes[i].key))
			continue;
		run->shots[i] =
		    (struct shot){ .to = wgkey_link_local(&run->mesh->nodes[i].key),
			    .scope = st->direct_link.ifindex,
			    .payload = SMALL,
			    .result = &run->peers[i].tunnel };
	}
	fire(run);
}

/* --- those that keep silent --- */

/* A peer of ours that did not answer, by its own tunnel. */
static bool
silent(const struct run *run, size_t node)
{
	struct way way = way_of(run, node);

	return other(run, node) && way.peer && way.via == node &&
	       !run->peers[node].small.answered;
}

static void
probe_public(struct run *run)
{
	for (size_t i = 0; i < run->mesh->n_nodes; i++) {
		struct way way = way_of(run, i);

		if (!silent(run, i) || !way.peer->endpoint.family)
			continue;
		run->shots[i] = (struct shot){ .to = way.peer->endpoint,
			.payload = SMALL,
			.result = &run->peers[i].public };
		run->peers[i].udp_error =
		    examine_ask_udp(&way.peer->endpoint, way.peer->port);
		examine_ask_name(&run->mesh->nodes[i].endpoint, &run->peers[i]);
	}
	fire(run);
}

static int
read_state(struct run *run, struct err *err)
{
	state_fini(&run->out->state);
	return state_read(run->k, run->mesh, clock_wall(), &run->out->state, err);
}

static int64_t
handshake(const struct run *run, size_t node)
{
	struct way way = way_of(run, node);

	return way.peer ? way.peer->handshake.ns : 0;
}

/* The probes have asked for handshakes; WireGuard asks again every 5 s. */
static int
wait_for_handshakes(struct run *run, struct err *err)
{
	struct mono begun = clock_mono(), end = mono_add(begun, run->opts->wait_ns);
	bool missing = true, quiet = false;
	int rc = 0;

	while (rc == 0 && missing && !*run->opts->stop) {
		rc = read_state(run, err);
		missing = false;
		for (size_t i = 0; rc == 0 && i < run->mesh->n_nodes; i++) {
			quiet |= silent(run, i);
			missing |= silent(run, i) &&
				   handshake(run, i) <= run->peers[i].before.ns;
		}
		/* Without traffic nobody would ask; and after a handshake, once more.
		 */
		if (quiet)
			probe_small(run);
		if (mono_diff(end, clock_mono()) <= 0)
			break;
		if (missing)
			rest(run, POLL_NS);
	}
	run->out->facts.waited_ns = mono_diff(clock_mono(), begun);
	return rc;
}

/* --- what is asked of the kernel besides --- */

static int
has_address(struct run *run, struct err *err)
{
	struct doctor_facts *facts = &run->out->facts;
	struct kernel_addr *addrs = NULL;
	unsigned ifindex = run->out->state.hub_link.ifindex;
	size_t n = 0;
	int rc = ifindex ? kernel_addrs(run->k, ifindex, &addrs, &n) : 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		facts->has_address |= addr_equal(&addrs[i].prefix.addr,
		    &run->mesh->nodes[facts->self].address.addr);
	free(addrs);
	return rc < 0 ? err_code(err, -rc, "reading addresses: %s", strerror(-rc)) : 0;
}

static void
read_filter(struct run *run)
{
	struct doctor_facts *facts = &run->out->facts;
	const struct kernel_link *link = &run->out->state.hub_link;
	struct kernel_nft_packet packet = { run->mesh->interface, link->ifindex,
		run->mesh->nodes[facts->self].address.addr.family };

	if (!link->ifindex)
		return;
	facts->forward = kernel_nft_forward(run->k, &packet, run->out->forward_why,
	    sizeof(run->out->forward_why));
	facts->forward_why = run->out->forward_why;
}

static void
look_up(struct run *run)
{
	for (size_t i = 0; i < run->mesh->n_nodes; i++) {
		struct doctor_peer *p = &run->peers[i];

		if (!other(run, i) ||
		    kernel_lookup(run->k, &run->mesh->nodes[i].address.addr,
			&p->ifindex) < 0)
			p->ifindex = 0;
		p->before.ns = handshake(run, i);
	}
}

static int
probe_all(struct run *run, struct err *err)
{
	uint64_t drops = 0, now;
	int rc = 0;

	run->out->facts.rp_counted = examine_ask_rp_drops(&drops);
	probe_small(run);
	probe_full(run);
	probe_tunnels(run);
	probe_public(run);
	if (!*run->opts->stop)
		rc = wait_for_handshakes(run, err);
	if (run->out->facts.rp_counted && examine_ask_rp_drops(&now) && now > drops)
		run->out->facts.rp_drops = now - drops;
	return rc;
}

int
examine_run(struct kernel *k, const struct mesh *mesh, size_t self,
    const struct examine_opts *opts, struct examine *out, struct err *err)
{
	struct run run = { .k = k, .mesh = mesh, .opts = opts, .out = out };
	int rc;

	*out = (struct examine){ 0 };
	out->facts = (struct doctor_facts){ .mesh = mesh,
		.self = self,
		.state = &out->state,
		.begun = clock_wall() };
	run.peers = mem_array(mesh->n_nodes, sizeof(*run.peers));
	out->facts.peers = run.peers;
	run.shots = mem_array(mesh->n_nodes, sizeof(*run.shots));
	rc = pinger_new(&(struct pinger_opts){ .timeout_ns = TIMEOUT_NS,
			    .dont_fragment = true },
	    &run.pinger, err);
	if (rc == 0)
		rc = read_state(&run, err);
	if (rc == 0)
		rc = has_address(&run, err);
	if (rc == 0) {
		read_filter(&run);
		look_up(&run);
		rc = probe_all(&run, err);
	}
	pinger_free(run.pinger);
	free(run.shots);
	return rc;
}

void
examine_fini(struct examine *e)
{
	state_fini(&e->state);
	free(e->facts.peers);
	e->facts.peers = NULL;
}
