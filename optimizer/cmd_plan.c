/* SPDX-License-Identifier: MIT */
/*
 * meshopt plan: the question from the options, the answer to stdout and to a file.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/num.h"
#include "optimizer/cmd.h"
#include "optimizer/decide/plan_json.h"
#include "optimizer/decide/solve.h"
#include "optimizer/input.h"
#include "optimizer/table.h"

#define CAPS_MAX 10000

struct plan_opts {
	struct input_opts input;
	const char *caps[CAPS_MAX]; /* --cap [NODE=]N as given */
	size_t n_caps;
	uint32_t budget;
	bool has_budget, no_relays, exit_code;
	enum { AS_TEXT, AS_JSON, AS_CSV } format;
	const char *out;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: meshopt plan --budget N [OPTION...]\n"
	    "Decide which pairs get a direct tunnel; nothing is changed anywhere.\n\n"
	    "  --budget N          direct tunnels at most (default: Budget of the "
	    "mesh)\n"
	    "  --cap [NODE=]N      direct tunnels at most at each node, or at this "
	    "one\n"
	    "  --pop NAME,...      only pairs with one of these POPs\n"
	    "  --all-pairs         any two nodes, not only POP with backend\n"
	    "  --no-relays         each path is the hub or a tunnel of its own\n"
	    "  --mesh FILE         mesh file (default " MESH_DEFAULT_PATH ")\n"
	    "  --collector URL     where the figures come from (default: the mesh "
	    "file's)\n"
	    "  --since 5m          over this window\n"
	    "  --rtt FILE          square CSV of RTTs in ms instead of the collector\n"
	    "  --hub NAME, --pops NAME,...  the roles, without a mesh file\n"
	    "  --weights FILE      square CSV of whole traffic weights\n"
	    "  -o FILE             write the plan there, for meshopt apply\n"
	    "  -j, --json; --csv   the plan in another form on stdout\n"
	    "  --exit-code         exit with 3 if tunnels would be added or dropped\n");
}

/* Exit status, or -1 to go on. */
static int
parse(int argc, char **argv, struct plan_opts *o)
{
	static const struct option options[] = {
		INPUT_OPTIONS,
		{ "budget", required_argument, NULL, 'b' },
		{ "cap", required_argument, NULL, 'C' },
		{ "no-relays", no_argument, NULL, 'R' },
		{ "json", no_argument, NULL, 'j' },
		{ "csv", no_argument, NULL, 'c' },
		{ "exit-code", no_argument, NULL, 'x' },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "b:o:jh", options, NULL)) != -1) {
		if (input_option(&o->input, c, optarg))
			continue;
		if (c == 'b') {
			if (num_u32(optarg, 0, PLAN_NO_BUDGET - 1, &o->budget) < 0) {
				log_warnx(
				    "--budget: \"%s\" is not a number of tunnels, 0 "
				    "or more",
				    optarg);
				return EXIT_USAGE;
			}
			o->has_budget = true;
		} else if (c == 'C' && o->n_caps < CAPS_MAX) {
			o->caps[o->n_caps++] = optarg;
		} else if (c == 'R') {
			o->no_relays = true;
		} else if (c == 'j') {
			o->format = AS_JSON;
		} else if (c == 'c') {
			o->format = AS_CSV;
		} else if (c == 'x') {
			o->exit_code = true;
		} else if (c == 'o') {
			o->out = optarg;
		} else {
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_DONE : EXIT_USAGE;
		}
	}
	if (optind < argc) {
		log_warnx("plan: \"%s\" is not an option", argv[optind]);
		usage(stderr);
		return EXIT_USAGE;
	}
	return -1;
}

/* --cap 4 for everyone, then --cap hkg=16 for one; never more than the mesh file says.
 */
