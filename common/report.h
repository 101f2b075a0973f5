/* SPDX-License-Identifier: MIT */
/*
 * A prober's report: what one node measured in one window.  This is the shape in memory
 * and the binary form on the wire (application/vnd.meshopt.report); the JSON form of
 * the same is in report_json.h.  Both forms decode into this struct through
 * report_check().
 */
#ifndef COMMON_REPORT_H
#define COMMON_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/mesh.h"
#include "common/sketch.h"
#include "common/wire.h"

#define REPORT_MEDIA_TYPE    "application/vnd.meshopt.report"
#define REPORT_VERSION	     1
#define REPORT_BYTES_MAX     (1024 * 1024)
#define REPORT_ROWS_MAX	     40000
#define REPORT_RTT_MAX_US    (60 * 1000000u)
#define REPORT_LENGTH_MAX_MS (3600 * 1000u)

/* Of a roll-up of the collector's: an hour's sketch has three times the bytes. */
#define REPORT_STORED_BYTES_MAX (16 * 1024 * 1024)

/* The way a probe took. */
enum path { PATH_HUB, PATH_DIRECT, PATH_PUBLIC, PATH_COUNT };

/* Where a sample's two time stamps came from; one source a report. */
enum stamp {
	STAMP_USER,	 /* both read by the program */
	STAMP_KERNEL_RX, /* sent: program, received: kernel */
	STAMP_KERNEL,	 /* both by the kernel */
	STAMP_COUNT
};

/*
 * One peer by one path.  sent = answered + lost.  All times are 0 unless rtt has
 * samples; each is its ns value rounded half up, so that min <= mean <= max holds.
 */
struct report_row {
	char peer[MESH_NAME_MAX];
	enum path path;
	uint32_t sent, lost;
	uint32_t late;	    /* answered after the timeout: counted in lost as well,
			       there perhaps in an earlier window */
	uint32_t duplicate; /* further answers to one probe */
	uint32_t reordered; /* answers that came after the answer to a later probe */
	uint32_t min_us, mean_us, max_us;
	uint32_t jitter_us; /* mean |difference| of consecutive RTTs (RFC 3550, 6.4.1,
			       without its smoothing); 0 below two samples */
	struct sketch rtt;  /* owned; of the answered probes that have an RTT */
};

struct report {
	char node[MESH_NAME_MAX]; /* who says so: a check, never the identity */
	uint64_t boot;		  /* random, new at each start of the prober */
	uint64_t seq;		  /* counts reports since boot, from 0 */
	struct wall start;  /* of the window, whole ms; with node the report's key */
	uint32_t length_ms; /* of the window */
	enum stamp stamp;
	uint64_t spoofed;	 /* answers with a wrong tag or source, in the window */
	uint64_t local_drop;	 /* answers that the socket buffer had no room for */
	struct report_row *rows; /* owned */
	size_t n_rows;
};

/* Frees the rows and clears; for a struct that was zeroed or filled by this module. */
void report_fini(struct report *r);

/* Append a zeroed row and return it, valid until the next call. */
struct report_row *report_add(struct report *r);

/* Answered probes of a row. */
static inline uint32_t
report_answered(const struct report_row *row)
{
	return row->sent - row->lost;
}

/*
 * q-quantile of a row in us, clamped to its minimum and maximum; -1 without a sample.
 */
int64_t report_quantile_us(const struct report_row *row, double q);

/*
 * The one judge of a report, whichever form it came in: names well formed, no (peer,
 * path) twice and none of the node itself, counts and times consistent with each other
 * and with the sketch, within the limits above, 64-bit counts below 2^63 (JSON, SQL).
 */
int report_check(const struct report *r, struct err *err);

/*
 * Binary form, meshopt-report(5).  Sorted by (peer, path) or not, rows of one peer that
 * follow each other share its name.  encode: bytes written; 0 if cap or
 * REPORT_STORED_BYTES_MAX is too small, or if report_check(), which it calls, refuses
 * r.  decode reads exactly len bytes into *r, which it initialises, and ends in
 * report_check(); on failure *r is empty.  A report has one binary form: what decode
 * accepts, encode makes again.
 */
size_t report_encode(const struct report *r, uint8_t *out, size_t cap);
int report_decode(struct report *r, const uint8_t *in, size_t len, struct err *err);

/*
 * The rows of a binary report one after the other, in the memory of one: a report of
 * 1,000 nodes takes 40 kB as bytes and ten times that as a struct.  Passes what
 * report_decode() passes and nothing else, but a row is shown before what follows it is
 * read: nothing counts until next has returned 0.  A report that has passed before may
 * be walked as trusted, which is faster.
 *
 *	struct report_walk w = { 0 };
 *	r = report_walk_start(&w, in, len, &err);
 *	while (r >= 0 && (r = report_walk_next(&w, &err)) > 0)
 *		... w.head, w.row ...
 *	report_walk_fini(&w);
 */
struct report_walk {
	bool trusted; /* set it between start and next */
	/* Likewise, of one that is trusted: a set of 1 << enum path, whose rows are
	 * passed over; ordered says nothing then. */
	unsigned skip;
	struct report head;    /* without rows */
	struct report_row row; /* owned, and the next one's */
	bool ordered;	       /* until now rows came in order of (peer, path) */
	/* Its own. */
	const uint8_t *begin;
	size_t len, n_rows;
	struct wire_in in;
	uint64_t groups, rows; /* left, of the report and of the group */
	unsigned path_next;    /* of the group, while it is ordered */
};

/* w: zeroed, or walked before.  in: borrowed until the end of the walk. */
int report_walk_start(struct report_walk *w, const uint8_t *in, size_t len,
    struct err *err);
/* 1: there is a row; 0: there was the last one, all is well; -EINVAL and err. */
int report_walk_next(struct report_walk *w, struct err *err);
void report_walk_fini(struct report_walk *w);

/* Parts of report_check(): all but the rows; one row, by its number; all of them. */
int report_check_head(const struct report *r, struct err *err);
int report_check_row(const struct report *r, const struct report_row *row, size_t at,
    struct err *err);
int report_check_twice(const struct report *r, struct err *err);
/* The order of rows by peer, in bytes, and by path; as strcmp(). */
int report_row_order(const struct report_row *a, const struct report_row *b);

const char *path_name(enum path path);	  /* "hub", "direct", "public" */
const char *stamp_name(enum stamp stamp); /* "user", "kernel-rx", "kernel" */
int path_parse(const char *text, enum path *out);
int stamp_parse(const char *text, enum stamp *out);

#endif
