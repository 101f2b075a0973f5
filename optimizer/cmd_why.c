/* SPDX-License-Identifier: MIT */
/*
 * meshopt why A B: the figures behind a pair's path, the rule that decided, and what
 * would change it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/opts.h"
#include "optimizer/ask.h"
#include "optimizer/cmd.h"
#include "optimizer/decide/why.h"
#include "optimizer/why_json.h"

struct why_opts {
	struct ask_opts ask;
	const char *a, *b;
	bool json;
};

/* What the printing needs. */
struct answer {
	const struct why_opts *o;
	const struct ask *ask;
	const struct why_question *q;
	const struct why *w;
	const struct pair *pair;
	const struct inforce *force; /* NULL = not known */
	const char *a, *b, *hub;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: meshopt why A B --budget N [OPTION...]\n"
	    "Why the pair A-B goes the way it goes, and what would change it.\n\n"
	    "%s"
	    "  -j, --json\n",
	    ask_usage);
}

/* Exit status, or -1 to go on. */
static int
parse(int argc, char **argv, struct why_opts *o)
{
	static const struct option options[] = {
		ASK_OPTIONS,
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct err err;
	int c, r;

	while ((c = opts_next(argc, argv, "b:jh", options)) != -1) {
		r = ask_option(&o->ask, c, optarg, &err);
		if (r < 0) {
			log_warnx("%s", err.text);
			return EXIT_USAGE;
		}
		if (r > 0)
			continue;
		if (c != 'j') {
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_DONE : EXIT_USAGE;
		}
		o->json = true;
	}
	if (argc - optind != 2) {
		log_warnx("why: two nodes are missing, as in `meshopt why hkg nrt`");
		usage(stderr);
		return EXIT_USAGE;
	}
	o->a = argv[optind];
	o->b = argv[optind + 1];
	return -1;
}

static int
find_node(const struct instance *in, const char *name, size_t *out, struct err *err)
{
	for (*out = 0; *out < in->n_nodes; (*out)++)
		if (strcmp(in->nodes[*out].name, name) == 0)
			break;
	if (*out == in->n_nodes)
		return err_set(err, "there is no node \"%s\"", name);
	if (*out == in->hub)
		return err_set(err,
		    "%s is the hub: its paths are its own tunnels, and no plan changes "
		    "them",
		    name);
	return 0;
}

static int
find_pair(const struct instance *in, const struct why_opts *o, size_t *out,
    struct err *err)
{
	size_t a, b;

	if (find_node(in, o->a, &a, err) < 0 || find_node(in, o->b, &b, err) < 0)
		return -1;
	if (a == b)
		return err_set(err, "%s twice: a pair has two ends", o->a);
	for (*out = 0; *out < in->n_pairs; (*out)++) {
		const struct pair *p = &in->pairs[*out];

		if ((p->a == a && p->b == b) || (p->a == b && p->b == a))
			return 0;
	}
	return err_set(err,
	    "%s-%s is no pair that is planned for: %s is a %s and %s a %s; --all-pairs "
	    "takes any two",
	    o->a, o->b, o->a, mesh_role_name(in->nodes[a].role), o->b,
	    mesh_role_name(in->nodes[b].role));
}

/* ": median of 118 samples, 229.2 to 231.0 ms, loss 0.0 %", or the file's name. */
static void
print_evidence(const struct answer *x, const struct evidence *e, double loss)
{
	if (!x->ask->in.measure) {
		printf(", from %s\n", x->o->ask.input.rtt);
		return;
	}
	printf("; %llu samples, %.1f to %.1f ms at %u %%", (unsigned long long)e->n,
	    (double)e->lo_us / 1000, (double)e->hi_us / 1000, x->ask->how.conf_pct);
	if (loss >= 0)
		printf(", loss %.1f %%", loss * 100);
	printf("\n");
}

static void
print_hub(const struct answer *x)
{
	const struct evidence_pair *e = x->q->evidence;

	if (x->pair->hub_us == PLAN_UNKNOWN) {
		printf("  hub        unknown: %s%s%s have no RTT to the hub\n",
		    e->leg_a.n ? "" : x->a, e->leg_a.n || e->leg_b.n ? "" : " and ",
		    e->leg_b.n ? "" : x->b);
		return;
	}
	printf("  hub       %7.1f ms  ", (double)x->pair->hub_us / 1000);
	if (e->hub_from == EVIDENCE_LEGS)
		printf("%s-%s %.1f ms and %s-%s %.1f ms", x->a, x->hub,
		    (double)e->leg_a.mid_us / 1000, x->b, x->hub,
		    (double)e->leg_b.mid_us / 1000);
	else
		printf("between the overlay addresses");
	print_evidence(x, &e->hub, e->hub_loss);
}

static void
print_direct(const struct answer *x)
{
	const struct evidence_pair *e = x->q->evidence;

	if (x->pair->direct_us == PLAN_UNKNOWN) {
		printf("  direct     unknown: nobody has measured it\n");
		return;
	}
	printf("  direct    %7.1f ms  %s", (double)x->pair->direct_us / 1000,
	    e->direct_from == EVIDENCE_TUNNEL ? "in its tunnel"
					      : "between the public addresses");
	print_evidence(x, &e->direct, e->direct_loss);
}

static void
print_saving(const struct answer *x)
{
	const struct pair *p = x->pair;
	int64_t sure = p->hub_lo_us - p->direct_hi_us;

	if (p->hub_us == PLAN_UNKNOWN || p->direct_us == PLAN_UNKNOWN)
		return;
	printf("  saves     %7.1f ms  ", (double)(p->hub_us - p->direct_us) / 1000);
	if (x->ask->how.loss_packets)
		printf("counted as %.1f ms with the loss, ", (double)sure / 1000);
	else if (sure != p->hub_us - p->direct_us)
		printf("at least %.1f ms, ", (double)sure / 1000);
	if (p->direct_us > 0)
		printf("%.1f times as fast, ",
		    (double)p->hub_us / (double)p->direct_us);
	printf("weight %lld", (long long)p->weight);
	if (x->q->evidence->age_s >= 0)
		printf(", %.0f s old", x->q->evidence->age_s);
	printf("\n");
}

/* The RTT below which a new tunnel passes the thresholds. */
static void
print_thresholds(const struct answer *x)
{
	const struct policy *policy = x->q->policy;
	int64_t hub = x->pair->hub_us, gain, ratio;

	if (!policy || hub == PLAN_UNKNOWN || x->q->in->tunnels)
		return;
	gain = hub - policy->gain_us;
	ratio = hub * (int64_t)policy->ratio_num / (int64_t)policy->ratio_den;
	ratio = gain < ratio ? gain : ratio;
	printf("  policy    %7.1f ms  at most, for a new tunnel: %.0f ms less than the "
	       "hub and %u/%u of it\n",
	    (double)ratio / 1000, (double)policy->gain_us / 1000, policy->ratio_num,
	    policy->ratio_den);
}

static void
print_rank(const struct answer *x)
{
	if (x->w->rank)
		printf("rank %zu of %zu candidates, budget %u", x->w->rank,
		    x->w->candidates, x->q->in->budget);
	else
		printf("no candidate");
}

static void
print_rule(const struct answer *x)
{
	const struct instance *in = x->q->in;
	const struct why *w = x->w;

	printf("  because   ");
	switch (w->rule) {
	case WHY_PINNED_HUB:
	case WHY_PINNED_DIRECT:
		printf("the mesh file pins it to Path = %s",
		    w->rule == WHY_PINNED_HUB ? "hub" : "direct");
		break;
	case WHY_NO_ENDPOINT:
		printf("neither end has an Endpoint, so no tunnel can start");
		break;
	case WHY_NO_HUB_RTT:
	case WHY_NO_DIRECT_RTT:
		printf("what is not measured is not planned with");
		break;
	case WHY_THIN:
		printf("needs %u more samples",
		    evidence_missing(x->q->evidence, x->q->samples_min));
		break;
	case WHY_POLICY:
		printf("%s", policy_rule_text(w->verdict.rule));
		break;
	case WHY_SLOWER:
		printf("a tunnel is not sure to be faster than the hub");
		break;
	case WHY_CHOSEN:
	case WHY_BUDGET:
		print_rank(x);
		break;
	case WHY_LEG:
		printf("other pairs go through this tunnel");
		break;
	case WHY_RELAY:
		printf("tunnels %s-%s and %s-%s serve it as well", x->a,
		    in->nodes[w->via].name, x->b, in->nodes[w->via].name);
		break;
	case WHY_LIMIT:
		print_rank(x);
		printf("; %s has its %u tunnels already", in->nodes[w->full].name,
		    in->nodes[w->full].max_tunnels);
		break;
	}
	printf("\n");
}

/* "below 41.2 ms", or "at 41.2 ms or less" where that is the rounder figure. */
static void
print_turn(int64_t us)
{
	if (us % 100 == 0)
		printf(" below %.1f ms", (double)us / 1000);
	else if ((us - 1) % 100 == 0)
		printf(" at %.1f ms or less", (double)(us - 1) / 1000);
	else
		printf(" below %.3f ms", (double)us / 1000);
}

static void
print_otherwise(const struct answer *x)
{
	const struct why *w = x->w;
	bool direct = w->path == PLAN_DIRECT, budget = w->turn_budget != PLAN_NO_BUDGET;

	if (w->turn_us == PLAN_UNKNOWN && !budget)
		return;
	printf("  otherwise %s", direct ? "would stay direct" : "would become direct");
	if (w->turn_us != PLAN_UNKNOWN)
		print_turn(w->turn_us);
	else if (w->rule == WHY_BUDGET)
		printf(" at no RTT");
	if (w->turn_us != PLAN_UNKNOWN && budget)
		printf(direct ? ", and" : ", or");
	else if (w->rule == WHY_BUDGET)
		printf(", but");
	if (budget)
		printf(" with budget %u%s", w->turn_budget, direct ? " or more" : "");
	printf("\n");
}

static void
print_answer(const struct answer *x)
{
	const struct why *w = x->w;

	printf("%s-%s: ", x->a, x->b);
	if (w->path == PLAN_RELAY)
		printf("through %s", x->q->in->nodes[w->via].name);
	else
		printf(w->path == PLAN_DIRECT ? "direct" : "through the hub");
	if (w->us != PLAN_UNKNOWN)
		printf(", %.1f ms", (double)w->us / 1000);
	printf("%s\n", x->pair->present ? "; it has a tunnel now" : "");
	print_hub(x);
	print_direct(x);
	print_saving(x);
	print_thresholds(x);
	print_rule(x);
	print_otherwise(x);
	if (x->force)
		inforce_print(x->force, stdout);
}

static int
explain(const struct why_opts *o, struct ask *ask)
{
	const struct instance *in;
	struct why_question q = { 0 };
	struct inforce force;
	struct answer x;
	struct why w;
	struct err err;
	char *json;

	if (ask_load(&o->ask, ask, &err) < 0) {
		log_warnx("%s", err.text);
		return EXIT_FAILED;
	}
	in = ask->in.instance;
	if (in->budget == PLAN_NO_BUDGET) {
		log_warnx(
		    "--budget N is missing: how many direct tunnels may there be?");
		return EXIT_USAGE;
	}
	if (find_pair(in, o, &q.pair, &err) < 0) {
		log_warnx("%s", err.text);
		return EXIT_FAILED;
	}
	q.in = in;
	q.evidence = &ask_evidence(ask)[q.pair];
	q.samples_min = ask->how.samples_min;
	q.policy = ask->has_policy ? &ask->policy : NULL;
	if (why(&q, &w, &err) < 0) {
		log_warnx("%s", err.text);
		return EXIT_FAILED;
	}
	x = (struct answer){ o, ask, &q, &w, &in->pairs[q.pair], NULL,
		in->nodes[in->pairs[q.pair].a].name,
		in->nodes[in->pairs[q.pair].b].name, in->nodes[in->hub].name };
	if (inforce_ask(&o->ask.input, ask->in.mesh, (const char *[]){ x.a, x.b },
		&force))
		x.force = &force;
	if (o->json) {
		json = why_to_json(&q, &w, x.force);
		printf("%s\n", json);
		free(json);
	} else {
		print_answer(&x);
	}
	return EXIT_DONE;
}

int
cmd_why(int argc, char **argv)
{
	struct why_opts o = { 0 };
	struct ask ask = { 0 };
	int status = parse(argc, argv, &o);

	if (status < 0)
		status = explain(&o, &ask);
	ask_fini(&ask);
	ask_opts_fini(&o.ask);
	return status;
}
