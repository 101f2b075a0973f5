/* SPDX-License-Identifier: MIT */
/*
 * Names of nodes need no escaping: mesh_name_ok().  A path without a sample has no RTT
 * series rather than a number that stands for none.
 */
#include "prober/metrics_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/version.h"

struct writer {
	FILE *out;
	const struct metrics_page *page;
	struct totals_row sums[PATH_COUNT];
	const struct totals_row *rows; /* of the totals, or sums */
	size_t n_rows;
	bool by_peer;
};

static void
head(const struct writer *w, const char *name, const char *type, const char *help)
{
	fprintf(w->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
one(const struct writer *w, const char *name, const char *type, const char *help,
    uint64_t value)
{
	head(w, name, type, help);
	fprintf(w->out, "%s %" PRIu64 "\n", name, value);
}

/* {peer="x",path="y" without its end */
static void
labels(const struct writer *w, const char *name, const char *peer, enum path path)
{
	fprintf(w->out, "%s{", name);
	if (w->by_peer)
		fprintf(w->out, "peer=\"%s\",", peer);
	fprintf(w->out, "path=\"%s\"", path_name(path));
}

static void
write_counters(const struct writer *w)
{
	static const struct {
		const char *name, *help;
		size_t at;
	} rows[] = {
		{ "meshopt_probe_requests_total", "Probes sent.",
		    offsetof(struct totals_row, sent) },
		{ "meshopt_probe_responses_total", "Probes answered in time.",
		    offsetof(struct totals_row, answered) },
		{ "meshopt_probe_late_total", "Answers after the timeout.",
		    offsetof(struct totals_row, late) },
		{ "meshopt_probe_duplicates_total", "Further answers to one probe.",
		    offsetof(struct totals_row, duplicate) },
		{ "meshopt_probe_reordered_total",
		    "Answers after the answer to a later probe.",
		    offsetof(struct totals_row, reordered) },
	};

	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		head(w, rows[k].name, "counter", rows[k].help);
		for (size_t i = 0; i < w->n_rows; i++) {
			const char *row = (const char *)&w->rows[i];

			labels(w, rows[k].name, w->rows[i].peer, w->rows[i].path);
			fprintf(w->out, "} %" PRIu64 "\n",
			    *(const uint64_t *)(const void *)(row + rows[k].at));
		}
	}
}

static void
write_rtt(const struct writer *w)
{
	static const char name[] = "meshopt_probe_rtt_seconds";

	head(w, name, "histogram", "Round-trip time.");
	for (size_t i = 0; i < w->n_rows; i++) {
		const struct totals_row *r = &w->rows[i];
		uint64_t below = 0;

		if (!r->samples)
			continue;
		for (unsigned b = 0; b < TOTALS_BUCKETS - 1; b++) {
			below += r->buckets[b];
			labels(w, "meshopt_probe_rtt_seconds_bucket", r->peer, r->path);
			fprintf(w->out, ",le=\"%g\"} %" PRIu64 "\n",
			    (double)totals_bound_us(b) / 1e6, below);
		}
		labels(w, "meshopt_probe_rtt_seconds_bucket", r->peer, r->path);
		fprintf(w->out, ",le=\"+Inf\"} %" PRIu64 "\n", r->samples);
		labels(w, "meshopt_probe_rtt_seconds_sum", r->peer, r->path);
		fprintf(w->out, "} %.6f\n", (double)r->sum_us / 1e6);
		labels(w, "meshopt_probe_rtt_seconds_count", r->peer, r->path);
		fprintf(w->out, "} %" PRIu64 "\n", r->samples);
	}
}

/* Of the stats, for a mesh that is small enough: they have no sum worth looking at. */
static void
write_stats(const struct writer *w)
{
	static const struct {
		const char *name, *type, *help;
	} rows[] = {
		{ "meshopt_probe_unreachable_total", "counter",
		    "ICMP errors about a probe." },
		{ "meshopt_probe_send_errors_total", "counter",
		    "Probes that the kernel refused." },
		{ "meshopt_probe_icmp_policed_total", "counter",
		    "Reports in which ICMP was lost and STAMP was not." },
		{ "meshopt_probe_ttl", "gauge", "TTL of the last answer." },
		{ "meshopt_probe_mtu_bytes", "gauge",
		    "Largest packet that last came back unfragmented." },
		{ "meshopt_probe_mtu_blocked_total", "counter",
		    "Times that a full-size packet was lost and a small one was not." },
	};

	for (size_t k = 0; w->by_peer && k < sizeof(rows) / sizeof(rows[0]); k++) {
		head(w, rows[k].name, rows[k].type, rows[k].help);
		for (size_t i = 0; i < w->page->n_stats; i++) {
			const struct metrics_stat *m = &w->page->stats[i];
			const struct engine_stat *s = &m->stat;
			const uint64_t values[] = { s->unreachable, s->unsent,
				s->policed, s->ttl, s->mtu_bytes, s->mtu_blocked };
			bool gauge = rows[k].type[0] == 'g';

			if (gauge && !values[k])
				continue; /* unknown */
			labels(w, rows[k].name, m->peer, m->path);
			fprintf(w->out, "} %" PRIu64 "\n", values[k]);
		}
	}
}

static void
write_spool(const struct writer *w)
{
	const struct spool_stats *s = &w->page->spool;

	one(w, "meshopt_spool_bytes", "gauge", "Bytes of the spool on disk.", s->bytes);
	one(w, "meshopt_spool_reports", "gauge",
	    "Reports that wait, on disk and in memory.", s->reports);
	one(w, "meshopt_spool_memory_reports", "gauge",
	    "Reports that wait in memory alone.", s->in_memory);
	one(w, "meshopt_spool_dropped_total", "counter",
	    "Reports dropped for want of room.", s->dropped);
	one(w, "meshopt_spool_damaged_bytes_total", "counter",
	    "Bytes of the spool that were no records.", s->damaged);
	one(w, "meshopt_spool_write_errors_total", "counter",
	    "Writes that the disk refused.", s->write_errors);
}

static void
write_reflector(const struct writer *w)
{
	static const char name[] = "meshopt_stamp_requests_total";
	const struct stamp_reflector_counts *c = w->page->reflector;
	const struct {
		const char *result;
		uint64_t value;
	} rows[] = {
		{ "answered", c ? c->answered : 0 },
		{ "stranger", c ? c->strangers : 0 },
		{ "limited", c ? c->limited : 0 },
		{ "malformed", c ? c->malformed : 0 },
		{ "unsent", c ? c->unsent : 0 },
	};

	if (!c)
		return;
	head(w, name, "counter", "Requests to the STAMP reflector.");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		fprintf(w->out, "%s{result=\"%s\"} %" PRIu64 "\n", name, rows[i].result,
		    rows[i].value);
}

char *
metrics_text(const struct metrics_page *page, size_t *len)
{
	char *text = NULL;
	struct writer w = { .page = page, .out = open_memstream(&text, len) };

	if (!w.out)
		return NULL;
	w.rows = page->totals->rows;
	w.n_rows = page->totals->n;
	w.by_peer = w.n_rows <= METRICS_ROWS_MAX;
	for (enum path p = 0; !w.by_peer && p < PATH_COUNT; p++)
		w.sums[p] = totals_of_path(page->totals, p);
	if (!w.by_peer) {
		w.rows = w.sums;
		w.n_rows = PATH_COUNT;
	}
	head(&w, "meshopt_build_info", "gauge", "The version that runs.");
	fprintf(w.out, "meshopt_build_info{version=\"%s\"} 1\n", MESHOPT_VERSION);
	head(&w, "meshopt_node_info", "gauge", "The node that this is.");
	fprintf(w.out, "meshopt_node_info{node=\"%s\",mesh=\"%s\"} 1\n", page->node,
	    page->mesh);
	write_counters(&w);
	write_rtt(&w);
	write_stats(&w);
	one(&w, "meshopt_probe_spoofed_total", "counter",
	    "Answers with a wrong tag, or from an address that was not asked.",
	    page->totals->spoofed);
	one(&w, "meshopt_probe_local_drop_total", "counter",
	    "Answers that the socket buffer had no room for.",
	    page->totals->local_drop);
	one(&w, "meshopt_probe_reports_total", "counter", "Reports made.",
	    page->totals->reports);
	write_spool(&w);
	write_reflector(&w);
	if (fclose(w.out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
