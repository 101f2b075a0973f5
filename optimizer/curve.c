/* SPDX-License-Identifier: MIT */
#include "optimizer/curve.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "optimizer/cmd.h"
#include "optimizer/table.h"

#define POINTS_MAX 25 /* budgets asked: each is a plan of its own */

struct point {
	uint32_t budget;
	int64_t value, bound;
	double mean_ms;
};

/* Every budget of a small one; of a large one they grow by a constant factor. */
static uint32_t
next_budget(uint32_t at, uint32_t most)
{
	uint32_t step = most <= POINTS_MAX ? 1 : at / 4 < 1 ? 1 : at / 4;

	if (at >= most)
		return most + 1;
	return most - at < step ? most : at + step;
}

static double
mean_ms(const struct plan *plan)
{
	int64_t saved = plan->saved;

	if (plan->weight_sum == 0)
		return 0;
	return (double)(plan->hub_sum - saved) / (double)plan->weight_sum / 1000;
}

/* The point farthest above the line from the first to the last. */
static size_t
knee(const struct point *p, size_t n)
{
	double best = 0;
	size_t at = 0;

	for (size_t i = 1; i + 1 < n; i++) {
		double share = (double)(p[i].budget - p[0].budget) /
			       (double)(p[n - 1].budget - p[0].budget);
		double line =
		    (double)p[0].value + share * (double)(p[n - 1].value - p[0].value);

		if ((double)p[i].value - line > best) {
			best = (double)p[i].value - line;
			at = i;
		}
	}
	return at;
}

static void
print(const struct point *p, size_t n, bool csv)
{
	struct table *t =
	    table_new(csv ? "budget|value|bound|mean_ms|marginal"
			  : "budget|mean ms|share of the last %|gap %|each more saves "
			    "%");
	double last = n && p[n - 1].value > 0 ? (double)p[n - 1].value : 1;
	size_t k = knee(p, n);

	for (size_t i = 0; i < n; i++) {
		double step = i ? (double)(p[i].value - p[i - 1].value) /
				      (double)(p[i].budget - p[i - 1].budget)
				: 0;

		table_printf(t, "%u", p[i].budget);
		if (csv) {
			table_printf(t, "%lld", (long long)p[i].value);
			table_printf(t, "%lld", (long long)p[i].bound);
			table_printf(t, "%.3f", p[i].mean_ms);
			table_printf(t, "%.0f", step);
			continue;
		}
		table_printf(t, "%.1f", p[i].mean_ms);
		table_printf(t, "%.1f", 100 * (double)p[i].value / last);
		table_printf(t, "%.2f",
		    p[i].bound > 0
			? 100 * (double)(p[i].bound - p[i].value) / (double)p[i].bound
			: 0);
		table_printf(t, "%.1f", 100 * step / last);
	}
	if (csv)
		table_print_csv(t, stdout);
	else
		table_print(t, stdout);
	table_free(t);
	if (!csv && k > 0)
		printf("knee at budget %u: %.1f %% of what %u tunnels save\n",
		    p[k].budget, 100 * (double)p[k].value / last, p[n - 1].budget);
}

int
curve_print(const struct instance *in, const struct solve_opts *how, bool csv)
{
	struct instance at = *in; /* borrows everything */
	struct point *points = NULL;
	size_t n = 0;
	int status = EXIT_DONE;

	for (uint32_t b = 0; b <= in->budget && status == EXIT_DONE;
	     b = next_budget(b, in->budget)) {
		struct plan *plan;
		struct err err;

		at.budget = b;
		if (solve_with(&at, how, &plan, &err) < 0) {
			log_warnx("budget %u: %s", b, err.text);
			status = n ? EXIT_PARTIAL : EXIT_FAILED;
			break;
		}
		points = mem_grow(points, n + 1, sizeof(*points));
		points[n] =
		    (struct point){ b, plan->value, plan->bound, mean_ms(plan) };
		/* A plan of a smaller budget is one of the larger too. */
		if (n && points[n].value < points[n - 1].value)
			points[n].value = points[n - 1].value;
		n++;
		plan_free(plan);
	}
	print(points, n, csv);
	free(points);
	return status;
}
