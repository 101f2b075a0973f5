/* SPDX-License-Identifier: MIT */
#include "optimizer/input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/num.h"
#include "optimizer/fetch.h"
#include "optimizer/matrix_csv.h"
#include "optimizer/measure_rows.h"

/* As the collector's default. */
#define DEFAULT_WINDOW_S 300
#define AGO_MAX		 24

bool
input_option(struct input_opts *opts, int option, const char *value)
{
	const char **const texts[] = { &opts->mesh, &opts->rtt, &opts->collector,
		&opts->hub, &opts->pops, &opts->pop, &opts->weights, &opts->since };
	const size_t n = sizeof(texts) / sizeof(texts[0]);
	size_t i = (size_t)(option - INPUT_OPTION_FIRST);

	if (option < INPUT_OPTION_FIRST || i > n)
		return false;
	if (i == n)
		opts->all_pairs = true;
	else
		*texts[i] = value;
	return true;
}

void
input_fini(struct input *in)
{
	mesh_free(in->mesh);
	measure_free(in->measure);
	instance_free(in->instance);
	for (enum path p = 0; p < PATH_COUNT; p++)
		matrix_free(in->by_path[p]);
	memset(in, 0, sizeof(*in));
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct node *)a)->name, ((const struct node *)b)->name);
}

static size_t
find_node(const struct instance *in, const char *name)
{
	struct node key = { 0 };
	const struct node *found;

	if (strlen(name) >= sizeof(key.name) || in->n_nodes == 0)
		return SIZE_MAX;
	memcpy(key.name, name, strlen(name) + 1);
	found = bsearch(&key, in->nodes, in->n_nodes, sizeof(key), by_name);
	return found ? (size_t)(found - in->nodes) : SIZE_MAX;
}

/*
 * Flags of the nodes in a list "a,b,c"; NULL and err if one is not there.  where: what
 * the names were looked for in.
 */
static bool *
flag_names(const struct instance *in, const char *list, const char *option,
    const char *where, struct err *err)
{
	bool *flags = mem_array(in->n_nodes, sizeof(*flags));
	char name[MESH_NAME_MAX];
	size_t n, node;

	for (;; list += n + 1) {
		n = strcspn(list, ",");
		node = SIZE_MAX;
		if (n < sizeof(name)) {
			memcpy(name, list, n);
			name[n] = '\0';
			node = find_node(in, name);
		}
		if (node == SIZE_MAX) {
			(void)err_set(err, "%s: there is no node \"%.*s\" in %s",
			    option, (int)(n < 63 ? n : 63), list, where);
			free(flags);
			return NULL;
		}
		flags[node] = true;
		if (!list[n])
			return flags;
	}
}

static void
nodes_from_mesh(struct instance *in, const struct mesh *mesh)
{
	in->n_nodes = mesh->n_nodes;
	in->nodes = mem_array(mesh->n_nodes, sizeof(*in->nodes));
	for (size_t i = 0; i < mesh->n_nodes; i++) {
		const struct mesh_node *from = &mesh->nodes[i];
		struct node *to = &in->nodes[i];

		memcpy(to->name, from->name, sizeof(to->name));
		to->role = from->role;
		to->reachable = *from->endpoint.host != '\0';
		to->relay = from->relay;
		to->weight = from->weight;
		to->max_tunnels = from->max_tunnels;
	}
	qsort(in->nodes, in->n_nodes, sizeof(*in->nodes), by_name);
	in->hub = find_node(in, mesh->nodes[mesh->hub].name);
	in->budget = mesh->budget;
	memcpy(in->mesh, mesh->name, sizeof(in->mesh));
}

/* Without a mesh file: the names of the matrix, roles from the options, all reachable.
 */
static int
nodes_from_matrix(struct instance *in, const struct matrix *m,
    const struct input_opts *opts, struct err *err)
{
	bool *pops = NULL;

	in->n_nodes = m->n;
	in->nodes = mem_array(m->n, sizeof(*in->nodes));
	for (size_t i = 0; i < m->n; i++) {
		memcpy(in->nodes[i].name, m->names[i], sizeof(in->nodes[i].name));
		in->nodes[i].role = MESH_BACKEND;
		in->nodes[i].reachable = true;
		in->nodes[i].weight = 1;
		in->nodes[i].max_tunnels = MESH_NO_LIMIT;
	}
	qsort(in->nodes, in->n_nodes, sizeof(*in->nodes), by_name);
	in->budget = PLAN_NO_BUDGET;
	in->hub = find_node(in, opts->hub);
	if (in->hub == SIZE_MAX)
		return err_set(err, "--hub: there is no node %s in %s", opts->hub,
		    opts->rtt);
	if (opts->pops) {
		pops = flag_names(in, opts->pops, "--pops", opts->rtt, err);
		if (!pops)
			return -EINVAL;
		for (size_t i = 0; i < in->n_nodes; i++)
			in->nodes[i].role = pops[i] ? MESH_POP : MESH_BACKEND;
		if (pops[in->hub]) {
			free(pops);
			return err_set(err, "--pops: %s is the hub", opts->hub);
		}
	}
	in->nodes[in->hub].role = MESH_HUB;
	free(pops);
	return 0;
}

