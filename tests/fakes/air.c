/* SPDX-License-Identifier: MIT */
/*
 * See air.h beside this.
 */
#include "tests/fakes/air.h"

#include <assert.h>
#include <string.h>

#include "optimizer/apply/pair.h"
#include "tests/fakes/kernel.h"

struct fake_air air;

static struct mono
air_mono(void *ctx)
{
	(void)ctx;
	return fake.now;
}

static struct wall
air_wall(void *ctx)
{
	(void)ctx;
	return (struct wall){ 1700000000 * NS_PER_S + fake.now.ns };
}

static bool
air_stopped(void *ctx)
{
	(void)ctx;
	return air.stop_at.ns && fake.now.ns >= air.stop_at.ns;
}

static void
air_wait(void *ctx, struct mono until)
{
	struct mono to = until;

	(void)ctx;
	for (size_t i = 0; i < air.n; i++) {
		if (air.flights[i].due.ns < to.ns)
			to = air.flights[i].due;
	}
	if (mono_diff(to, fake.now) > air.longest_wait_ns)
		air.longest_wait_ns = mono_diff(to, fake.now);
	/* A wait that does not move the clock would be a busy loop. */
	fake.now = to.ns > fake.now.ns ? to : mono_add(fake.now, 1);
}

static int
air_open(void *ctx, const char *device, struct err *err)
{
	(void)ctx;
	assert(strcmp(device, "wgd0") == 0);
	assert(fake.direct_link.ifindex == FAKE_DIRECT_IFINDEX);
	if (air.open_rc < 0)
		return err_code(err, -air.open_rc, "no ICMP for you");
	air.open = true;
	return 0;
}

static void
air_close(void *ctx)
{
	(void)ctx;
	air.open = false;
}

static int
air_send(void *ctx, uint32_t slot, const struct addr *to, unsigned scope,
    size_t payload)
{
	struct air_flight *flight = &air.flights[air.n++];

	(void)ctx;
	assert(air.open);
	assert(scope == FAKE_DIRECT_IFINDEX);
	assert(payload == PAIR_SMALL_BYTES || payload == AIR_FULL_BYTES);
	assert(air.n < AIR_FLIGHTS_MAX);
	flight->slot = slot;
	flight->lost = (air.eats_full && payload == AIR_FULL_BYTES) ||
		       (air.eats.family && addr_equal(to, &air.eats));
	flight->rtt_ns = air.rtt_ns;
	flight->due =
	    mono_add(fake.now, flight->lost ? PAIR_PROBE_TIMEOUT : air.rtt_ns);
	air.sent++;
	return 0;
}

static void
air_drain(void *ctx, pinger_cb *cb, void *cb_ctx)
{
	(void)ctx;
	for (size_t i = air.n; i-- > 0;) {
		struct air_flight f = air.flights[i];

		if (f.due.ns > fake.now.ns)
			continue;
		air.flights[i] = air.flights[--air.n];
		cb(&(struct pinger_result){ .slot = f.slot,
		       .fate = f.lost ? PINGER_LOST : PINGER_ANSWERED,
		       .rtt_ns = f.rtt_ns },
		    cb_ctx);
		/* And once more, which must not count. */
		cb(&(struct pinger_result){ .slot = f.slot,
		       .fate = f.lost ? PINGER_LATE : PINGER_DUPLICATE,
		       .rtt_ns = f.rtt_ns },
		    cb_ctx);
	}
}

const struct run_io air_io = { .mono = air_mono,
	.wall = air_wall,
	.stopped = air_stopped,
	.wait = air_wait,
	.open = air_open,
	.close = air_close,
	.send = air_send,
	.drain = air_drain };
