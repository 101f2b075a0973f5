/* SPDX-License-Identifier: MIT */
#include "optimizer/mesh_edit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Is this line "KEY = ..."? */
static bool
is_key(const char *line, size_t len, const char *key)
{
	size_t n = strlen(key), at = strspn(line, " \t");

	if (at + n >= len || strncasecmp(line + at, key, n) != 0)
		return false;
	at += n;
	at += strspn(line + at, " \t");
	return at < len && line[at] == '=';
}

static const struct mesh_edit *
edit_of(const char *line, size_t len, const struct mesh_edit *edits, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_key(line, len, edits[i].key))
			return &edits[i];
	return NULL;
}

/* A comment behind the value was about the key, and stays. */
static void
put_line(FILE *out, const char *line, size_t len, const struct mesh_edit *e)
{
	const char *hash = memchr(line, '#', len);

	if (!e)
		fprintf(out, "%.*s\n", (int)len, line);
	else if (e->value && hash)
		fprintf(out, "%s = %s  %.*s\n", e->key, e->value,
		    (int)(len - (size_t)(hash - line)), hash);
	else if (e->value)
		fprintf(out, "%s = %s\n", e->key, e->value);
}

/* Keys that the section has not, after its last line that says something. */
static void
put_missing(FILE *out, const struct mesh_edit *edits, size_t n, const bool *seen)
{
	for (size_t i = 0; i < n; i++)
		if (!seen[i] && edits[i].value)
			fprintf(out, "%s = %s\n", edits[i].key, edits[i].value);
}

struct section {
	const char *begin, *last, *end; /* heading, its last key, the next heading */
};

/* Where it is, by its line. */
static struct section
find(const char *text, unsigned line)
{
	struct section s = { NULL, NULL, NULL };
	unsigned at = 1;

	for (const char *p = text; *p;) {
		size_t len = strcspn(p, "\n"), blank = strspn(p, " \t\r");
		bool heading = p[blank] == '[';

		if (at++ == line)
			s.begin = s.last = p;
		else if (s.begin && heading)
			break;
		else if (s.begin && blank < len && p[blank] != '#')
			s.last = p;
		p += len + (p[len] == '\n');
		s.end = p;
	}
	return s;
}

char *
mesh_edit(const char *text, unsigned line, const struct mesh_edit *edits, size_t n)
{
	struct section s = find(text, line);
	bool *seen = calloc(n + 1, sizeof(*seen));
	char *result = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&result, &size);

	if (!out || !seen)
		abort(); /* of memory: as mem_alloc() does */
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, "\n");
		const struct mesh_edit *e = NULL;

		if (s.begin && p > s.begin && p < s.end)
			e = edit_of(p, len, edits, n);
		if (e)
			seen[e - edits] = true;
		put_line(out, p, len, e);
		if (p == s.last)
			put_missing(out, edits, n, seen);
		p += len + (p[len] == '\n');
	}
	free(seen);
	if (fclose(out) != 0)
		abort();
	return result;
}
