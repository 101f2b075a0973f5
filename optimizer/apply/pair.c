/* SPDX-License-Identifier: MIT */
/*
 * The test of one path.
 */
#include "optimizer/apply/pair.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A plan is kept up to a fifth above its figure, and 2 ms for short paths. */
#define LIMIT_PERCENT  120
#define LIMIT_SLACK_US 2000

/* After the last probe's timeout the prober has told of it; this is for its tick. */
#define VERDICT_SLACK NS_PER_S

void
pair_begin(struct pair *p, const struct pair_opts *opts, struct mono now)
{
	*p = (struct pair){ .opts = *opts, .phase = PAIR_PROBING, .next_probe = now };
}

static void fail(struct pair *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
fail(struct pair *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(p->why.text, sizeof(p->why.text), fmt, ap); /* cut is fine */
	va_end(ap);
	p->phase = PAIR_FAILED;
}

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int64_t
pair_median_us(const struct pair *p)
{
	int64_t sorted[PAIR_PROBES];

	if (p->n_rtt == 0)
		return -1;
	memcpy(sorted, p->rtt_us, p->n_rtt * sizeof(sorted[0]));
	qsort(sorted, p->n_rtt, sizeof(sorted[0]), compare);
	return sorted[p->n_rtt / 2];
}

int64_t
pair_limit_us(int64_t promise_us)
{
	return promise_us < 0 ? -1 : promise_us * LIMIT_PERCENT / 100 + LIMIT_SLACK_US;
}

static bool
all_in(const struct pair *p)
{
	for (int i = 0; i < PAIR_SIZES; i++) {
		if (p->count[i].answered + p->count[i].lost < PAIR_PROBES)
			return false;
	}
	return true;
}

static double
ms(int64_t us)
{
	return (double)us / 1000;
}

/* All probes have been told of, or it took too long. */
static void
judge(struct pair *p)
{
	const struct pair_count *small = &p->count[PAIR_SMALL];
	const struct pair_count *full = &p->count[PAIR_FULL];
	int64_t median = pair_median_us(p), limit = pair_limit_us(p->opts.promise_us);

	if (small->answered < PAIR_PROBES && p->send_errno)
		fail(p, "%s: sending into the tunnel: %s", p->opts.name,
		    strerror(-p->send_errno));
	else if (small->answered < PAIR_PROBES)
		fail(p,
		    "%s: %u of %u probes in the tunnel were answered: is %s losing "
		    "packets, or dropping ICMPv6 on its direct interface?",
		    p->opts.name, small->answered, PAIR_PROBES, p->opts.name);
	else if (full->answered > 0 && full->answered < PAIR_PROBES)
		fail(p,
		    "%s: %u of %u full-size probes (%zu bytes) were answered: the path "
		    "loses packets",
		    p->opts.name, full->answered, PAIR_PROBES, p->opts.full_bytes);
	else if (full->answered < PAIR_PROBES)
		fail(p,
		    "%s: %u of %u full-size probes (%zu bytes) were answered, and all "
		    "small "
		    "ones: the path takes no packets of that size; lower the MTU of "
		    "the "
		    "interfaces, or let it pass fragments",
		    p->opts.name, full->answered, PAIR_PROBES, p->opts.full_bytes);
	else if (limit >= 0 && median < 0)
		fail(p, "%s: the clock was stepped while its RTT was measured: again",
		    p->opts.name);
	else if (limit >= 0 && median > limit)
		fail(p,
		    "%s: %.1f ms in the tunnel, but the plan promised %.1f ms (limit "
		    "%.1f "
		    "ms): make a new plan",
		    p->opts.name, ms(median), ms(p->opts.promise_us), ms(limit));
	else
		p->phase = PAIR_VERIFIED;
}

enum pair_act
pair_next(struct pair *p, struct mono now)
{
	unsigned sent = p->count[PAIR_SMALL].sent + p->count[PAIR_FULL].sent;

	if (p->phase != PAIR_PROBING)
		return PAIR_WAIT;
	if (all_in(p) || (sent == 2 * PAIR_PROBES && now.ns >= p->verdict_by.ns)) {
		judge(p);
		return PAIR_WAIT;
	}
	if (sent == 2 * PAIR_PROBES || now.ns < p->next_probe.ns)
		return PAIR_WAIT;
	/* In turns, so that both sizes see the same moments of the path. */
	return sent % 2 ? PAIR_PROBE_FULL : PAIR_PROBE_SMALL;
}

struct mono
pair_wake(const struct pair *p)
{
	if (p->phase != PAIR_PROBING)
		return (struct mono){ INT64_MAX };
	if (p->count[PAIR_SMALL].sent + p->count[PAIR_FULL].sent == 2 * PAIR_PROBES)
		return p->verdict_by;
	return p->next_probe;
}

void
pair_sent(struct pair *p, enum pair_size size, int rc, struct mono now)
{
	p->count[size].sent++;
	p->next_probe = mono_add(now, PAIR_INTERVAL);
	p->verdict_by = mono_add(now, PAIR_PROBE_TIMEOUT + VERDICT_SLACK);
	if (rc < 0) {
		/* A full-size one that does not fit is a lost one, and the MTU's fault.
		 */
		if (rc != -EMSGSIZE)
			p->send_errno = rc;
		pair_lost(p, size);
	}
}

void
pair_answered(struct pair *p, enum pair_size size, int64_t rtt_us)
{
	/* An answer that comes after the verdict changes nothing. */
	if (p->phase != PAIR_PROBING)
		return;
	p->count[size].answered++;
	if (size == PAIR_SMALL && rtt_us >= 0 && p->n_rtt < PAIR_PROBES)
		p->rtt_us[p->n_rtt++] = rtt_us;
}

void
pair_lost(struct pair *p, enum pair_size size)
{
	if (p->phase == PAIR_PROBING)
		p->count[size].lost++;
}
