/* SPDX-License-Identifier: MIT */
#include "optimizer/agent/live.h"

#include <string.h>

#define TIMEOUT_MIN_NS	 (100 * NS_PER_MS)
#define TIMEOUT_MAX_NS	 (400 * NS_PER_MS)
#define TIMEOUT_SLACK_NS (20 * NS_PER_MS)
#define LONG_SLACK_NS	 (50 * NS_PER_MS) /* for paths longer than TIMEOUT_MAX_NS */

/* babeld's weight of a sample, 42/256: half of a change after four samples. */
#define WEIGHT	     42
#define WEIGHT_TOTAL 256

/* Fewer than these in a minute say nothing of 2 %. */
#define LOSS_PROBES_MIN 50

void
live_init(struct live *l, bool lenient)
{
	*l = (struct live){ .lenient = lenient,
		.rtt_us = LIVE_UNKNOWN,
		.answer_sent = { LIVE_NEVER } };
}

void
live_restart(struct live *l, int64_t rtt_us)
{
	live_init(l, l->lenient);
	l->rtt_us = rtt_us;
}

int64_t
live_timeout_ns(const struct live *l)
{
	int64_t rtt_ns = l->rtt_us * NS_PER_US;
	int64_t ns = rtt_ns * 3 / 2 + TIMEOUT_SLACK_NS;

	if (l->rtt_us < 0)
		return LIVE_FIRST_NS;
	if (ns < TIMEOUT_MIN_NS)
		return TIMEOUT_MIN_NS;
	if (ns <= TIMEOUT_MAX_NS)
		return ns;
	ns = rtt_ns * 11 / 10 + LONG_SLACK_NS;
	return ns > TIMEOUT_MAX_NS ? ns : TIMEOUT_MAX_NS;
}

/* Bring the window of losses to now. */
static void
turn(struct live *l, struct mono now)
{
	if (l->bucket_since.ns == 0)
		l->bucket_since = now;
	while (mono_diff(now, l->bucket_since) >= LIVE_BUCKET_NS) {
		memmove(l->sent + 1, l->sent, sizeof(l->sent) - sizeof(l->sent[0]));
		memmove(l->lost + 1, l->lost, sizeof(l->lost) - sizeof(l->lost[0]));
		l->sent[0] = l->lost[0] = 0;
		if (l->filled < LIVE_BUCKETS)
			l->filled++;
		/* A long sleep is no minute of good answers. */
		if (mono_diff(now, l->bucket_since) >=
		    2 * LIVE_BUCKETS * LIVE_BUCKET_NS) {
			live_forgive(l);
			l->bucket_since = now;
			return;
		}
		l->bucket_since = mono_add(l->bucket_since, LIVE_BUCKET_NS);
	}
}

static void
drop_first(struct live *l)
{
	memmove(l->flight, l->flight + 1, --l->n * sizeof(l->flight[0]));
}

static void
missed(struct live *l)
{
	if (l->misses == 0) {
		l->first_miss = l->flight[0].sent;
		l->first_miss_seq = l->flight[0].seq;
	}
	l->misses++;
	l->good = 0;
	l->lost[0]++;
	drop_first(l);
}

void
live_sent(struct live *l, uint64_t seq, struct mono now)
{
	turn(l, now);
	if (l->n == LIVE_FLIGHTS)
		missed(l); /* nobody could wait that long */
	l->flight[l->n++] = (struct live_flight){ seq, now };
	l->sent[0]++;
}

static void
learn(struct live *l, int64_t rtt_us)
{
	if (l->rtt_us < 0)
		l->rtt_us = rtt_us;
	else
		l->rtt_us += (rtt_us - l->rtt_us) * WEIGHT / WEIGHT_TOTAL;
}

void
live_answered(struct live *l, uint64_t seq, int64_t rtt_us)
{
	if (rtt_us >= 0)
		learn(l, rtt_us);
	for (size_t i = 0; i < l->n; i++) {
		if (l->flight[i].seq != seq)
			continue;
		if (l->flight[i].sent.ns > l->answer_sent.ns)
			l->answer_sent = l->flight[i].sent;
		memmove(l->flight + i, l->flight + i + 1,
		    (--l->n - i) * sizeof(l->flight[0]));
		l->misses = 0;
		l->good++;
		return;
	}
	if (l->lenient && l->misses && seq >= l->first_miss_seq)
		l->misses = 0;
}

void
live_expire(struct live *l, struct mono now)
{
	int64_t timeout_ns = live_timeout_ns(l);

	turn(l, now);
	while (l->n && mono_diff(now, l->flight[0].sent) >= timeout_ns)
		missed(l);
}

struct mono
live_deadline(const struct live *l)
{
	if (l->n == 0)
		return (struct mono){ INT64_MAX };
	return mono_add(l->flight[0].sent, live_timeout_ns(l));
}

void
live_forgive(struct live *l)
{
	memset(l->sent, 0, sizeof(l->sent));
	memset(l->lost, 0, sizeof(l->lost));
	l->filled = 0;
}

int
live_loss_permille(const struct live *l)
{
	unsigned sent = 0, lost = 0;

	if (l->filled < LIVE_BUCKETS)
		return -1;
	for (size_t i = 0; i < LIVE_BUCKETS; i++) {
		sent += l->sent[i];
		lost += l->lost[i];
	}
	return sent < LOSS_PROBES_MIN ? -1 : (int)(lost * 1000 / sent);
}
