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
#include "optimizer/cmd.h"
#include "optimizer/curve.h"
#include "optimizer/decide/plan_json.h"
#include "optimizer/plan_opts.h"
#include "optimizer/table.h"

#define NEEDS_MAX 5 /* lines about missing samples; --json has them all */

struct plan_cmd {
	struct plan_opts q;
	bool exit_code, curve;
	enum { AS_TEXT, AS_JSON, AS_CSV } format;
	const char *out;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: meshopt plan --budget N [OPTION...]\n"
	    "Decide which pairs get a direct tunnel; nothing is changed anywhere.\n\n"
	    "%s%s"
	    "  --curve             what each budget up to this one saves, and the "
	    "knee\n"
	    "  -o FILE             write the plan there, for meshopt apply\n"
	    "  -j, --json; --csv   the plan in another form on stdout\n"
	    "  --exit-code         exit with 3 if tunnels would be added or dropped\n",
	    ask_usage, plan_opts_usage);
}

/* Exit status, or -1 to go on. */
static int
parse(int argc, char **argv, struct plan_cmd *o)
{
	static const struct option options[] = {
		PLAN_OPTIONS,
		{ "curve", no_argument, NULL, 'k' },
		{ "json", no_argument, NULL, 'j' },
		{ "csv", no_argument, NULL, 'c' },
		{ "exit-code", no_argument, NULL, 'x' },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct err err;
	int c, r;

	while ((c = getopt_long(argc, argv, "b:o:jh", options, NULL)) != -1) {
		r = plan_opts_take(&o->q, c, optarg, &err);
		if (r < 0) {
			log_warnx("%s", err.text);
			return EXIT_USAGE;
		}
		if (r > 0)
			continue;
		if (c == 'j') {
			o->format = AS_JSON;
		} else if (c == 'c') {
			o->format = AS_CSV;
		} else if (c == 'k') {
			o->curve = true;
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
	if (!o->q.instance && input_check(&o->q.ask.input, &err) < 0) {
		log_warnx("%s", err.text);
		return EXIT_USAGE;
	}
	return -1;
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

/* With relays a tunnel serves more pairs than its own. */
static void
print_paths(const struct plan *plan, size_t tunnels)
{
	size_t by[3] = { 0 };

	for (size_t i = 0; i < plan->n_routes; i++)
		by[plan->routes[i].path]++;
	printf("%zu tunnels: %zu pairs direct, %zu relayed, %zu by the hub", tunnels,
	    by[PLAN_DIRECT], by[PLAN_RELAY], by[PLAN_HUB]);
	if (strcmp(plan->objective, "mean"))
		printf(" · %s: %lld of at most %lld", plan->objective,
		    (long long)plan->value, (long long)plan->bound);
	for (size_t i = 0; i < plan->n_relays && i < 3; i++)
		printf("%s%s %u pairs", i ? ", " : " · ",
		    plan->names[plan->relays[i].node], plan->relays[i].pairs);
}

static void
print_totals(const struct plan *plan)
{
	size_t direct = 0;
	double gap;

	for (size_t i = 0; i < plan->n_tunnels; i++)
		direct += plan->tunnels[i].state != PLAN_DROP;
	if (plan->relayed)
		print_paths(plan, direct);
	else
		printf("%zu of %zu pairs", direct, plan->pairs);
	if (plan->weight_sum > 0)
		printf(" · mean %.1f → %.1f ms · bound %.1f ms", mean_ms(plan, 0),
		    mean_ms(plan, plan->relayed ? plan->saved : plan->value),
		    mean_ms(plan, plan->bound));
	if (plan->bound == plan->value) {
		printf(" · optimal (gap 0.0 %%)");
	} else {
		gap = (double)(plan->bound - plan->value) / (double)plan->bound;
		printf(" · gap %.1f %%", gap * 100);
	}
	if (plan->relayed && plan->has_next && plan->weight_sum > 0)
		printf(" · next: %s-%s, %.2f ms off the mean\n",
		    plan->names[plan->next_a], plan->names[plan->next_b],
		    (double)plan->next_value / (double)plan->weight_sum / 1000);
	else if (plan->next_value > 0)
		printf(" · next tunnel saves %.1f ms\n",
		    (double)plan->next_value / 1000);
	else
		printf(" · no further tunnel saves anything\n");
}

/* Which measurements could have changed the answer. */
static void
print_needs(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_needs && i < NEEDS_MAX; i++) {
		const struct plan_need *need = &plan->needs[i];

		log_warnx("needs %u more sample%s: %s-%s", need->samples,
		    need->samples == 1 ? "" : "s", plan->names[need->a],
		    plan->names[need->b]);
	}
	if (plan->n_needs > NEEDS_MAX)
		log_warnx("and %zu more pairs need samples, that could matter less",
		    plan->n_needs - NEEDS_MAX);
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
	print_needs(plan);
}

static int
write_plan(FILE *out, const struct plan *plan)
{
	plan_json_write(plan, out); /* its errors stay in the stream */
	return fflush(out) != 0 || ferror(out) ? -1 : 0;
}

/* Beside the target first, then renamed: a reader sees the old plan or the new one. */
static int
replace_file(const char *path, const struct plan *plan)
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
		r = write_plan(out, plan) < 0 || fchmod(fd, 0644) < 0 || fsync(fd) < 0
			? -1
			: 0;
		if (fclose(out) != 0)
			r = -1;
		if (r == 0)
			r = rename(temp, path);
		if (r < 0)
			(void)unlink(temp); /* the first failure is the one to tell */
	}
	free(temp);
	return r;
}

/* What is no file, as /dev/null, is written to: renamed over, it would be gone. */
static int
write_file(const char *path, const struct plan *plan)
{
	char *real = realpath(path, NULL); /* a link stays a link */
	struct stat st;
	FILE *out;
	int r = -1;

	if (!real || stat(real, &st) < 0 || S_ISREG(st.st_mode) ||
	    S_ISDIR(st.st_mode)) {
		r = replace_file(real ? real : path, plan);
	} else if ((out = fopen(path, "we"))) {
		r = write_plan(out, plan);
		if (fclose(out) != 0)
			r = -1;
	}
	if (r < 0)
		log_warn("%s: the plan is not written", path);
	free(real);
	return r;
}

static int
print_plan(const struct plan *plan, const struct plan_cmd *o)
{
	struct table *t;
	int r = 0;

	if (o->format == AS_JSON) {
		plan_json_write(plan, stdout);
		putchar('\n');
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
		r = write_file(o->out, plan);
	return r;
}

/* Too thin and unmeasured pairs are looked for only where there are any. */
static void
note_needs(struct ask *ask, struct plan *plan)
{
	if (ask->in.measure || (plan->unmeasured && ask->in.mesh))
		evidence_needs(ask->in.instance, ask_evidence(ask),
		    ask->how.samples_min, plan);
}

static int
plan_and_print(const struct plan_cmd *o, struct ask *ask)
{
	struct plan *plan = NULL;
	struct solve_opts how;
	struct err err;
	int status = EXIT_FAILED;

	if (plan_opts_load(&o->q, ask, &err) < 0 ||
	    plan_opts_export(&o->q, ask->in.instance, &err) < 0) {
		log_warnx("%s", err.text);
		return EXIT_FAILED;
	}
	if (ask->in.instance->budget == PLAN_NO_BUDGET) {
		log_warnx(
		    "--budget N is missing: how many direct tunnels may there be?");
		return EXIT_USAGE;
	}
	how = plan_opts_effort(&o->q, ask->in.instance);
	if (o->curve)
		return curve_print(ask->in.instance, &how, o->format == AS_CSV);
	if (solve_with(ask->in.instance, &how, &plan, &err) < 0) {
		log_warnx("%s", err.text);
		return EXIT_FAILED;
	}
	note_needs(ask, plan);
	if (print_plan(plan, o) == 0) {
		print_notes(plan, &ask->in);
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
	struct plan_cmd o = { 0 };
	struct ask ask = { 0 };
	int status = parse(argc, argv, &o);

	if (status < 0)
		status = plan_and_print(&o, &ask);
	ask_fini(&ask);
	plan_opts_fini(&o.q);
	return status;
}
