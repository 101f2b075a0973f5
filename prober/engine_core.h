/* SPDX-License-Identifier: MIT */
/*
 * The inside of engine.h, shared by the files that make it up: engine.c has its windows
 * and its tick, engine_peers.c whom to probe, engine_probe.c the probes.
 */
#ifndef PROBER_ENGINE_CORE_H
#define PROBER_ENGINE_CORE_H

#include <net/if.h>

#include "prober/engine.h"
#include "prober/pace.h"
#include "prober/window.h"

/*
 * Where the pinger cannot hear that there is no tunnel, there is one while it answers
 * at least one probe in so many.
 */
#define ENGINE_SILENT_MAX 30

struct aim { /* in an order that leaves no gaps: there are 30,000 in a large mesh */
	struct addr addr;
	bool live;	 /* in the present roster */
	bool warm;	 /* has been sent to */
	bool stamp_warm; /* likewise by STAMP */
	uint8_t dscp;
	uint8_t silent; /* probes since the last answer, up to ENGINE_SILENT_MAX */
	uint8_t said;	/* ICMP type of the last error about it, 0 = answers */
	uint8_t mtu_out, mtu_came; /* of small and full packet: under way, came */
	uint8_t mtu_vanished;	   /* full packets in a row, while small ones came */
	uint16_t mtu_bytes;	   /* of the full packet that was sent last */
	enum mesh_method method;
	int code;	 /* errno of the last attempt to send, 0 = sent */
	uint32_t unsent; /* attempts since code changed */
};

struct peer {
	char name[MESH_NAME_MAX];
	bool direct; /* the overlay address goes by the pair's own tunnel */
	struct aim aims[TARGET_KINDS];
	struct engine_stat stats[PATH_COUNT];
	bool policed[PATH_COUNT]; /* in the last window that was probed both ways */
};

struct engine {
	struct engine_opts opts;
	char self[MESH_NAME_MAX];
	uint64_t boot, seq;
	char direct_name[IF_NAMESIZE];
	unsigned direct; /* index of the direct interface; 0 = there is none */
	bool in_place;	 /* the direct interface is the hub's as well */
	struct pace *pace;
	struct window_set *windows;
	struct window_set *stamp_windows; /* NULL without opts.stamp */
	struct pace *mtu_pace;		  /* NULL without opts.mtu_pinger */
	bool mtu_flying;
	struct mono window_end;
	uint64_t next_seq;    /* of the pinger */
	uint64_t clock_steps; /* told so far */
	struct peer *peers;
	uint32_t n_peers;
	uint32_t *index;    /* 1 + number of a peer, by a hash of its name; 0 = free */
	uint32_t index_cap; /* a power of two, over twice n_peers */
};

/* Ask the kernel which way the overlay address of a peer goes; of all of them. */
void engine_peers_route(struct engine *e, struct peer *peer);
void engine_peers_route_all(struct engine *e);

/* As engine_reload(). */
void engine_peers_load(struct engine *e, const struct engine_roster *roster,
    struct mono now);

/* The number of a peer of that name, which there is. */
uint32_t engine_peers_find(const struct engine *e, const char *name);

/* Send what is due. */
void engine_probe_due(struct engine *e, struct mono now);
/* Read what has come. */
void engine_probe_drain(struct engine *e, struct mono now);

/* For both methods: an answer or a loss; a refusal of the kernel; its end. */
void engine_probe_answer(struct engine *e, struct window_set *windows,
    const struct pinger_result *r);
void engine_probe_refused(struct engine *e, struct window_set *windows, uint32_t slot,
    enum target_kind kind, int code);
void engine_probe_all_clear(struct engine *e, uint32_t row, enum target_kind kind);

/* The path that a probe of this target is counted under. */
enum path engine_probe_path(const struct peer *peer, enum target_kind kind);

/* Full packets; without opts.mtu_pinger these do nothing.  id: that of the pace. */
void engine_mtu_start(struct engine *e, struct mono now);
void engine_mtu_add(struct engine *e, uint32_t id, struct mono now);
void engine_mtu_remove(struct engine *e, uint32_t id);
void engine_mtu_tick(struct engine *e, struct mono now);

/* STAMP beside each step of ICMP; without opts.stamp they do nothing. */
void engine_stamp_start(struct engine *e, const struct window_edge *icmp);
void engine_stamp_roll(struct engine *e, const struct window_edge *icmp);
void engine_stamp_drain(struct engine *e, struct mono now);
void engine_stamp_probe(struct engine *e, uint32_t row, enum target_kind kind,
    struct mono now);
bool engine_stamp_is_ready(const struct engine *e, struct mono now);
void engine_stamp_merge(struct engine *e, struct mono now, struct report *r,
    window_name_fn *name);

#endif
