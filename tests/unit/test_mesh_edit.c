/* SPDX-License-Identifier: MIT */
/*
 * Single keys of a mesh file are changed, and nothing else.
 *
 * links: optimizer/mesh_edit.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "optimizer/mesh_edit.h"

static void
only_that_section_changes(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
		struct mesh_edit edits[2];
		size_t n;
		const char *want;
	} rows[] = {
		{ "[A]\nK = 1\n[A]\nK = 2\n", 3, { { "K", "9" } }, 1,
		    "[A]\nK = 1\n[A]\nK = 9\n" },
		{ "[A]\nK = 1\n[A]\nK = 2\n", 1, { { "K", "9" } }, 1,
		    "[A]\nK = 9\n[A]\nK = 2\n" },
		/* Without regard to case and blanks; what is said of it stays. */
		{ "[A]\n  k=1   # why\n", 1, { { "K", "9" } }, 1,
		    "[A]\nK = 9  # why\n" },
		/* A key that begins alike is another one. */
		{ "[A]\nKey = 1\nK = 2\n", 1, { { "K", "9" } }, 1,
		    "[A]\nKey = 1\nK = 9\n" },
		{ "[A]\nK = 1\n", 1, { { "K", NULL } }, 1, "[A]\n" },
		{ "[A]\n", 1, { { "K", NULL } }, 1, "[A]\n" },
		/* A new one comes before the comment that belongs to what follows. */
		{ "[A]\nL = 1\n\n# of B\n[B]\n", 1, { { "K", "9" } }, 1,
		    "[A]\nL = 1\nK = 9\n\n# of B\n[B]\n" },
		{ "[A]\n\n[B]\n", 1, { { "K", "9" }, { "L", "8" } }, 2,
		    "[A]\nK = 9\nL = 8\n\n[B]\n" },
		{ "# [A]\n[A]\n# K = 1\nL = 1", 2, { { "K", "9" }, { "L", NULL } }, 2,
		    "# [A]\n[A]\n# K = 1\nK = 9\n" },
		/* No such line: nothing. */
		{ "[A]\nK = 1\n", 7, { { "K", "9" } }, 1, "[A]\nK = 1\n" },
		{ "", 1, { { "K", "9" } }, 1, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *got =
		    mesh_edit(rows[i].text, rows[i].line, rows[i].edits, rows[i].n);

		if (strcmp(got, rows[i].want) != 0)
			fail_msg("row %zu: \"%s\", not \"%s\"", i, got, rows[i].want);
		free(got);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_that_section_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
