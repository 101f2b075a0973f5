/* SPDX-License-Identifier: MIT */
/*
 * meshopt replay: what a policy would have done with a recorded history.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/num.h"
#include "optimizer/cmd.h"
#include "optimizer/decide/replay_search.h"
#include "optimizer/policy_conf.h"
#include "optimizer/replay_input.h"
#include "optimizer/replay_json.h"
#include "optimizer/table.h"

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: meshopt replay --budget N [OPTION...] HISTORY\n"
	    "Run recorded RTTs through a policy: plan at each slice, judge by the "
	    "next.\n\n"
	    "  HISTORY            CSV \"a,b,slice,slice,...\", plain or .gz, or a "
	    "directory\n"
	    "                     of square matrices, one a slice\n"
	    "  --budget N|N%%      direct tunnels at most, or that share of the "
	    "pairs\n"
	    "  --policy FILE      meshopt-policy(5); default: its defaults\n"
	    "  --from S, --to S   first and last slice, by label or number\n"
	    "  --slice 5m         length of a slice\n"
	    "  --once S           plan once, after slice S, and judge by the medians "
	    "of the rest\n"
	    "  --window N         slices that a plan looks back on (default: all)\n"
	    "  --hub NAME         default: the node nearest to all others\n"
	    "  --pops NAME,...    pairs of these with all others (default: any "
	    "pair)\n"
	    "  --relays NAME,...|all  these may forward for others\n"
	    "  --weights FILE     square CSV of whole traffic weights\n"
	    "  --nodes N|NAME,... only so many nodes, evenly from the list, or "
	    "these\n"
	    "  --medians          plan by medians, not by confidence limits\n"
	    "  --flap-budget N/day  find the policy that saves most while no pair\n"
	    "                     switches more often, and print it\n"
	    "  -j, --json\n");
}

/* Exit status, or -1 to go on. */
static int
parse(int argc, char **argv, struct replay_opts *o)
{
	static const struct option options[] = {
		{ "policy", required_argument, NULL, 'p' },
		{ "from", required_argument, NULL, 'f' },
		{ "to", required_argument, NULL, 't' },
		{ "hub", required_argument, NULL, 'H' },
		{ "pops", required_argument, NULL, 'P' },
		{ "relays", required_argument, NULL, 'r' },
		{ "weights", required_argument, NULL, 'W' },
		{ "once", required_argument, NULL, 'o' },
		{ "nodes", required_argument, NULL, 'n' },
		{ "budget", required_argument, NULL, 'b' },
		{ "slice", required_argument, NULL, 's' },
		{ "window", required_argument, NULL, 'w' },
		{ "flap-budget", required_argument, NULL, 'F' },
		{ "medians", no_argument, NULL, 'm' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const struct {
		int c;
		const char **to;
	} texts[] = { { 'p', &o->policy }, { 'f', &o->from }, { 't', &o->to },
		{ 'H', &o->hub }, { 'P', &o->pops }, { 'n', &o->nodes },
		{ 'b', &o->budget }, { 'r', &o->relays }, { 'W', &o->weights },
		{ 'o', &o->once }, { 'w', &o->window }, { 's', &o->slice },
		{ 'F', &o->flaps } };
	const size_t n_texts = sizeof(texts) / sizeof(texts[0]);
	int c;

	while ((c = getopt_long(argc, argv, "b:jh", options, NULL)) != -1) {
		size_t i;

		for (i = 0; i < n_texts && texts[i].c != c; i++)
			;
		if (i < n_texts) {
			*texts[i].to = optarg;
		} else if (c == 'm') {
			o->medians = true;
		} else if (c == 'j') {
			o->json = true;
		} else {
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_DONE : EXIT_USAGE;
		}
	}
	if (optind + 1 != argc) {
		log_warnx("replay: one HISTORY, a file or a directory, is missing");
		usage(stderr);
		return EXIT_USAGE;
	}
	o->history = argv[optind];
	return -1;
}

static double
mean_ms(int64_t sum, int64_t weight)
{
	return weight ? (double)sum / (double)weight / 1000 : 0;
}

static void
print_steps(const struct replay_setup *setup, const struct replay_result *r)
{
	struct table *t = table_new(
	    "<slice|tunnels|added|dropped|switched|hub ms|predicted ms|realised ms|"
	    "oracle ms|of oracle");

	for (size_t i = 0; i < r->n_steps; i++) {
		const struct replay_step *s = &r->steps[i];

		table_text(t, setup->history->labels[s->slice]);
		table_printf(t, "%zu", s->tunnels);
		table_printf(t, "%zu", s->added);
		table_printf(t, "%zu", s->dropped);
		table_printf(t, "%zu", s->switched);
		table_printf(t, "%.1f", mean_ms(s->hub_sum, s->weight));
		table_printf(t, "%.2f", mean_ms(s->predicted, s->weight));
		table_printf(t, "%.2f", mean_ms(s->realised, s->weight));
		table_printf(t, "%.2f", mean_ms(s->oracle, s->weight));
		if (s->oracle > 0)
			table_printf(t, "%.1f %%",
			    100 * (double)s->realised / (double)s->oracle);
		else
			table_empty(t);
	}
	table_print(t, stdout);
	table_free(t);
}

static double
share(double x, double y)
{
	return y > 0 ? 100 * x / y : 100;
}

static void
print_totals(const struct replay_setup *setup, const struct replay_result *r)
{
	const struct node *nodes = setup->nodes->nodes;
	int64_t weight = 0;

	for (size_t i = 0; i < r->n_steps; i++)
		weight += r->steps[i].weight;
	printf("saved %.2f ms per pair · predicted %.2f ms · realised %.1f %% of the "
	       "oracle, %.1f %% of the best fixed plan · regret %.2f ms\n",
	    mean_ms(r->realised, weight), mean_ms(r->predicted, weight),
	    share((double)r->realised, (double)r->oracle),
	    share((double)r->realised, (double)r->fixed),
	    mean_ms(r->oracle - r->realised, weight));
	if (!r->replans)
		return;
	printf("churn %.1f %% of the tunnels per re-plan", 100 * r->churn);
	if (r->days > 0 && r->pairs > 0)
		printf(" · %.3f switches per pair per day",
		    (double)r->switches / (double)r->pairs / r->days);
	if (r->worst)
		printf(" · at most %.2f (%s-%s)", replay_flaps(r),
		    nodes[r->worst_a].name, nodes[r->worst_b].name);
	printf("\n");
}

static void
print_heading(const struct replay_opts *o, const struct replay_input *in,
    const struct replay_result *r)
{
	const struct replay_setup *set = &in->setup;
	const char *base = strrchr(o->history, '/');

	printf("%s: %zu nodes, hub %s%s, %zu pairs, budget %u, slices %s to %s\n",
	    base && base[1] ? base + 1 : o->history, in->nodes->n_nodes,
	    in->nodes->nodes[in->nodes->hub].name,
	    in->hub_chosen ? " (the nearest to all)" : "", r->pairs, in->nodes->budget,
	    in->history->labels[set->from], in->history->labels[set->to]);
}

/* "1/day" or "1". */
static int
parse_flaps(const char *text, double *out)
{
	size_t n = strcspn(text, "/");
	char number[16] = "";
	int64_t thousandths;

	if (n >= sizeof(number) || (text[n] && strcmp(text + n, "/day")))
		return -1;
	memcpy(number, text, n);
	if (num_ms(number, &thousandths) < 0)
		return -1;
	*out = (double)thousandths / 1000;
	return 0;
}

/* The policy that meets the flap budget becomes that of the setup. */
static int
search(const struct replay_opts *o, struct replay_input *in, struct err *err)
{
	struct replay_search s = { 0 };
	int r;

	if (parse_flaps(o->flaps, &s.flaps_per_day) < 0)
		return err_set(err,
		    "--flap-budget: \"%s\" is not a number such as 1/day", o->flaps);
	r = replay_search(&in->setup, &s, err);
	if (r < 0)
		return r;
	in->policy = s.policy;
	log_info("%zu of %zu policies keep every pair at %g switches a day or less",
	    s.met, s.tried, s.flaps_per_day);
	return 0;
}

static int
replay(const struct replay_opts *o, struct replay_input *in)
{
	struct replay_result result = { 0 };
	struct err err;
	char *json;

	if (replay_input_load(o, in, &err) < 0 ||
	    (o->flaps && search(o, in, &err) < 0) ||
	    replay_run(&in->setup, &result, &err) < 0) {
		log_warnx("%s", err.text);
		return EXIT_FAILED;
	}
	if (o->json) {
		json = replay_to_json(&in->setup, &result);
		printf("%s\n", json);
		free(json);
	} else {
		print_heading(o, in, &result);
		print_steps(&in->setup, &result);
		print_totals(&in->setup, &result);
		if (o->flaps) {
			printf("\n");
			policy_conf_write(&in->policy, stdout);
		}
	}
	replay_fini(&result);
	return EXIT_DONE;
}

int
cmd_replay(int argc, char **argv)
{
	struct replay_opts o = { 0 };
	struct replay_input in = { 0 };
	int status = parse(argc, argv, &o);

	if (status < 0)
		status = replay(&o, &in);
	replay_input_fini(&in);
	return status;
}
