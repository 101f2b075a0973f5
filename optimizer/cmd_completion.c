/* SPDX-License-Identifier: MIT */
/*
 * meshopt completion WORD...: what could stand in the place of the last word, for the
 * shells' completion files in dist/completion.  A line each: the word, a tab, and what
 * it is.  No line means a file, or something that only the user knows.
 *
 * Nothing is listed here that stands elsewhere: verbs come from the table of main.c,
 * options from the verb itself (`VERB --list-options`), nodes from the mesh file.  What
 * no table says is what an operand or a value means: of_verbs and of_nodes.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/mesh.h"
#include "common/opts.h"
#include "optimizer/cmd.h"

#define OPTIONS_MAX 4096 /* bytes of a verb's list; the longest has 600 */

/* Options whose value is a node, or a list that begins with one, in whatever verb. */
static const char *const of_nodes[] = { "node", "hub", "pop", "pops", "relays" };

/* Verbs after which nodes stand, and what may stand before those. */
static const struct operands {
	const char *verb, *words;
} of_verbs[] = {
	{ "config", NULL },
	{ "rotate", NULL },
	{ "keygen", NULL },
	{ "why", NULL },
	{ "doctor", NULL },
	{ "ping", NULL },
	{ "peer", "list add remove" },
};

struct line {
	char **words; /* after the verb; the last one is being typed */
	int n;
	const struct verb *verb;
	char options[OPTIONS_MAX]; /* as opts_next() lists them, each between two \n */
};

/* The verb in a child, since listing its options ends a process. */
static void
ask_options(const struct completion *c, struct line *line)
{
	char *argv[] = { (char[]){ "meshopt" }, NULL, (char[]){ OPTS_LIST }, NULL };
	size_t len = 1, room = sizeof(line->options) - 1;
	int fds[2];
	ssize_t n;
	pid_t pid;

	line->options[0] = '\n';
	if (pipe(fds) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		(void)dup2(fds[1], STDOUT_FILENO); /* fails: the list is empty */
		(void)close(fds[0]);
		(void)close(fds[1]);
		argv[1] = mem_strdup(line->verb->name);
		exit(c->run(3, argv));
	}
	(void)close(fds[1]);
	while (pid > 0 && len < room &&
	       (n = read(fds[0], line->options + len, room - len)) > 0)
		len += (size_t)n;
	(void)close(fds[0]);
	line->options[len] = '\0';
	if (pid > 0)
		(void)waitpid(pid, NULL, 0); /* only to have it gone */
}

static bool
takes_value(const struct line *line, const char *option)
{
	char wanted[64];

	return strncmp(option, "--", 2) == 0 &&
	       snprintf(wanted, sizeof(wanted), "\n%s=\n", option) <
		   (int)sizeof(wanted) &&
	       strstr(line->options, wanted);
}

static void
print_verbs(const struct completion *c)
{
	for (size_t i = 0; i < c->n_verbs; i++)
		printf("%s\t%s\n", c->verbs[i].name, c->verbs[i].help);
}

static void
print_options(const struct line *line)
{
	const char *at = line->options + 1, *end;

	for (; (end = strchr(at, '\n')); at = end + 1)
		printf("%.*s\n", (int)(end - at - (end > at && end[-1] == '=')), at);
}

/* Words, or none, as in `peer list`. */
static void
print_words(const char *words)
{
	const char *blank;

	for (; (blank = strchr(words, ' ')); words = blank + 1)
		printf("%.*s\n", (int)(blank - words), words);
	printf("%s\n", words);
}

/* Of the mesh file that the line names; one that cannot be read has no nodes. */
static void
print_nodes(const struct line *line)
{
	const char *path = MESH_DEFAULT_PATH;
	struct mesh *mesh = NULL;

	for (int i = 0; i + 2 < line->n; i++)
		if (strcmp(line->words[i], "--mesh") == 0)
			path = line->words[i + 1];
	if (mesh_load(path, &mesh, NULL) < 0)
		return;
	for (size_t i = 0; i < mesh->n_nodes; i++)
		printf("%s\t%s\n", mesh->nodes[i].name,
		    mesh_role_name(mesh->nodes[i].role));
	mesh_free(mesh);
}

static void
print_operands(const struct line *line)
{
	int operands = 0;

	for (int i = 0; i + 1 < line->n; i++) {
		if (takes_value(line, line->words[i]))
			i++;
		else if (line->words[i][0] != '-')
			operands++;
	}
	for (size_t i = 0; i < sizeof(of_verbs) / sizeof(of_verbs[0]); i++) {
		if (strcmp(of_verbs[i].verb, line->verb->name) != 0)
			continue;
		if (of_verbs[i].words && operands == 0)
			print_words(of_verbs[i].words);
		else
			print_nodes(line);
	}
}

/* The shells cut `--mesh=x` at the =, which says no more than a blank there. */
static void
drop_equals(struct line *line)
{
	int n = 0;

	for (int i = 0; i < line->n; i++) {
		if (strcmp(line->words[i], "=") != 0)
			line->words[n++] = line->words[i];
		else if (i + 1 == line->n)
			line->words[n++] = line->words[i] + 1; /* a value begins: "" */
	}
	line->n = n;
}

static void
print_of_verb(const struct line *line)
{
	const char *last = line->words[line->n - 1];
	const char *before = line->n > 1 ? line->words[line->n - 2] : "";

	if (takes_value(line, before)) {
		for (size_t i = 0; i < sizeof(of_nodes) / sizeof(of_nodes[0]); i++)
			if (strcmp(before + 2, of_nodes[i]) == 0)
				print_nodes(line);
	} else if (*last == '-') {
		print_options(line);
	} else {
		print_operands(line);
	}
}

int
cmd_completion(const struct completion *c, int argc, char **argv)
{
	struct line line = { .words = argv + 2, .n = argc - 2 };

	if (argc < 2)
		return EXIT_USAGE;
	if (argc == 2) {
		print_verbs(c);
		return EXIT_DONE;
	}
	for (size_t i = 0; i < c->n_verbs; i++)
		if (strcmp(c->verbs[i].name, argv[1]) == 0)
			line.verb = &c->verbs[i];
	if (!line.verb)
		return EXIT_DONE; /* there is nothing to say of it */
	drop_equals(&line);
	ask_options(c, &line);
	print_of_verb(&line);
	return EXIT_DONE;
}
