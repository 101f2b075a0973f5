/* SPDX-License-Identifier: MIT */
/*
 * Every text in it is a name ([a-z0-9._-]), a number or ours, so nothing needs to be
 * escaped.
 */
#include "optimizer/report_html.h"

#include <math.h>

#define MATRIX_NODES_MAX 120
#define TOP		 25
/* The colour scale, as logarithm of ms: 1 ms pale, 500 ms dark. */
#define SCALE_LOW_MS  1.0
#define SCALE_HIGH_MS 500.0

static const char style[] =
    "body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:72em;"
    "padding:0 1em;color:#222;background:#fff}\n"
    "h1{font-size:1.5em;margin:0 0 .2em}h2{font-size:1.1em;margin:2em 0 .5em}\n"
    "p{margin:.3em 0}table{border-collapse:collapse;font-variant-numeric:"
    "tabular-nums}\n"
    "th,td{padding:.2em .6em;text-align:right;white-space:nowrap}\n"
    "th{font-weight:600;border-bottom:1px solid #999}\n"
    "th:first-child,td:first-child,.l{text-align:left}\n"
    "tbody tr:nth-child(even){background:#f5f5f5}\n"
    ".m td,.m th{padding:.15em .35em;border:1px solid #fff}\n"
    ".m tbody tr{background:none}.m .x{background:#eee;color:#999}\n"
    ".lost{color:#b00020;font-weight:600}.big{font-size:1.2em}\n"
    ".bar{display:inline-block;height:.7em;vertical-align:middle}\n"
    ".hub{background:#b5651d}.direct{background:#2a7f9e}\n"
    ".scroll{overflow-x:auto}footer{margin-top:3em;color:#777;font-size:.85em}\n";

static void
cell_ms(FILE *f, int64_t us)
{
	if (us < 0)
		fputs("<td>–</td>", f);
	else
		fprintf(f, "<td>%.1f</td>", (double)us / 1000);
}

static void
cell_change(FILE *f, int64_t from, int64_t to)
{
	if (from < 0 || to < 0)
		fputs("<td>–</td>", f);
	else
		fprintf(f, "<td>%+.1f</td>", (double)(to - from) / 1000);
}

static void
cell_loss(FILE *f, double loss)
{
	if (loss < 0)
		fputs("<td>–</td>", f);
	else
		fprintf(f, "<td%s>%.2f</td>",
		    loss >= REPORT_CHANGE_LOSS ? " class=lost" : "", loss * 100);
}

static void
cell_pair(FILE *f, const struct report_line *l)
{
	fprintf(f, "<tr><td>%s–%s</td><td class=l>%s</td>", l->a, l->b,
	    l->now == REPORT_UNKNOWN ? "–" : report_view_path(l->now));
}

/* Blue, from pale to dark; readable without colours by its brightness. */
static void
cell_heat(FILE *f, const struct measure_row *row)
{
	double ms, at;

	if (!row || row->p50_us < 0) {
		fprintf(f, "<td class=\"x%s\">%s</td>", row ? " lost" : "",
		    row ? "lost" : "");
		return;
	}
	ms = (double)row->p50_us / 1000;
	at = log(fmax(ms, SCALE_LOW_MS) / SCALE_LOW_MS) /
	     log(SCALE_HIGH_MS / SCALE_LOW_MS);
	at = fmin(at, 1);
	fprintf(f, "<td style=\"background:hsl(205,60%%,%.0f%%);color:%s\">%.*f</td>",
	    95 - at * 70, at > 0.5 ? "#fff" : "#222", ms < 10 ? 1 : 0, ms);
}

static void
print_matrix(const struct report_view *v, FILE *f)
{
	const struct instance *in = v->in->instance;

	if (in->n_nodes > MATRIX_NODES_MAX || !v->in->measure)
		return;
	fputs("<h2>Matrix: median RTT in ms, rows measure columns</h2>\n"
	      "<div class=scroll><table class=m><thead><tr><th></th>",
	    f);
	for (size_t i = 0; i < in->n_nodes; i++)
		fprintf(f, "<th>%s</th>", in->nodes[i].name);
	fputs("</tr></thead><tbody>\n", f);
	for (size_t i = 0; i < in->n_nodes; i++) {
		fprintf(f, "<tr><th>%s</th>", in->nodes[i].name);
		for (size_t j = 0; j < in->n_nodes; j++) {
			if (i == j)
				fputs("<td class=x>·</td>", f);
			else
				cell_heat(f, report_view_row(&v->now, in->nodes[i].name,
						 in->nodes[j].name));
		}
		fputs("</tr>\n", f);
	}
	fputs("</tbody></table></div>\n", f);
}

