/* SPDX-License-Identifier: MIT */
/*
 * A latency report as text, of 80 columns where it is fit for a mail, and as CSV.
 */
#ifndef OPTIMIZER_REPORT_PRINT_H
#define OPTIMIZER_REPORT_PRINT_H

#include <stdio.h>

#include "optimizer/report_view.h"

struct report_title {
	const char *since; /* as given, "24h"; NULL = the collector's default */
	struct wall now;
};

/* The matrix, if it is not too wide, and a line each pair. */
void report_print_now(const struct report_view *v, FILE *out);
/* The matrix, if it is not too wide, and what is to be said of a window. */
void report_print_window(const struct report_view *v, const struct report_title *title,
    FILE *out);
/* One line a pair; with columns for the window before if there is one. */
void report_print_csv(const struct report_view *v, FILE *out);

#endif
