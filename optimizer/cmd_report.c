/* SPDX-License-Identifier: MIT */
/*
 * meshopt report: what every pair has now, what the hub gives and what a tunnel of its
 * own gives or would give; with --since, against the window before.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/opts.h"
#include "optimizer/cmd.h"
#include "optimizer/input.h"
#include "optimizer/report_html.h"
#include "optimizer/report_print.h"
#include "optimizer/report_view.h"

/* Figures older than six windows are called stale. */
#define STALE_S 60.0

static json_t *
ms(int64_t us)
{
	return us < 0 ? json_null() : json_real((double)us / 1000);
}

static json_t *
number(double x)
{
	return x < 0 ? json_null() : json_real(x);
}

static json_t *
totals(const struct report_totals *t)
{
	return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "pairs",
	    (json_int_t)t->pairs, "measured", (json_int_t)t->measured, "direct",
	    (json_int_t)t->direct, "mean_ms", number(t->mean_ms), "before_mean_ms",
	    number(t->before_ms), "loss", number(t->loss), "before_loss",
	    number(t->before_loss));
}

static void
print_json(const struct report_view *v, const struct report_title *title)
{
	const struct instance *in = v->in->instance;
	json_t *o = json_object(), *pairs = json_array();

	json_object_set_new(o, "mesh", json_string(in->mesh));
	json_object_set_new(o, "newest_s", number(v->newest_s));
	if (v->windowed) {
		json_object_set_new(o, "since", json_string(title->since));
		json_object_set_new(o, "totals", totals(&v->totals));
	}
	for (size_t i = 0; i < v->n_lines; i++) {
		const struct report_line *l = &v->lines[i];
		json_t *p = json_object();

		json_object_set_new(p, "a", json_string(l->a));
		json_object_set_new(p, "b", json_string(l->b));
		json_object_set_new(p, "path",
		    l->now == REPORT_UNKNOWN ? json_null()
					     : json_string(report_view_path(l->now)));
		json_object_set_new(p, "now_ms", ms(l->now_us));
		json_object_set_new(p, "hub_ms", ms(l->hub_us));
		json_object_set_new(p, "direct_ms", ms(l->direct_us));
		json_object_set_new(p, "saves_ms",
		    l->hub_us < 0 || l->direct_us < 0
			? json_null()
			: json_real((double)(l->hub_us - l->direct_us) / 1000));
		json_object_set_new(p, "loss", number(l->loss));
		json_object_set_new(p, "jitter_ms", ms(l->jitter_us));
		if (v->windowed) {
			json_object_set_new(p, "p95_ms", ms(l->p95_us));
			json_object_set_new(p, "before_ms", ms(l->before_us));
			json_object_set_new(p, "before_loss", number(l->before_loss));
		}
		json_array_append_new(pairs, p);
	}
	json_object_set_new(o, "pairs", pairs);
	json_dumpf(o, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
	printf("\n");
	json_decref(o);
}

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: meshopt report [OPTION...]\n"
	    "What every pair has now, by the hub and by a tunnel of its own.\n\n"
	    "  --pop NAME,...   only pairs with one of these POPs\n"
	    "  --all-pairs      any two nodes, not only POP with backend\n"
	    "  --mesh FILE      mesh file (default " MESH_DEFAULT_PATH ")\n"
	    "  --collector URL  where the figures come from (default: the mesh "
	    "file's)\n"
	    "  --since 24h      over this window, and against the one before\n"
	    "  --html FILE      write a page as well, complete in itself\n"
	    "  --rtt FILE       square CSV of RTTs in ms instead of the collector\n"
	    "  --hub NAME, --pops NAME,...  the roles, without a mesh file\n"
	    "  -j, --json; --csv\n"
	    "Exit status 4: the newest figures are older than a minute.\n");
}

/* 0, or EXIT_PARTIAL when the figures are old or none. */
static int
freshness(const struct report_view *v)
{
	if (!v->in->measure)
		return EXIT_DONE;
	if (v->newest_s < 0) {
		log_warnx(
		    "the collector has no figures yet: is meshopt-prober running on "
		    "the nodes?");
		return EXIT_PARTIAL;
	}
	if (v->newest_s > STALE_S) {
		log_warnx(
		    "the newest figures are %.0f s old: is meshopt-prober running on "
		    "the nodes?",
		    v->newest_s);
		return EXIT_PARTIAL;
	}
	return EXIT_DONE;
}

/* Beside the old one, and in its place when it is whole. */
static int
write_html(const struct report_view *v, const struct report_title *title,
    const char *path)
{
	size_t n = strlen(path) + 8;
	char *name = mem_alloc(n);
	FILE *f = NULL;
	int fd, r = -1;

	(void)snprintf(name, n, "%s.XXXXXX", path); /* fits */
	fd = mkstemp(name);
	if (fd >= 0 && fchmod(fd, 0644) == 0)
		f = fdopen(fd, "w");
	if (f) {
		report_html_print(v, title, f);
		r = ferror(f) ? -1 : 0;
		if (fclose(f) != 0)
			r = -1;
	} else if (fd >= 0) {
		(void)close(fd); /* nothing was written to it */
	}
	if (r == 0)
		r = rename(name, path);
	if (r < 0)
		log_warnx("%s: %s", path, strerror(errno));
	if (r < 0 && fd >= 0)
		(void)unlink(name); /* what is left of it */
	free(name);
	return r;
}

static void
print(const struct report_view *v, const struct report_title *title, int format)
{
	if (format == 'j')
		print_json(v, title);
	else if (format == 'c')
		report_print_csv(v, stdout);
	else if (title->since)
		report_print_window(v, title, stdout);
	else
		report_print_now(v, stdout);
}

static int
report(const struct input_opts *opts, int format, const char *html)
{
	const struct report_title title = { opts->since, clock_wall() };
	struct report_view v = { 0 };
	struct measure *before = NULL;
	struct input in;
	struct err err;
	int status = EXIT_FAILED;

	if (input_load(opts, &in, &err) < 0 ||
	    (opts->since && input_before(opts, &in, &before, &err) < 0)) {
		log_warnx("%s", err.text);
		goto out;
	}
	report_view_init(&v, &in, before);
	if (html && write_html(&v, &title, html) < 0)
		goto out;
	print(&v, &title, format);
	status = freshness(&v);
out:
	report_view_fini(&v);
	measure_free(before);
	input_fini(&in);
	return status;
}

int
cmd_report(int argc, char **argv)
{
	static const struct option options[] = {
		INPUT_OPTIONS,
		{ "json", no_argument, NULL, 'j' },
		{ "csv", no_argument, NULL, 'c' },
		{ "html", required_argument, NULL, 'H' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct input_opts opts = { 0 };
	struct err err;
	const char *html = NULL;
	int c, format = 't';

	while ((c = opts_next(argc, argv, "jh", options)) != -1) {
		if (input_option(&opts, c, optarg))
			continue;
		if (c == 'H') {
			html = optarg;
			continue;
		}
		if (c != 'j' && c != 'c') {
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_DONE : EXIT_USAGE;
		}
		format = c;
	}
	if (optind < argc) {
		log_warnx("report: \"%s\" is not an option", argv[optind]);
		usage(stderr);
		return EXIT_USAGE;
	}
	if (input_check(&opts, &err) < 0) {
		log_warnx("%s", err.text);
		return EXIT_USAGE;
	}
	return report(&opts, format, html);
}
