/* SPDX-License-Identifier: MIT */
/*
 * Rounds: each target is sent to once a round, in turn and not at once, so that neither
 * this machine nor the first hop sees a burst.  Answers are waited for with poll(),
 * since somebody looks on; the stamps are the kernel's all the same.
 */
#include "optimizer/ping_run.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/pinger.h"
#include "common/stamp_sender.h"
#include "optimizer/ping_mtu.h"

#define PAYLOAD_BYTES 56 /* as ping(8) */

struct run {
	const struct ping_opts *opts;
	struct ping_target *targets;
	size_t n;
	struct pinger *pinger;	     /* NULL if no target wants it */
	struct stamp_sender *sender; /* likewise */
	int64_t *last_ns, *diff_ns;  /* a target: for the jitter */
	uint32_t sent, answered;
};

static void
on_result(const struct pinger_result *r, void *ctx)
{
	struct run *run = ctx;
	struct ping_target *t = &run->targets[r->slot];

	switch (r->fate) {
	case PINGER_ANSWERED:
		t->answered++;
		run->answered++;
		t->ttl = r->ttl;
		if (r->rtt_ns <= 0)
			return;
		if (t->n_rtts > 0)
			run->diff_ns[r->slot] +=
			    llabs(r->rtt_ns - run->last_ns[r->slot]);
		run->last_ns[r->slot] = r->rtt_ns;
		t->rtts_ns[t->n_rtts++] = r->rtt_ns;
		return;
	case PINGER_DUPLICATE:
		t->duplicate++;
		return;
	case PINGER_UNREACHABLE:
		t->icmp_type = r->icmp_type;
		t->icmp_code = r->icmp_code;
		return;
	default:
		return; /* what is lost or late was sent and not answered */
	}
}

static void
send_one(struct run *run, uint32_t slot)
{
	struct ping_target *t = &run->targets[slot];
	struct pinger_probe icmp = { .slot = slot,
		.to = t->addr,
		.payload = PAYLOAD_BYTES,
		.overlay = strcmp(t->what, "overlay") == 0,
		.tos = (uint8_t)(t->dscp << 2) };
	struct stamp_probe stamp = { .slot = slot, .to = t->addr, .dscp = t->dscp };
	uint64_t seq;
	int rc;

	if (!t->addr.family)
		return;
	if (t->method == PING_ICMP)
		rc = pinger_send(run->pinger, &icmp, clock_mono(), &seq);
	else
		rc = stamp_sender_send(run->sender, &stamp, clock_mono(), &seq);
	t->sent++;
	run->sent++;
	if (rc < 0)
		t->error = -rc;
}

/* Read what has come; how many are under way. */
static size_t
drain(struct run *run)
{
	size_t left = 0;

	if (run->pinger)
		left += pinger_drain(run->pinger, clock_mono(), on_result, run);
	if (run->sender)
		left += stamp_sender_drain(run->sender, clock_mono(), on_result, run);
	return left;
}

/* Until then, or until something comes. */
static void
wait_until(const struct run *run, struct mono until)
{
	int fds[PINGER_FDS + 2];
	struct pollfd polls[PINGER_FDS + 2];
	int64_t ms = mono_diff(until, clock_mono()) / NS_PER_MS + 1;
	size_t n = 0;

	if (run->pinger)
		n += pinger_fds(run->pinger, fds);
	if (run->sender)
		n += stamp_sender_fds(run->sender, fds + n);
	for (size_t i = 0; i < n; i++)
		polls[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	(void)poll(polls, (nfds_t)n, ms < 1 ? 1 : (int)ms); /* we look at the clock */
}

static void
show(const struct run *run)
{
	if (run->opts->progress)
		run->opts->progress(run->sent, run->answered,
		    (uint32_t)run->n * run->opts->count);
}

static void
probe_all(struct run *run)
{
	const struct ping_opts *o = run->opts;
	int64_t gap_ns = o->interval_ns / (int64_t)run->n;
	uint32_t all = (uint32_t)run->n * o->count;
	struct mono next = clock_mono();

	for (uint32_t i = 0; i < all && !*o->stop; i++) {
		send_one(run, i % (uint32_t)run->n);
		next = mono_add(next, gap_ns);
		while (!*o->stop && mono_diff(next, clock_mono()) > 0) {
			(void)drain(run); /* results count themselves */
			show(run);
			if (i == all - 1)
				break;
			wait_until(run, next);
		}
	}
	while (!*o->stop && drain(run) > 0) {
		show(run);
		wait_until(run, mono_add(clock_mono(), 50 * NS_PER_MS));
	}
	(void)drain(run);
	show(run);
}

static int
rising(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int
open_both(struct run *run, struct err *err)
{
	struct pinger_opts icmp = { .timeout_ns = run->opts->timeout_ns,
		.tx_stamps = true };
	struct stamp_sender_opts stamp = { run->opts->timeout_ns, run->opts->stamp_port,
		run->opts->key };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < run->n; i++) {
		if (run->targets[i].method == PING_ICMP && !run->pinger)
			rc = pinger_new(&icmp, &run->pinger, err);
		if (run->targets[i].method == PING_STAMP && !run->sender)
			rc = stamp_sender_new(&stamp, &run->sender, err);
	}
	return rc;
}

int
ping_run(const struct ping_opts *opts, struct ping_target *targets, size_t n,
    struct err *err)
{
	struct run run = { .opts = opts, .targets = targets, .n = n };
	int rc = open_both(&run, err);

	if (rc < 0)
		goto out;
	run.last_ns = mem_array(n, sizeof(*run.last_ns));
	run.diff_ns = mem_array(n, sizeof(*run.diff_ns));
	for (size_t i = 0; i < n; i++)
		targets[i].rtts_ns =
		    mem_array(opts->count, sizeof(*targets[i].rtts_ns));
	probe_all(&run);
	for (size_t i = 0; i < n; i++) {
		struct ping_target *t = &targets[i];
		int64_t pairs = (int64_t)t->n_rtts - 1;

		t->jitter_ns = pairs > 0 ? run.diff_ns[i] / pairs : -1;
		if (t->n_rtts)
			qsort(t->rtts_ns, t->n_rtts, sizeof(*t->rtts_ns), rising);
	}
	if (opts->mtu && !*opts->stop)
		rc = ping_mtu(opts, targets, n, err);
out:
	pinger_free(run.pinger);
	stamp_sender_free(run.sender);
	free(run.last_ns);
	free(run.diff_ns);
	return rc;
}

void
ping_fini(struct ping_target *targets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(targets[i].rtts_ns);
	free(targets);
}

int64_t
ping_quantile_ns(const struct ping_target *t, double q)
{
	size_t rank = (size_t)(q * (double)t->n_rtts + 0.999999);

	if (!t->n_rtts)
		return -1;
	return t->rtts_ns[rank > 0 ? rank - 1 : 0];
}
