/* SPDX-License-Identifier: MIT */
/*
 * Probe a handful of addresses a few times each, now: what `meshopt ping` does before
 * it prints.
 */
#ifndef OPTIMIZER_PING_RUN_H
#define OPTIMIZER_PING_RUN_H

#include <signal.h>

#include "common/addr.h"
#include "common/err.h"
#include "common/mesh.h"
#include "common/stamp.h"

enum ping_method { PING_ICMP, PING_STAMP };

struct ping_target {
	char name[MESH_NAME_MAX]; /* of the node, or the address as given */
	const char *what;	  /* "overlay", "public" or "address" */
	struct addr addr;	  /* family 0: error says why it is not known */
	enum ping_method method;
	uint8_t dscp;
	/* Filled in by ping_run(). */
	uint32_t sent, answered, duplicate;
	int64_t *rtts_ns; /* owned; rising; of the answers that have an RTT */
	size_t n_rtts;
	int64_t jitter_ns; /* mean difference of consecutive RTTs; -1 = unknown */
	uint8_t ttl;	   /* of the last answer; 0 = unknown */
	uint32_t mtu;	   /* largest packet that came back; 0 = not asked, unknown */
	int error;	   /* errno of the last attempt that failed; 0 = none */
	uint8_t icmp_type, icmp_code; /* of the last ICMP error; type 0 = none */
};

struct ping_opts {
	uint32_t count;
	int64_t interval_ns, timeout_ns;
	bool mtu; /* also look for the largest packet that comes back whole */
	uint16_t stamp_port;
	const struct stamp_key *key; /* NULL = unauthenticated */
	/* Now and then, to show how far it is. */
	void (*progress)(uint32_t sent, uint32_t answered, uint32_t all);
	volatile sig_atomic_t *stop; /* set: finish with what there is */
};

/* 0, or -errno and err if nothing can be probed at all. */
int ping_run(const struct ping_opts *opts, struct ping_target *targets, size_t n,
    struct err *err);
void ping_fini(struct ping_target *targets, size_t n);

/* The q-quantile (0 to 1) of the RTTs, nearest rank; -1 without one. */
int64_t ping_quantile_ns(const struct ping_target *t, double q);

#endif
