/* SPDX-License-Identifier: MIT */
/*
 * A latency report as one HTML file that needs nothing else: no script, no font, no
 * picture from elsewhere.
 */
#ifndef OPTIMIZER_REPORT_HTML_H
#define OPTIMIZER_REPORT_HTML_H

#include <stdio.h>

#include "optimizer/report_print.h"

void report_html_print(const struct report_view *v, const struct report_title *title,
    FILE *out);

#endif