static void
print_worst(const struct report_view *v, FILE *f)
{
	size_t top[TOP + 1], n = report_view_top(v, REPORT_WORST, top, TOP);

	fputs(
	    "<h2>Worst pairs</h2>\n<table><thead><tr><th>pair</th><th class=l>path</th>"
	    "<th>p50 ms</th><th>p95 ms</th><th>loss %</th><th>jitter ms</th></tr>"
	    "</thead><tbody>\n",
	    f);
	for (size_t i = 0; i < n; i++) {
		const struct report_line *l = &v->lines[top[i]];

		cell_pair(f, l);
		cell_ms(f, l->now_us);
		cell_ms(f, l->p95_us);
		cell_loss(f, l->loss);
		cell_ms(f, l->jitter_us);
		fputs("</tr>\n", f);
	}
	fputs("</tbody></table>\n", f);
	if (!n)
		fputs("<p>No pair was measured.</p>\n", f);
}

static void
bar(FILE *f, const char *class, int64_t us, int64_t full_us)
{
	if (us >= 0 && full_us > 0)
		fprintf(f, "<span class=\"bar %s\" style=\"width:%.1fem\"></span><br>",
		    class, 16.0 * (double)us / (double)full_us);
}

/* By falling saving, as the lines are. */
static void
print_gain(const struct report_view *v, FILE *f)
{
	int64_t full_us = 0;
	size_t n = 0;

	fputs("<h2>The hub <span class=\"bar hub\" style=\"width:1em\"></span> against "
	      "direct <span class=\"bar direct\" style=\"width:1em\"></span></h2>\n"
	      "<table><thead><tr><th>pair</th><th class=l>path</th><th>hub ms</th>"
	      "<th>direct ms</th><th>saves ms</th><th "
	      "class=l></th></tr></thead><tbody>\n",
	    f);
	for (size_t i = 0; i < v->n_lines; i++)
		if (v->lines[i].hub_us > full_us)
			full_us = v->lines[i].hub_us;
	for (; n < v->n_lines && n < TOP; n++) {
		const struct report_line *l = &v->lines[n];

		if (l->hub_us < 0 || l->direct_us < 0)
			break; /* they come last */
		cell_pair(f, l);
		cell_ms(f, l->hub_us);
		cell_ms(f, l->direct_us);
		cell_change(f, l->direct_us, l->hub_us);
		fputs("<td class=l style=\"line-height:.8\">", f);
		bar(f, "hub", l->hub_us, full_us);
		bar(f, "direct", l->direct_us, full_us);
		fputs("</td></tr>\n", f);
	}
	fputs("</tbody></table>\n", f);
	if (!n)
		fputs("<p>Of no pair both are known.</p>\n", f);
}

static void
print_change(const struct report_view *v, FILE *f)
{
	size_t top[TOP + 1], n = report_view_top(v, REPORT_CHANGE, top, TOP);

	fputs("<h2>Changed since the window before</h2>\n", f);
	if (!n) {
		fputs(v->before.n ? "<p>No pair changed.</p>\n"
				  : "<p>Nothing is known of the window before.</p>\n",
		    f);
		return;
	}
	fputs("<table><thead><tr><th>pair</th><th class=l>path</th><th>before ms</th>"
	      "<th>now ms</th><th>change ms</th><th>loss before %</th><th>loss now "
	      "%</th></tr></thead><tbody>\n",
	    f);
	for (size_t i = 0; i < n; i++) {
		const struct report_line *l = &v->lines[top[i]];

		cell_pair(f, l);
		cell_ms(f, l->before_us);
		cell_ms(f, l->now_us);
		cell_change(f, l->before_us, l->now_us);
		cell_loss(f, l->before_loss);
		cell_loss(f, l->loss);
		fputs("</tr>\n", f);
	}
	fputs("</tbody></table>\n", f);
}

static void
print_totals(const struct report_view *v, FILE *f)
{
	const struct report_totals *n = &v->totals;

	fprintf(f, "<p class=big>%zu pairs, %zu measured, %zu direct", n->pairs,
	    n->measured, n->direct);
	if (n->mean_ms >= 0)
		fprintf(f, " · mean <b>%.1f ms</b>", n->mean_ms);
	if (n->mean_ms >= 0 && n->before_ms >= 0)
		fprintf(f, " (before %.1f)", n->before_ms);
	if (n->loss >= 0)
		fprintf(f, " · loss <b>%.2f %%</b>", n->loss * 100);
	if (n->loss >= 0 && n->before_loss >= 0)
		fprintf(f, " (before %.2f)", n->before_loss * 100);
	fputs("</p>\n", f);
}

void
report_html_print(const struct report_view *v, const struct report_title *title,
    FILE *out)
{
	const char *mesh = v->in->instance->mesh;
	char text[WALL_TEXT_MAX];

	wall_format(title->now, text);
	fprintf(out,
	    "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>\n"
	    "<meta name=viewport content=\"width=device-width\">\n"
	    "<title>%s: latency</title>\n<style>\n%s</style></head><body>\n"
	    "<h1>%s</h1>\n<p>Latency of the last %s to %.16sZ</p>\n",
	    mesh, style, mesh, title->since ? title->since : "5m", text);
	print_totals(v, out);
	print_matrix(v, out);
	print_worst(v, out);
	print_gain(v, out);
	if (v->windowed)
		print_change(v, out);
	fputs("<footer>meshopt report</footer>\n</body></html>\n", out);
}
