/* SPDX-License-Identifier: MIT */
/*
 * meshopt replay: what a policy would have done with a recorded history.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/num.h"
#include "common/opts.h"
#include "common/report.h"
#include "common/when.h"
#include "optimizer/busy.h"
#include "optimizer/cmd.h"
#include "optimizer/decide/replay_search.h"
#include "optimizer/fetch.h"
#include "optimizer/policy_conf.h"
#include "optimizer/replay_input.h"
#include "optimizer/replay_json.h"
#include "optimizer/table.h"

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: meshopt replay --budget N [OPTION...] HISTORY\n"
	    "       meshopt replay --budget N [OPTION...] --collector URL\n"
	    "Run recorded RTTs through a policy: plan at each slice, judge by the "
	    "next.\n\n"
	    "  HISTORY            CSV \"a,b,slice,slice,...\", plain or .gz, or a "
	    "directory\n"
	    "                     of square matrices, one a slice\n"
	    "  --collector URL    what meshopt-collector has kept, in place of "
	    "HISTORY:\n"
	    "    --since 7d, --until T, --path public|hub|direct, --slice 5m\n"
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

/* What to ask a collector for; NULL = not given. */
struct remote {
	const char *url, *since, *until, *path;
};

/* Exit status, or -1 to go on. */
static int
parse(int argc, char **argv, struct replay_opts *o, struct remote *remote)
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
		{ "collector", required_argument, NULL, 'C' },
		{ "since", required_argument, NULL, 'S' },
		{ "until", required_argument, NULL, 'U' },
		{ "path", required_argument, NULL, 'a' },
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
		{ 'F', &o->flaps }, { 'C', &remote->url }, { 'S', &remote->since },
		{ 'U', &remote->until }, { 'a', &remote->path } };
	const size_t n_texts = sizeof(texts) / sizeof(texts[0]);
	int c;

	while ((c = opts_next(argc, argv, "b:jh", options)) != -1) {
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
	if (optind + !remote->url != argc) {
		log_warnx(
		    remote->url
			? "replay: either HISTORY or --collector"
			: "replay: one HISTORY, a file or a directory, is missing");
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!remote->url && (remote->since || remote->until || remote->path)) {
		log_warnx("replay: --since, --until and --path go with --collector");
		return EXIT_USAGE;
	}
	o->history = argv[optind];
	return -1;
}

/* A time as seconds since 1970: what the collector takes without escapes. */
static int
seconds(const char *option, const char *text, struct wall now, long long *out,
    struct err *err)
{
	struct wall t;

	if (when_parse(text, now, &t) < 0)
		return err_set(err,
		    "%s: \"%s\" is not a time such as 7d or 2026-11-22T13:00:00Z",
		    option, text);
	*out = t.ns / NS_PER_S;
	return 0;
}

static int
history_url(const struct replay_opts *o, const struct remote *remote, char *out,
    size_t size, struct err *err)
{
	const char *step = o->slice ? o->slice : "5m";
	struct wall now = clock_wall();
	long long since = 0, until = 0;
	enum path path = PATH_PUBLIC;
	int64_t step_ns;

	if (remote->path && path_parse(remote->path, &path) < 0)
		return err_set(err, "--path: \"%s\" is not public, hub or direct",
		    remote->path);
	if (num_duration(step, &step_ns) < 0 || step_ns % (60 * NS_PER_S) != 0)
		return err_set(err, "--slice: give whole minutes with --collector");
	if (seconds("--since", remote->since ? remote->since : "24h", now, &since,
		err) < 0 ||
	    seconds("--until", remote->until ? remote->until : "now", now, &until,
		err) < 0)
		return -EINVAL;
	if (strlen(remote->url) >= MESH_COLLECTOR_MAX)
		return err_set(err, "--collector: longer than %d characters",
		    MESH_COLLECTOR_MAX - 1);
	(void)snprintf(out, size,
	    "/api/v1/history?format=csv&path=%s&since=%lld&until=%lld&step=%lldm",
	    path_name(path), since, until, (long long)(step_ns / (60 * NS_PER_S)));
	return 0;
}

/* The collector's slices, in a file that has no name and goes with its descriptor. */
static int
fetch_history(const struct replay_opts *o, const struct remote *remote, int *fd,
    struct err *err)
{
	char path[192];
	size_t len = 0, done = 0;
	char *text;
	int r = history_url(o, remote, path, sizeof(path), err);

	if (r < 0)
		return r;
	text = fetch(remote->url, path, &len, err);
	if (!text)
		return -EIO;
	*fd = memfd_create("history", MFD_CLOEXEC);
	while (*fd >= 0 && done < len) {
		ssize_t n = write(*fd, text + done, len - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	free(text);
	return done == len
		   ? 0
		   : err_code(err, errno, "keep the history: %s", strerror(errno));
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

	if (o->title)
		base = NULL;
	printf("%s: %zu nodes, hub %s%s, %zu pairs, budget %u, slices %s to %s\n",
	    base && base[1] ? base + 1
	    : o->title	    ? o->title
			    : o->history,
	    in->nodes->n_nodes, in->nodes->nodes[in->nodes->hub].name,
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
	busy_begin("searching for the policy");
	r = replay_search(&in->setup, &s, err);
	busy_end();
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
	int r = replay_input_load(o, in, &err);

	if (r >= 0 && o->flaps)
		r = search(o, in, &err);
	if (r >= 0) {
		busy_begin("replaying");
		r = replay_run(&in->setup, &result, &err);
		busy_end();
	}
	if (r < 0) {
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
	struct remote remote = { 0 };
	char name[32];
	struct err err;
	int status = parse(argc, argv, &o, &remote), fd = -1;

	if (status < 0 && remote.url) {
		if (fetch_history(&o, &remote, &fd, &err) < 0) {
			log_warnx("%s", err.text);
			status = EXIT_FAILED;
		}
		(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd); /* fits */
		o.history = name;
		o.title = remote.url;
	}
	if (status < 0)
		status = replay(&o, &in);
	if (fd >= 0)
		(void)close(fd); /* memory */
	replay_input_fini(&in);
	return status;
}
