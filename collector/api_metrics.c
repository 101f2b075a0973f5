/* SPDX-License-Identifier: MIT */
/*
 * The text exposition format 0.0.4.  The loop writes what it owns, of which a mesh of
 * 1,000 nodes has some 5,000 lines; the pairs are written on the reader's thread.
 */
#include "collector/api_metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/version.h"

#include "collector/api_matrix.h"
#include "collector/api_plan.h"
#include "collector/api_reply.h"

#define TYPE "text/plain; version=0.0.4; charset=utf-8"
/* Scrapes come each 15 to 60 s: a window between is a figure that is now. */
#define PAIR_WINDOW_NS (60 * NS_PER_S)

static void
head(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
print_self(const struct api *api, FILE *f)
{
	const struct api_counts *n = &api->counts;
	uint64_t epoch;
	double gain_s;

	head(f, "meshopt_build_info", "gauge", "Version of the collector, always 1.");
	fprintf(f,
	    "meshopt_build_info{program=\"meshopt-collector\",version=\"%s\"} 1\n",
	    MESHOPT_VERSION);
	head(f, "meshopt_reports_received_total", "counter",
	    "Reports that came, by what became of them.");
	fprintf(f,
	    "meshopt_reports_received_total{result=\"stored\"} %llu\n"
	    "meshopt_reports_received_total{result=\"duplicate\"} %llu\n"
	    "meshopt_reports_received_total{result=\"refused\"} %llu\n"
	    "meshopt_reports_received_total{result=\"failed\"} %llu\n",
	    (unsigned long long)n->stored, (unsigned long long)n->duplicate,
	    (unsigned long long)n->refused, (unsigned long long)n->failed);
	head(f, "meshopt_store_up", "gauge",
	    "1 if the last use of the store succeeded.");
	fprintf(f, "meshopt_store_up %d\n", writer_ok(api->writer));
	head(f, "meshopt_store_damaged_files", "gauge",
	    "Damaged database files that were put aside and are still there.");
	fprintf(f, "meshopt_store_damaged_files %zu\n", api->damaged);
	if (!api_plan_facts(api, &epoch, &gain_s))
		return;
	head(f, "meshopt_plan_epoch", "gauge", "Epoch of the newest plan.");
	fprintf(f, "meshopt_plan_epoch %llu\n", (unsigned long long)epoch);
	if (gain_s < 0)
		return;
	head(f, "meshopt_plan_gain_seconds", "gauge",
	    "RTT that the newest plan saves, over all pairs, times their weights.");
	fprintf(f, "meshopt_plan_gain_seconds %.6f\n", gain_s);
}

static void
print_commits(const struct api *api, FILE *f)
{
	static const char name[] = "meshopt_store_commit_duration_seconds";
	struct writer_stats stats;
	uint64_t sum = 0;

	writer_get_stats(api->writer, &stats);
	head(f, name, "histogram", "Time to commit a batch of reports to the store.");
	for (unsigned i = 0; i < WRITER_BUCKETS; i++) {
		sum += stats.commits[i];
		fprintf(f, "%s_bucket{le=\"%g\"} %llu\n", name,
		    (double)writer_bound_us(i) / (double)US_PER_S,
		    (unsigned long long)sum);
	}
	sum += stats.commits[WRITER_BUCKETS];
	fprintf(f, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.6f\n%s_count %llu\n", name,
	    (unsigned long long)sum, name, (double)stats.commit_ns / (double)NS_PER_S,
	    name, (unsigned long long)sum);
}

/* All of mesh_node that a query may want to join with. */
static void
print_infos(const struct api *api, FILE *f)
{
	head(f, "meshopt_node_info", "gauge", "A node of the mesh file, always 1.");
	for (size_t i = 0; i < api->mesh->n_nodes; i++) {
		const struct mesh_node *node = &api->mesh->nodes[i];
		char address[ADDR_TEXT_MAX], key[WGKEY_TEXT_MAX];

		addr_format(&node->address.addr, address);
		wgkey_format(&node->key, key);
		fprintf(f,
		    "meshopt_node_info{node=\"%s\",address=\"%s\",public_key=\"%s\","
		    "site=\"%s\",role=\"%s\"} 1\n",
		    node->name, address, key, node->region, mesh_role_name(node->role));
	}
}

/* A counter of node_state, by its place in it. */
static void
print_counter(const struct api *api, FILE *f, const char *name, const char *help,
    uint64_t (*value)(const struct node_state *node))
{
	head(f, name, "counter", help);
	for (size_t i = 0; i < api->mesh->n_nodes; i++)
		fprintf(f, "%s{node=\"%s\"} %llu\n", name, api->mesh->nodes[i].name,
		    (unsigned long long)value(&api->nodes[i]));
}

static uint64_t
count_refused(const struct node_state *node)
{
	return node->refused;
}

/* As they were seen: what comes later must not make a counter fall. */
static uint64_t
count_gaps(const struct node_state *node)
{
	return node->gaps_seen;
}

static uint64_t
count_spoofed(const struct node_state *node)
{
	return node->spoofed;
}

static void
print_nodes(const struct api *api, FILE *f)
{
	static const char last[] = "meshopt_node_last_report_timestamp_seconds";
	static const char skew[] = "meshopt_node_skew_seconds";

	print_infos(api, f);
	head(f, last, "gauge", "End of the window of the newest report.");
	for (size_t i = 0; i < api->mesh->n_nodes; i++) {
		const struct node_state *node = &api->nodes[i];
		int64_t end_ns = node->start.ns + node->length_ms * NS_PER_MS;

		if (node->seen)
			fprintf(f, "%s{node=\"%s\"} %.3f\n", last,
			    api->mesh->nodes[i].name,
			    (double)end_ns / (double)NS_PER_S);
	}
	head(f, skew, "gauge",
	    "When the newest report came, minus the end of its window.");
	for (size_t i = 0; i < api->mesh->n_nodes; i++)
		if (api->nodes[i].seen)
			fprintf(f, "%s{node=\"%s\"} %.3f\n", skew,
			    api->mesh->nodes[i].name,
			    (double)api->nodes[i].skew_ns / (double)NS_PER_S);
	print_counter(api, f, "meshopt_report_gaps_total",
	    "Reports that were missing when a later one came.", count_gaps);
	print_counter(api, f, "meshopt_node_reports_refused_total",
	    "Reports of this node that were refused.", count_refused);
	print_counter(api, f, "meshopt_node_spoofed_answers_total",
	    "Answers with a wrong tag or source that the node has told of.",
	    count_spoofed);
}

enum family { RTT, LOSS, DIRECT };

static void
print_rtt(FILE *f, const char *labels, const struct report_row *row)
{
	static const char *const quantiles[] = { "0.5", "0.95", "0.99" };

	for (size_t i = 0; i < 3 && row->rtt.n; i++)
		fprintf(f, "meshopt_pair_rtt_seconds{%s,quantile=\"%s\"} %.6f\n",
		    labels, quantiles[i],
		    (double)report_quantile_us(row, strtod(quantiles[i], NULL)) /
			(double)US_PER_S);
}

/*
 * Of one pair.  A node sends its overlay's probes by the hub or by the tunnel, as its
 * routes are: the path of the newer of the two rows is the one in use.
 */
static void
print_pair(const struct api_job *job, FILE *f, size_t src, size_t dst,
    enum family family, struct report_row *row)
{
	const struct mesh_node *nodes = job->api->mesh->nodes;
	struct wall since = { job->now.ns - job->query.window_ns }, last;
	struct wall newest[PATH_COUNT] = { { 0 } };
	char labels[3 * MESH_NAME_MAX];

	for (unsigned p = 0; p < PATH_COUNT; p++) {
		const struct matrix_key key = { src, dst, (enum path)p };

		if (!matrix_get(job->api->matrix, &key, since, row, &last))
			continue;
		newest[p] = last;
		(void)snprintf(labels, sizeof(labels),
		    "src=\"%s\",dst=\"%s\",path=\"%s\"", nodes[src].name,
		    nodes[dst].name, path_name(key.path)); /* fits */
		if (family == RTT)
			print_rtt(f, labels, row);
		else if (family == LOSS)
			fprintf(f, "meshopt_pair_loss_ratio{%s} %.6f\n", labels,
			    (double)row->lost / (double)row->sent);
	}
	if (family == DIRECT && (newest[PATH_HUB].ns || newest[PATH_DIRECT].ns))
		fprintf(f, "meshopt_path_direct{src=\"%s\",dst=\"%s\"} %d\n",
		    nodes[src].name, nodes[dst].name,
		    newest[PATH_DIRECT].ns > newest[PATH_HUB].ns);
}

static int
make(struct api_job *job, struct store *store, FILE *out)
{
	static const struct {
		enum family family;
		const char *name, *type, *help;
	} families[] = {
		{ RTT, "meshopt_pair_rtt_seconds", "summary",
		    "Round trip times of the last minute; absent without an answer." },
		{ LOSS, "meshopt_pair_loss_ratio", "gauge",
		    "Share of the probes of the last minute without an answer." },
		{ DIRECT, "meshopt_path_direct", "gauge",
		    "1 if src sends to dst by their own tunnel, 0 by the hub." },
	};
	const size_t n = job->api->mesh->n_nodes;
	struct report_row row = { 0 };

	(void)store;
	fputs(job->text, out);
	if (n * (n - 1) > job->api->metrics_pairs)
		return 0;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		head(out, families[i].name, families[i].type, families[i].help);
		for (size_t k = 0; k < n * n; k++)
			if (k / n != k % n)
				print_pair(job, out, k / n, k % n, families[i].family,
				    &row);
	}
	sketch_fini(&row.rtt);
	return 0;
}

void
api_metrics_get(struct api *api, struct http_request *request)
{
	struct api_job job = { .api = api, .request = request, .now = clock_wall() };
	int64_t reach_ns = matrix_window_ns(api->matrix);
	size_t len;
	FILE *f;

	if (request->n_params > 0) {
		api_reply_error(request, 400, "/metrics takes no parameter");
		return;
	}
	f = open_memstream(&job.text, &len);
	if (!f)
		log_die("out of memory");
	print_self(api, f);
	print_commits(api, f);
	print_nodes(api, f);
	if (fclose(f) != 0)
		log_die("out of memory");
	job.query.window_ns = PAIR_WINDOW_NS < reach_ns ? PAIR_WINDOW_NS : reach_ns;
	job.type = TYPE;
	job.make = make;
	api_reply_job(&job);
}
