/* SPDX-License-Identifier: MIT */
#include "optimizer/report_print.h"

#include <string.h>

#include "optimizer/table.h"

#define MATRIX_NODES_MAX 20 /* a wider matrix does not fit a terminal */
#define MAIL_COLUMNS	 80
#define MAIL_CELL	 5 /* "1234" and what parts it from the next */
#define TOP		 10

static void
print_matrix(const struct report_view *v, size_t nodes_max, FILE *out)
{
	const struct instance *in = v->in->instance;
	char headings[MATRIX_NODES_MAX * (MESH_NAME_MAX + 1) + 16];
	size_t used = 0;
	struct table *t;

	if (!v->in->measure || in->n_nodes > nodes_max)
		return;
	used = (size_t)snprintf(headings, sizeof(headings), "<ms");
	for (size_t i = 0; i < in->n_nodes; i++)
		used += (size_t)snprintf(headings + used, sizeof(headings) - used,
		    "|%s", in->nodes[i].name);
	t = table_new(headings);
	for (size_t i = 0; i < in->n_nodes; i++) {
		table_text(t, in->nodes[i].name);
		for (size_t j = 0; j < in->n_nodes; j++) {
			const struct measure_row *row = report_view_row(&v->now,
			    in->nodes[i].name, in->nodes[j].name);

			if (i == j)
				table_text(t, "·");
			else
				table_ms(t, row ? row->p50_us : -1, 0);
		}
	}
	table_print(t, out);
	fputc('\n', out);
	table_free(t);
}

static void
cell_percent(struct table *t, double share, int decimals)
{
	if (share < 0)
		table_empty(t);
	else
		table_printf(t, "%.*f", decimals, share * 100);
}

static void
cell_difference(struct table *t, int64_t from, int64_t to, int decimals)
{
	if (from < 0 || to < 0)
		table_empty(t);
	else
		table_signed_ms(t, to - from, decimals);
}

static void
cell_path(struct table *t, const struct report_line *l)
{
	if (l->now == REPORT_UNKNOWN)
		table_empty(t);
	else
		table_text(t, report_view_path(l->now));
}

/* What is the same for a person and in CSV, where names have columns of their own. */
static void
cells_of_pair(struct table *t, const struct report_line *l, bool csv)
{
	const int decimals = csv ? 3 : 1;

	cell_path(t, l);
	table_ms(t, l->now_us, decimals);
	table_ms(t, l->hub_us, decimals);
	table_ms(t, l->direct_us, decimals);
	cell_difference(t, l->direct_us, l->hub_us, decimals);
	cell_percent(t, l->loss, decimals);
	table_ms(t, l->jitter_us, csv ? 3 : 2);
}

void
report_print_now(const struct report_view *v, FILE *out)
{
	struct table *t =
	    table_new("<pair|<path|now ms|hub ms|direct ms|saves ms|loss %|jitter ms");

	print_matrix(v, MATRIX_NODES_MAX, out);
	for (size_t i = 0; i < v->n_lines; i++) {
		table_printf(t, "%s-%s", v->lines[i].a, v->lines[i].b);
		cells_of_pair(t, &v->lines[i], false);
	}
	table_print(t, out);
	table_free(t);
}

void
report_print_csv(const struct report_view *v, FILE *out)
{
	struct table *t = table_new(
	    v->windowed
		? "a|b|path|now_ms|hub_ms|direct_ms|saves_ms|loss_pct|jitter_ms|p95_ms|"
		  "before_ms|change_ms|before_loss_pct"
		: "a|b|path|now_ms|hub_ms|direct_ms|saves_ms|loss_pct|jitter_ms");

	for (size_t i = 0; i < v->n_lines; i++) {
		const struct report_line *l = &v->lines[i];

		table_text(t, l->a);
		table_text(t, l->b);
		cells_of_pair(t, l, true);
		if (!v->windowed)
			continue;
		table_ms(t, l->p95_us, 3);
		table_ms(t, l->before_us, 3);
		cell_difference(t, l->before_us, l->now_us, 3);
		cell_percent(t, l->before_loss, 3);
	}
	table_print_csv(t, out);
	table_free(t);
}