static int
set_caps(const struct plan_opts *o, struct instance *in, struct err *err)
{
	for (size_t i = 0; i < o->n_caps; i++) {
		const char *equals = strchr(o->caps[i], '=');
		size_t len = equals ? (size_t)(equals - o->caps[i]) : 0, hits = 0;
		uint32_t cap;

		if (num_u32(equals ? equals + 1 : o->caps[i], 0, MESH_NODES_MAX, &cap) <
		    0)
			return err_set(err, "--cap: \"%s\" is not N or NODE=N",
			    o->caps[i]);
		for (size_t k = 0; k < in->n_nodes; k++) {
			struct node *node = &in->nodes[k];

			if (equals && (strlen(node->name) != len ||
					  memcmp(node->name, o->caps[i], len)))
				continue;
			hits++;
			if (cap < node->max_tunnels)
				node->max_tunnels = cap;
		}
		if (!hits)
			return err_set(err, "--cap: there is no node \"%.*s\"",
			    (int)len, o->caps[i]);
	}
	return 0;
}

static struct table *
tunnel_table(const struct plan *plan, bool csv)
{
	struct table *t =
	    table_new(csv ? "a|b|hub_ms|direct_ms|saves_ms|value|state"
			  : "<pair|hub ms|direct ms|saves ms|factor|off the "
			    "mean ms|<state");
	static const char *const states[] = { "add", "keep", "drop" };

	for (size_t i = 0; i < plan->n_tunnels; i++) {
		const struct plan_tunnel *p = &plan->tunnels[i];
		bool known = p->hub_us != PLAN_UNKNOWN && p->direct_us != PLAN_UNKNOWN;

		if (csv) {
			table_text(t, plan->names[p->a]);
			table_text(t, plan->names[p->b]);
		} else {
			table_printf(t, "%s-%s", plan->names[p->a], plan->names[p->b]);
		}
		table_ms(t, p->hub_us, csv ? 3 : 1);
		table_ms(t, p->direct_us, csv ? 3 : 1);
		if (known)
			table_signed_ms(t, p->saves_us, csv ? 3 : 1);
		else
			table_empty(t);
		if (csv)
			table_printf(t, "%lld", (long long)p->value);
		else if (known && p->direct_us > 0)
			table_printf(t, "%.1fx",
			    (double)p->hub_us / (double)p->direct_us);
		else
			table_empty(t);
		if (!csv && plan->weight_sum > 0)
			table_printf(t, "%.1f",
			    (double)p->value / (double)plan->weight_sum / 1000);
		else if (!csv)
			table_empty(t);
		table_text(t, states[p->state]);
	}
	return t;
}

static double
mean_ms(const struct plan *plan, int64_t saved)
{
	return (double)(plan->hub_sum - saved) / (double)plan->weight_sum / 1000;
}

static void
print_totals(const struct plan *plan)
{
	size_t direct = 0;
	double gap;

	for (size_t i = 0; i < plan->n_tunnels; i++)
		direct += plan->tunnels[i].state != PLAN_DROP;
	printf("%zu of %zu pairs", direct, plan->pairs);
	if (plan->weight_sum > 0)
		printf(" · mean %.1f → %.1f ms · bound %.1f ms", mean_ms(plan, 0),
		    mean_ms(plan, plan->value), mean_ms(plan, plan->bound));
	if (plan->bound == plan->value) {
		printf(" · optimal (gap 0.0 %%)");
	} else {
		gap = (double)(plan->bound - plan->value) / (double)plan->bound;
		printf(" · gap %.1f %%", gap * 100);
	}
	if (plan->next_value > 0)
		printf(" · next tunnel saves %.1f ms\n",
		    (double)plan->next_value / 1000);
	else
		printf(" · no further tunnel saves anything\n");
}