/* --relays all, none or a,b,c instead of what the mesh file says. */
static int
set_relays(const struct input_opts *opts, struct instance *in, struct err *err)
{
	const char *list = opts->relays;
	bool *flags = NULL, all = list && strcmp(list, "all") == 0;

	if (!list)
		return 0;
	if (!all && strcmp(list, "none")) {
		flags = flag_names(in, list, "--relays", "the mesh", err);
		if (!flags)
			return -EINVAL;
	}
	for (size_t i = 0; i < in->n_nodes; i++)
		in->nodes[i].relay = i != in->hub && (all || (flags && flags[i]));
	free(flags);
	return 0;
}

/* Cells of a matrix by name into the order of the nodes; takes m. */
static int
reorder(struct matrix **m, const struct instance *in, const char *path, struct err *err)
{
	struct matrix *from = *m, *to = matrix_new(in->n_nodes);
	size_t *index = mem_array(from->n, sizeof(*index));
	int r = 0;

	for (size_t i = 0; i < from->n && r == 0; i++) {
		index[i] = find_node(in, from->names[i]);
		if (index[i] == SIZE_MAX)
			r = err_set(err, "%s:1: column %zu: there is no node %s%s%s",
			    path, i + 2, from->names[i], *in->mesh ? " in mesh " : "",
			    in->mesh);
	}
	for (size_t i = 0; i < from->n && r == 0; i++)
		for (size_t j = 0; j < from->n; j++)
			*matrix_cell(to, index[i], index[j]) = *matrix_cell(from, i, j);
	for (size_t i = 0; i < in->n_nodes; i++)
		memcpy(to->names[i], in->nodes[i].name, sizeof(to->names[i]));
	free(index);
	matrix_free(from);
	*m = to;
	return r;
}

/*
 * So long ago, for the collector: a time needs a unit there, and is no more than
 * 100,000 of them.
 */
static void
ago(int64_t ns, char text[AGO_MAX])
{
	long long s = (ns + NS_PER_S - 1) / NS_PER_S;

	if (s <= 100000)
		(void)snprintf(text, AGO_MAX, "%llds", s); /* fits, and below */
	else
		(void)snprintf(text, AGO_MAX, "%lldm", (s + 59) / 60);
}

static int
measure_fetch(const struct input_opts *opts, const struct mesh *mesh, const char *query,
    struct measure **out, struct err *err)
{
	const char *base = opts->collector ? opts->collector : mesh->collector;
	char path[128];
	struct err why;
	size_t len;
	char *text;
	int r;

	if (!*base)
		return err_set(err,
		    "mesh %s names no Collector; --collector URL or --rtt "
		    "FILE says where the figures come from",
		    mesh->name);
	(void)snprintf(path, sizeof(path), "/api/v1/matrix?%s", query); /* fits */
	text = fetch_form(base, path, MEASURE_ROWS_ACCEPT, &len, err);
	if (!text)
		return -EIO;
	r = measure_rows_decode(text, len, out, &why);
	if (r < 0)
		r = err_set(err, "%s: %s; is that meshopt-collector?", base, why.text);
	free(text);
	if (r == 0 && strcmp((*out)->mesh, mesh->name))
		r = err_set(err, "%s collects for mesh %s, the mesh file is that of %s",
		    base, (*out)->mesh, mesh->name);
	return r;
}

/* The window that was asked for; the sketches say how sure a figure is. */
static int
measure_now(const struct input_opts *opts, struct input *in, struct err *err)
{
	char query[64], since[AGO_MAX];
	int64_t ns;

	if (opts->since) {
		(void)num_duration(opts->since, &ns); /* input_check() has */
		ago(ns, since);
		(void)snprintf(query, sizeof(query), "since=%s&sketch=1", since);
	} else {
		(void)snprintf(query, sizeof(query), "window=%d&sketch=1",
		    DEFAULT_WINDOW_S);
	}
	return measure_fetch(opts, in->mesh, query, &in->measure, err);
}

int
input_before(const struct input_opts *opts, const struct input *in,
    struct measure **out, struct err *err)
{
	char query[96], since[AGO_MAX], until[AGO_MAX];
	int64_t ns;

	*out = NULL;
	(void)num_duration(opts->since, &ns); /* input_check() has */
	ago(2 * ns, since);
	ago(ns, until);
	(void)snprintf(query, sizeof(query), "since=%s&until=%s", since,
	    until); /* fits */
	return measure_fetch(opts, in->mesh, query, out, err);
}

