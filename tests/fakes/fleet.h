/* SPDX-License-Identifier: MIT */
/*
 * A mesh in memory for the agent's core: one core a node, a netd and a kernel of tables
 * behind each, paths with a delay that are cut and mended, and packets that are
 * counted. Its clock jumps from one happening to the next.
 */
#ifndef TESTS_FAKES_FLEET_H
#define TESTS_FAKES_FLEET_H

#include "optimizer/agent/core.h"

#define FLEET_MAX	6
#define FLEET_FLIGHTS	4096
#define FLEET_WORDS_MAX 64
#define FLEET_TICK_NS	(10 * NS_PER_MS) /* between two packets of a stream */

/* What one kernel has for one other node. */
struct fleet_table {
	enum way_path staged;
	size_t via;
	enum way_route route;
	bool urgent;	    /* leased in an emergency, and not paid for */
	struct mono until;  /* of a lease */
	struct mono shaken; /* 0 = never */
	bool foreign;
	bool there; /* a peer without prefixes, for the hub to see it by */
	uint64_t rx_bytes;
};

struct fleet_node {
	struct core *core;
	bool alive;	  /* its agent and netd */
	struct mono wake; /* of the agent's loop: its turn, unless something comes */
	bool frozen;
	struct fleet_table to[FLEET_MAX];
	/* netd: a request under way, answered a moment later. */
	bool asked;
	struct core_ask ask;
	struct mono answer_at;
	unsigned changes; /* requests that changed the kernel */
	unsigned tokens;
	struct core_event last[FLEET_MAX]; /* by node */
	unsigned events[CORE_FAULT + 1];
};

struct fleet_flight {
	struct mono due;
	size_t node;
	uint32_t slot;
	uint64_t seq;
	int64_t rtt_us; /* negative: lost */
	bool by_hub;
};

/* A word on its way, in place. */
struct fleet_word {
	struct mono due;
	size_t from, to;
	struct core_word word;
};

struct fleet {
	struct mesh *mesh;
	size_t n;
	bool once; /* of cores that are started from now on: see struct core_opts */
	struct mono now;
	struct fleet_node node[FLEET_MAX];
	bool cut[FLEET_MAX][FLEET_MAX]; /* one way; [i][hub] and [hub][i] too */
	bool deaf[FLEET_MAX];		/* takes no overlay packets by its tunnels */
	bool mute_by_hub[FLEET_MAX];	/* answers no echo that comes by the hub */
	bool eats_full;
	unsigned drops_permille; /* of the echoes in tunnels */
	uint64_t dice;		 /* not 0 */
	int64_t rtt_us[FLEET_MAX][FLEET_MAX];
	struct fleet_flight flight[FLEET_FLIGHTS];
	size_t n_flights;
	uint64_t seq;
	struct fleet_word words[FLEET_WORDS_MAX];
	size_t n_words;
	bool mute;		 /* words do not arrive */
	bool refuses[FLEET_MAX]; /* its netd makes no lease, whatever it allowed */
	/* A stream both ways. */
	bool streaming;
	size_t a, b;
	unsigned sent, lost;
	/* Of the lost: sent by a relay that the far end has just left, by another plan.
	 */
	unsigned crossed;
	struct mono first_crossed, last_crossed; /* of the present row of them */
	int64_t longest_ns;
	struct mono next_packet, last_lost, first_lost;
	int withdraw_rc; /* the same for routes that are to go */
	int netd_rc;	 /* what it answers to changes towards direct; 0 = does them */
};

void fleet_init(struct fleet *f);
void fleet_fini(struct fleet *f);
/* All switch in place from now on; before anything else. */
void fleet_place(struct fleet *f);
struct mono fleet_at(const struct fleet *f);

/* The agent of a node is killed, or starts (over). */
void fleet_kill(struct fleet *f, size_t i);
void fleet_start(struct fleet *f, size_t i);

/* Both ends: by the hub, by the tunnel, or by way of via. */
void fleet_wish(struct fleet *f, size_t a, size_t b, enum way_path path, size_t via);

/* One end. */
void fleet_wish_one(struct fleet *f, size_t a, size_t b, enum way_path path,
    size_t via);

/* Both ways. */
void fleet_cut(struct fleet *f, size_t a, size_t b, bool cut);

void fleet_stream(struct fleet *f, size_t a, size_t b);
void fleet_hush(struct fleet *f); /* no more packets: time is cheap then */
void fleet_run(struct fleet *f, int64_t ns);

/* Does a packet from a arrive at b, as both kernels are now?  *rtt_us: one way x 2. */
bool fleet_arrives(const struct fleet *f, size_t a, size_t b, int64_t *rtt_us);
enum way_state fleet_state(const struct fleet *f, size_t a, size_t b);

#endif
