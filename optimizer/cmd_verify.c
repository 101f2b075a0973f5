/* SPDX-License-Identifier: MIT */
/*
 * meshopt verify: a plan against the question that it answers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/opts.h"
#include "optimizer/cmd.h"
#include "optimizer/plan_opts.h"
#include "optimizer/verify/verify.h"

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: meshopt verify PLAN.json [OPTION...]\n"
	    "Recompute a plan's value and bound, and send a packet along every route.\n"
	    "The options are those that the plan was made with.\n\n"
	    "%s%s",
	    ask_usage, plan_opts_usage);
}

/* Exit status, or -1 to go on. */
static int
parse(int argc, char **argv, struct plan_opts *o, const char **plan)
{
	static const struct option options[] = {
		PLAN_OPTIONS,
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct err err;
	int c, r;

	while ((c = opts_next(argc, argv, "b:h", options)) != -1) {
		r = plan_opts_take(o, c, optarg, &err);
		if (r < 0) {
			log_warnx("%s", err.text);
			return EXIT_USAGE;
		}
		if (r == 0) {
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_DONE : EXIT_USAGE;
		}
	}
	if (argc - optind != 1) {
		log_warnx("verify: one plan file, as meshopt plan -o writes it");
		return EXIT_USAGE;
	}
	*plan = argv[optind];
	return -1;
}

static char *
read_file(const char *path, size_t *len)
{
	FILE *in = fopen(path, "re");
	size_t cap = 1 << 16, n;
	char *text = NULL;

	*len = 0;
	if (!in) {
		log_warn("%s", path);
		return NULL;
	}
	text = mem_alloc(cap);
	while ((n = fread(text + *len, 1, cap - *len, in)) > 0) {
		*len += n;
		if (*len < cap)
			continue;
		cap *= 2;
		text = mem_grow(text, cap, 1);
	}
	if (ferror(in)) {
		log_warn("%s", path);
		free(text);
		text = NULL;
	}
	(void)fclose(in); /* only read from */
	return text;
}

static void
print(const struct verify_claim *c, const struct verify_verdict *v)
{
	printf("value   %lld, as claimed\n", (long long)v->value);
	if (v->has_bound)
		printf("bound   %lld by the certificate's prices%s\n",
		    (long long)v->bound,
		    c->by_search ? "; the plan's own rests on a search" : "");
	else
		printf("bound   %lld claimed; the plan has no certificate\n",
		    (long long)c->bound);
	if (v->has_bound && v->bound > 0)
		printf("gap     %.4f %%\n",
		    100 * (double)(v->bound - v->value) / (double)v->bound);
	printf("budget  %zu spent on %zu tunnels\n", v->spent, v->tunnels);
	printf("routes  %zu relayed; every next hop symmetric, %zu of %zu ways "
	       "delivered\n",
	    v->relayed, v->delivered, 2 * c->n_routes);
}

static int
judge(const struct plan_opts *o, struct ask *ask, const char *path)
{
	struct verify_claim claim;
	struct verify_verdict verdict;
	struct err err;
	size_t len;
	char *text = read_file(path, &len);
	int r;

	if (!text)
		return EXIT_FAILED;
	r = plan_opts_load(o, ask, &err);
	if (r == 0)
		r = verify_claim_read(text, len, ask->in.instance, &claim, &err);
	free(text);
	if (r == 0) {
		r = verify(ask->in.instance, &claim, &verdict, &err);
		if (r == 0)
			print(&claim, &verdict);
		verify_claim_fini(&claim);
	}
	if (r < 0)
		log_warnx("%s: %s", path, err.text);
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

int
cmd_verify(int argc, char **argv)
{
	struct plan_opts o = { 0 };
	struct ask ask = { 0 };
	const char *plan = NULL;
	int status = parse(argc, argv, &o, &plan);

	if (status < 0)
		status = judge(&o, &ask, plan);
	ask_fini(&ask);
	plan_opts_fini(&o);
	return status;
}
