/* SPDX-License-Identifier: MIT */
/*
 * A table for a person (aligned, headings in bold on a terminal) or as CSV (RFC 4180).
 */
#ifndef OPTIMIZER_TABLE_H
#define OPTIMIZER_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 1024

struct table;

/* Headings, separated by '|'; one that starts with '<' aligns its column left. */
struct table *table_new(const char *headings);
void table_free(struct table *t);

/* Cells fill rows from left to right; a new row begins by itself.  Text is copied. */
void table_text(struct table *t, const char *text);
void table_printf(struct table *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* us as ms with that many decimals; negative: "-" for a person, empty in CSV. */
void table_ms(struct table *t, long long us, int decimals);
/* The same, but a negative figure is a figure. */
void table_signed_ms(struct table *t, long long us, int decimals);
void table_empty(struct table *t);

size_t table_rows(const struct table *t);
void table_print(const struct table *t, FILE *out);
void table_print_csv(const struct table *t, FILE *out);

/* Colour on this stream?  A terminal, NO_COLOR unset, TERM not "dumb". */
bool table_colour(FILE *out);

#endif
