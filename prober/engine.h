/* SPDX-License-Identifier: MIT */
/*
 * The prober without its event loop: what to send next and by which name to count it.
 * It asks the kernel for routes and interfaces and knows the pinger, but waits for
 * nothing: loop.c calls engine_tick() when the moment has come.
 */
#ifndef PROBER_ENGINE_H
#define PROBER_ENGINE_H

#include <stdbool.h>

#include "common/clock.h"
#include "common/fib.h"
#include "common/mesh.h"
#include "common/pinger.h"
#include "common/report.h"
#include "common/stamp_sender.h"
#include "prober/target.h"

struct engine;

typedef void engine_report_cb(const struct report *r, void *ctx);

struct engine_opts {
	struct pinger *pinger; /* these two are the caller's, and outlive the engine */
	struct fib *fib;
	struct stamp_sender *stamp; /* likewise; NULL: no probes by STAMP */
	struct pinger *mtu_pinger;  /* likewise, with dont_fragment; NULL: no such */
	struct addr source;	    /* of probes to public addresses; family 0 = none */
	unsigned source_ifindex;    /* by which they leave; 0 = any */
	int64_t period_ns;	    /* between two probes of one target */
	int64_t interval_ns;	    /* of a report */
	int64_t timeout_ns;	    /* that of the pinger */
	engine_report_cb *report;
	void *ctx;
};

/* What a (re)load of the mesh file brings; nothing of it is kept by reference. */
struct engine_roster {
	const struct mesh *mesh;
	size_t self;
	const struct target *targets; /* those without an address are passed over */
	size_t n_targets;
};

struct engine *engine_new(const struct engine_opts *opts,
    const struct engine_roster *roster, struct mono now);
void engine_free(struct engine *e);

/* Targets that stay keep their phase, their windows and their state. */
void engine_reload(struct engine *e, const struct engine_roster *roster,
    struct mono now);

/* Since the start, of one path to one peer. */
struct engine_stat {
	uint64_t unreachable; /* ICMP errors about a probe */
	uint64_t unsent;      /* probes that the kernel refused */
	uint64_t policed;     /* windows in which ICMP was, as method.h has it */
	uint64_t mtu_blocked; /* times that a full packet alone was lost */
	uint32_t mtu_bytes;   /* of the last full packet that came; 0 = none yet */
	uint8_t ttl;	      /* of the last answer; 0 = none yet, or unknown */
};

/* index counts from 0; false past the end.  *peer is good until the next reload. */
bool engine_stat(const struct engine *e, uint32_t index, const char **peer,
    enum path *path, struct engine_stat *out);

/*
 * Do what is due; returns how long to wait until the next call, in ns.  Deadlines that
 * are near share a wake-up: the sockets are not watched, since the kernel stamps what
 * arrives and an answer that waits for the next tick loses nothing, and a process that
 * wakes once a tick instead of once an answer costs a third.
 */
int64_t engine_tick(struct engine *e, struct mono now);

#endif