static void
print_totals(const struct report_view *v, const struct report_title *title, FILE *out)
{
	const struct report_totals *n = &v->totals;
	char text[WALL_TEXT_MAX];

	wall_format(title->now, text);
	fprintf(out, "%s: the last %s to %.16sZ\n", v->in->instance->mesh,
	    title->since ? title->since : "5m", text);
	fprintf(out, "%zu pairs, %zu measured, %zu direct\n", n->pairs, n->measured,
	    n->direct);
	if (n->mean_ms >= 0)
		fprintf(out, "mean %.1f ms", n->mean_ms);
	if (n->mean_ms >= 0 && n->before_ms >= 0)
		fprintf(out, " (before %.1f)", n->before_ms);
	if (n->loss >= 0)
		fprintf(out, "%sloss %.2f %%", n->mean_ms >= 0 ? ", " : "",
		    n->loss * 100);
	if (n->loss >= 0 && n->before_loss >= 0)
		fprintf(out, " (before %.2f)", n->before_loss * 100);
	fputs(n->mean_ms >= 0 || n->loss >= 0 ? "\n\n" : "\n", out);
}

static void
print_worst(const struct report_view *v, FILE *out)
{
	struct table *t = table_new(
	    "<worst pairs|<path|p50 ms|p95 ms|loss %|jitter ms|hub ms|direct ms");
	size_t top[TOP + 1], n = report_view_top(v, REPORT_WORST, top, TOP);

	for (size_t i = 0; i < n; i++) {
		const struct report_line *l = &v->lines[top[i]];

		table_printf(t, "%s-%s", l->a, l->b);
		cell_path(t, l);
		table_ms(t, l->now_us, 1);
		table_ms(t, l->p95_us, 1);
		cell_percent(t, l->loss, 1);
		table_ms(t, l->jitter_us, 2);
		table_ms(t, l->hub_us, 1);
		table_ms(t, l->direct_us, 1);
	}
	if (n)
		table_print(t, out);
	else
		fputs("no pair was measured\n", out);
	fputc('\n', out);
	table_free(t);
}

static void
print_gain(const struct report_view *v, FILE *out)
{
	struct table *t =
	    table_new("<a tunnel would help|hub ms|direct ms|saves ms|factor");
	size_t top[TOP + 1], n = report_view_top(v, REPORT_GAIN, top, TOP);

	for (size_t i = 0; i < n; i++) {
		const struct report_line *l = &v->lines[top[i]];

		table_printf(t, "%s-%s", l->a, l->b);
		table_ms(t, l->hub_us, 1);
		table_ms(t, l->direct_us, 1);
		table_ms(t, l->hub_us - l->direct_us, 1);
		table_printf(t, "%.1f",
		    l->direct_us > 0 ? (double)l->hub_us / (double)l->direct_us : 0.0);
	}
	if (n)
		table_print(t, out);
	else
		fprintf(out, "no tunnel would save %d ms or more\n",
		    REPORT_GAIN_US / 1000);
	fputc('\n', out);
	table_free(t);
}

static void
print_change(const struct report_view *v, FILE *out)
{
	struct table *t = table_new(
	    "<changed|<path|before ms|now ms|change ms|loss before %|loss now %");
	size_t top[TOP + 1], n = report_view_top(v, REPORT_CHANGE, top, TOP);

	for (size_t i = 0; i < n; i++) {
		const struct report_line *l = &v->lines[top[i]];

		table_printf(t, "%s-%s", l->a, l->b);
		cell_path(t, l);
		table_ms(t, l->before_us, 1);
		table_ms(t, l->now_us, 1);
		cell_difference(t, l->before_us, l->now_us, 1);
		cell_percent(t, l->before_loss, 1);
		cell_percent(t, l->loss, 1);
	}
	if (n)
		table_print(t, out);
	else if (v->before.n == 0)
		fputs("nothing is known of the window before\n", out);
	else
		fprintf(out,
		    "no pair changed by more than %d ms and a tenth, or %.0f %% of "
		    "loss\n",
		    REPORT_CHANGE_US / 1000, REPORT_CHANGE_LOSS * 100);
	table_free(t);
}

void
report_print_window(const struct report_view *v, const struct report_title *title,
    FILE *out)
{
	const struct instance *in = v->in->instance;
	size_t name = 0, columns;

	for (size_t i = 0; i < in->n_nodes; i++) {
		size_t n = strlen(in->nodes[i].name);

		name = n > name ? n : name;
	}
	/* Each column is as wide as the wider of its name and its figures. */
	columns = MAIL_COLUMNS > name + 2
		      ? (MAIL_COLUMNS - name - 2) /
			    (name + 2 > MAIL_CELL ? name + 2 : MAIL_CELL)
		      : 0;
	print_totals(v, title, out);
	print_matrix(v, columns < MATRIX_NODES_MAX ? columns : MATRIX_NODES_MAX, out);
	print_worst(v, out);
	print_gain(v, out);
	if (v->windowed)
		print_change(v, out);
}