/* The collector's rows as one matrix a path, by the median. */
static void
fill_matrices(struct input *in)
{
	for (size_t i = 0; i < in->measure->n_rows; i++) {
		const struct measure_row *row = &in->measure->rows[i];
		size_t src = find_node(in->instance, row->src);
		size_t dst = find_node(in->instance, row->dst);

		if (src == SIZE_MAX || dst == SIZE_MAX || src == dst)
			in->strangers++;
		else if (row->p50_us > 0)
			*matrix_cell(in->by_path[row->path], src, dst) = row->p50_us;
	}
}

static int
build(const struct input_opts *opts, struct input *in, struct err *err)
{
	struct measured measured = { in->by_path[PATH_HUB], in->by_path[PATH_DIRECT],
		in->by_path[PATH_PUBLIC] };
	struct instance_opts how = { .all_pairs = opts->all_pairs };
	struct instance *instance = in->instance;
	struct matrix *weights = NULL;
	bool *only = NULL;
	int r = 0;

	if (opts->pop) {
		only = flag_names(instance, opts->pop, "--pop",
		    in->mesh ? in->mesh->name : opts->rtt, err);
		r = only ? 0 : -EINVAL;
		for (size_t i = 0; r == 0 && !opts->all_pairs && i < instance->n_nodes;
		     i++)
			if (only[i] && instance->nodes[i].role != MESH_POP)
				r = err_set(err,
				    "--pop: %s is a %s, not a POP; --all-pairs plans "
				    "for "
				    "any node",
				    instance->nodes[i].name,
				    mesh_role_name(instance->nodes[i].role));
	}
	if (r == 0 && opts->weights)
		r = matrix_csv_load(opts->weights, MATRIX_WEIGHT, &weights, err);
	if (r == 0 && weights)
		r = reorder(&weights, instance, opts->weights, err);
	how.only = only;
	how.weights = weights;
	if (r == 0)
		r = instance_build(instance, &measured, in->mesh, &how, err);
	matrix_free(weights);
	free(only);
	return r;
}

int
input_check(const struct input_opts *opts, struct err *err)
{
	int64_t window_ns;

	if (opts->rtt && (opts->collector || opts->since))
		return err_set(err,
		    "--rtt reads a file: --collector and --since do not "
		    "go with it");
	if (opts->hub && opts->mesh)
		return err_set(err,
		    "--hub goes without --mesh: the mesh file names the "
		    "hub");
	if (opts->pops && !opts->hub)
		return err_set(err,
		    "--pops goes with --hub, without a mesh file; --pop "
		    "NAME picks one POP of a mesh");
	if (opts->hub && !opts->rtt)
		return err_set(err, "--hub goes with --rtt FILE");
	if (opts->hub && !opts->pops && !opts->all_pairs)
		return err_set(err,
		    "without a mesh file, --pops NAME,... or --all-pairs "
		    "must say which pairs talk");
	if (opts->since && num_duration(opts->since, &window_ns) < 0)
		return err_set(err, "--since: \"%s\" is not a time such as 5m or 24h",
		    opts->since);
	if (opts->collector && strlen(opts->collector) >= MESH_COLLECTOR_MAX)
		return err_set(err, "--collector: longer than %d characters",
		    MESH_COLLECTOR_MAX - 1);
	return 0;
}

int
input_load(const struct input_opts *opts, struct input *in, struct err *err)
{
	struct matrix **public = &in->by_path[PATH_PUBLIC];
	int r = input_check(opts, err);

	memset(in, 0, sizeof(*in));
	in->instance = mem_alloc(sizeof(*in->instance));
	if (r == 0 && !opts->hub)
		r = mesh_load(opts->mesh ? opts->mesh : MESH_DEFAULT_PATH, &in->mesh,
		    err);
	if (r == 0 && opts->rtt)
		r = matrix_csv_load(opts->rtt, MATRIX_MS, public, err);
	if (r == 0 && in->mesh)
		nodes_from_mesh(in->instance, in->mesh);
	else if (r == 0)
		r = nodes_from_matrix(in->instance, *public, opts, err);
	if (r == 0)
		r = set_relays(opts, in->instance, err);
	if (r == 0 && opts->rtt)
		r = reorder(public, in->instance, opts->rtt, err);
	if (r == 0 && !opts->rtt)
		r = measure_now(opts, in, err);
	for (enum path p = 0; r == 0 && !opts->rtt && p < PATH_COUNT; p++)
		in->by_path[p] = matrix_new(in->instance->n_nodes);
	if (r == 0 && !opts->rtt)
		fill_matrices(in);
	if (r == 0)
		r = build(opts, in, err);
	return r;
}
