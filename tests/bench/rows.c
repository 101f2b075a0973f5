/* SPDX-License-Identifier: MIT */
#include "tests/bench/rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/wire.h"
#include "tests/bench/nodes.h"
#include "tests/unit/random_report.h"

#define SAMPLES 10

/* As meshopt-report(5) has it. */
size_t
rows_head(const struct rows_of *of, uint8_t *out, size_t cap)
{
	struct wire_out w = { .p = out, .end = out + cap };
	char name[NODE_NAME_MAX];

	for (const char *p = "MOR\001"; *p; p++)
		wire_put_byte(&w, (uint8_t)*p);
	node_name(of->node, name);
	wire_put_string(&w, name);
	wire_put_u64(&w, of->boot);
	wire_put_uint(&w, of->seq);
	wire_put_uint(&w, (uint64_t)of->start_ms);
	wire_put_uint(&w, of->window_ms);
	wire_put_byte(&w, STAMP_KERNEL);
	wire_put_uint(&w, 0);
	wire_put_uint(&w, 0);
	assert(!w.bad);
	return (size_t)(w.p - out);
}

static void
add_rows(struct report *r, const struct rows_of *of, uint32_t peer, struct seed *seed)
{
	/* The same both ways and at all times: 1 to 300 ms. */
	double far = 1 + ((peer ^ of->node) * 2654435761u >> 8) % 2990 / 10.;

	for (uint32_t path = 0; path < of->paths; path++) {
		struct report_row *row = report_add(r);

		node_name(peer, row->peer);
		row->path = path ? PATH_PUBLIC : PATH_HUB;
		row->sent = SAMPLES;
		row->lost = seed_below(seed, 100) == 0;
		random_row(row, seed, far * (path ? 0.6 : 1), SAMPLES - row->lost);
	}
}

struct rows
rows_make(const struct rows_of *of, struct seed *seed)
{
	static uint8_t bytes[REPORT_BYTES_MAX], head[256];
	struct report r = { .boot = of->boot,
		.seq = of->seq,
		.start.ns = of->start_ms * NS_PER_MS,
		.length_ms = of->window_ms,
		.stamp = STAMP_KERNEL };
	struct rows out;
	size_t skip = rows_head(of, head, sizeof(head));

	node_name(of->node, r.node);
	/* In order of name, as a prober has them. */
	for (uint32_t peer = 0; peer < of->nodes; peer++) {
		uint32_t ahead = (peer + of->nodes - of->node) % of->nodes;

		if (ahead > 0 && ahead <= of->peers)
			add_rows(&r, of, peer, seed);
	}
	out.len = report_encode(&r, bytes, sizeof(bytes));
	assert(out.len > skip && memcmp(bytes, head, skip) == 0);
	out.len -= skip;
	out.bytes = mem_alloc(out.len);
	memcpy(out.bytes, bytes + skip, out.len);
	report_fini(&r);
	return out;
}
