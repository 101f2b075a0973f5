/* SPDX-License-Identifier: MIT */
#include "optimizer/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"

struct table {
	size_t columns;
	bool left[TABLE_COLUMNS_MAX];
	char **cells; /* owned strings, headings first; NULL = not known */
	size_t n, cap;
};

static void
put(struct table *t, char *text)
{
	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 64;
		t->cells = mem_grow(t->cells, t->cap, sizeof(*t->cells));
	}
	t->cells[t->n++] = text;
}

struct table *
table_new(const char *headings)
{
	struct table *t = mem_alloc(sizeof(*t));
	size_t n;

	for (;; headings += n + 1) {
		char *cell;

		t->left[t->columns] = *headings == '<';
		headings += *headings == '<';
		n = strcspn(headings, "|");
		cell = mem_alloc(n + 1);
		memcpy(cell, headings, n);
		put(t, cell);
		t->columns++;
		if (!headings[n] || t->columns == TABLE_COLUMNS_MAX)
			return t;
	}
}

void
table_free(struct table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}

void
table_text(struct table *t, const char *text)
{
	put(t, mem_strdup(text));
}

void
table_printf(struct table *t, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* a cell is never that long */
	va_end(ap);
	table_text(t, text);
}

void
table_signed_ms(struct table *t, long long us, int decimals)
{
	table_printf(t, "%.*f", decimals, (double)us / 1000);
}

void
table_ms(struct table *t, long long us, int decimals)
{
	if (us < 0)
		table_empty(t);
	else
		table_signed_ms(t, us, decimals);
}

void
table_empty(struct table *t)
{
	put(t, NULL);
}

size_t
table_rows(const struct table *t)
{
	return t->n / t->columns - 1;
}

bool
table_colour(FILE *out)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	return isatty(fileno(out)) && !(no && *no) && term && strcmp(term, "dumb");
}

/* Columns on the screen: UTF-8 continuation bytes take none. */
static int
width(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static const char *
shown(const struct table *t, size_t i)
{
	return t->cells[i] ? t->cells[i] : "-";
}

void
table_print(const struct table *t, FILE *out)
{
	bool colour = table_colour(out);
	int *widest = mem_array(t->columns, sizeof(*widest));

	for (size_t i = 0; i < t->n; i++)
		if (width(shown(t, i)) > widest[i % t->columns])
			widest[i % t->columns] = width(shown(t, i));
	for (size_t i = 0; i < t->n; i++) {
		size_t column = i % t->columns;
		bool last = column == t->columns - 1;
		int pad = widest[column] - width(shown(t, i));

		if (colour && i == 0)
			fputs("\033[1m", out);
		fprintf(out, "%*s%s%*s", t->left[column] ? 0 : pad, "", shown(t, i),
		    t->left[column] && !last ? pad : 0, "");
		if (colour && i == t->columns - 1)
			fputs("\033[0m", out);
		fputs(last ? "\n" : "  ", out);
	}
	free(widest);
}

void
table_print_csv(const struct table *t, FILE *out)
{
	for (size_t i = 0; i < t->n; i++) {
		const char *s = t->cells[i] ? t->cells[i] : "";

		if (strpbrk(s, ",\"\r\n")) {
			fputc('"', out);
			for (; *s; s++) {
				if (*s == '"')
					fputc('"', out);
				fputc(*s, out);
			}
			fputc('"', out);
		} else {
			fputs(s, out);
		}
		fputc((i + 1) % t->columns ? ',' : '\n', out);
	}
}