/* What the figures do not cover, in words: it belongs to the answer. */
static void
print_notes(const struct plan *plan, const struct input *in)
{
	if (plan->unmeasured)
		log_warnx(
		    "%zu pairs have no measured hub or direct RTT and stay on the hub",
		    plan->unmeasured);
	if (plan->unreachable)
		log_warnx("%zu pairs cannot have a tunnel: neither end has an Endpoint",
		    plan->unreachable);
	if (in->strangers)
		log_warnx(
		    "%zu rows of the collector name nodes that the mesh file lacks: "
		    "is it the same file everywhere?",
		    in->strangers);
}

/* Beside the target first, then renamed: a reader sees the old plan or the new one. */
static int
write_file(const char *path, const char *text)
{
	size_t n = strlen(path) + 8;
	char *temp = mem_alloc(n);
	FILE *out = NULL;
	int fd, r = -1;

	(void)snprintf(temp, n, "%s.XXXXXX", path); /* n is enough */
	fd = mkstemp(temp);
	if (fd >= 0)
		out = fdopen(fd, "w");
	if (out) {
		r = fputs(text, out) < 0 || fchmod(fd, 0644) < 0 || fflush(out) != 0 ||
			    fsync(fd) < 0
			? -1
			: 0;
		if (fclose(out) != 0)
			r = -1;
		if (r == 0)
			r = rename(temp, path);
		if (r < 0)
			(void)unlink(temp); /* the first failure is the one to tell */
	}
	if (r < 0)
		log_warn("%s: the plan is not written", path);
	free(temp);
	return r;
}

static int
print_plan(const struct plan *plan, const struct plan_opts *o)
{
	char *json = NULL;
	struct table *t;
	int r = 0;

	if (o->format == AS_JSON || o->out)
		json = plan_to_json(plan);
	if (o->format == AS_JSON) {
		printf("%s\n", json);
	} else {
		t = tunnel_table(plan, o->format == AS_CSV);
		if (o->format == AS_CSV)
			table_print_csv(t, stdout);
		else if (table_rows(t))
			table_print(t, stdout);
		if (o->format == AS_TEXT)
			print_totals(plan);
		table_free(t);
	}
	if (o->out)
		r = write_file(o->out, json);
	free(json);
	return r;
}

/* Relays are a wish that this version cannot grant: said, not passed over. */
static void
note_relays(const struct input *in)
{
	for (size_t i = 0; in->mesh && i < in->mesh->n_nodes; i++) {
		if (!in->mesh->nodes[i].relay)
			continue;
		log_warnx("%s says Relay = yes; this version plans hub or direct paths "
			  "only (--no-relays)",
		    in->mesh->nodes[i].name);
		return;
	}
}

static int
plan_and_print(struct plan_opts *o, struct input *in)
{
	struct plan *plan = NULL;
	struct err err;
	int status = EXIT_FAILED;

	if (input_load(&o->input, in, &err) < 0 ||
	    set_caps(o, in->instance, &err) < 0) {
		log_warnx("%s", err.text);
		return EXIT_FAILED;
	}
	if (o->has_budget)
		in->instance->budget = o->budget;
	if (in->instance->budget == PLAN_NO_BUDGET) {
		log_warnx(
		    "--budget N is missing: how many direct tunnels may there be?");
		return EXIT_USAGE;
	}
	if (!o->no_relays)
		note_relays(in);
	if (solve(in->instance, &plan, &err) < 0) {
		log_warnx("%s", err.text);
	} else if (print_plan(plan, o) == 0) {
		print_notes(plan, in);
		status = EXIT_DONE;
		for (size_t i = 0; o->exit_code && i < plan->n_tunnels; i++)
			if (plan->tunnels[i].state != PLAN_KEEP)
				status = EXIT_PENDING;
	}
	plan_free(plan);
	return status;
}

int
cmd_plan(int argc, char **argv)
{
	struct plan_opts *o = mem_alloc(sizeof(*o));
	struct input in = { 0 };
	int status = parse(argc, argv, o);

	if (status < 0)
		status = plan_and_print(o, &in);
	input_fini(&in);
	free(o);
	return status;
}
