/* SPDX-License-Identifier: MIT */
/*
 * meshopt rotate: where a node's change of keys stands is in the mesh file, so that it
 * can be left and taken up again.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/opts.h"
#include "optimizer/cmd.h"
#include "optimizer/mesh_edit.h"
#include "optimizer/putfile.h"
#include "optimizer/rotate_script.h"

#define DIR_DEFAULT "/etc/wireguard"

struct options {
	const char *mesh_path, *dir;
	int action; /* 's'tart, 'p'eers, 'n'ode, 'f'inish, 'a'bort; 0 = say where */
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: meshopt rotate [OPTION...] NODE [ACTION]\n"
	    "Give a node a new key without a packet lost. Without an action: how far "
	    "it "
	    "is.\n\n"
	    "  --start     make DIR/NODE.next.key, and NextPublicKey of the mesh file\n"
	    "  --peers     print the script for each of its peers; it waits for the "
	    "node\n"
	    "  --node      print the script for the node\n"
	    "  --finish    NextPublicKey becomes PublicKey, KeyCreated today\n"
	    "  --abort     NextPublicKey goes, as long as the node has the old key\n"
	    "  -o, --output DIR  of the keys (default " DIR_DEFAULT ")\n"
	    "  --mesh FILE       mesh file (default " MESH_DEFAULT_PATH ")\n");
}

static char *
read_file(const char *path, mode_t *mode, struct err *err)
{
	FILE *in = fopen(path, "re");
	struct stat st;
	char *text = NULL;

	if (!in || fstat(fileno(in), &st) < 0) {
		(void)err_set(err, "%s: %s", path, strerror(errno));
	} else {
		text = mem_alloc((size_t)st.st_size + 1);
		*mode = st.st_mode & 07777;
		if (fread(text, 1, (size_t)st.st_size, in) != (size_t)st.st_size) {
			(void)err_set(err, "%s: it changed while it was read", path);
			free(text);
			text = NULL;
		}
	}
	if (in)
		(void)fclose(in); /* only read from */
	return text;
}

/* What is written is judged first: a mesh file that is refused would stop a fleet. */
static int
change(const struct options *o, const struct mesh_node *node,
    const struct mesh_edit *edits, size_t n, struct err *err)
{
	mode_t mode = 0600;
	char *text = read_file(o->mesh_path, &mode, err), *after = NULL;
	struct mesh *mesh = NULL;
	FILE *in;
	int r;

	if (!text)
		return -EIO;
	after = mesh_edit(text, node->line, edits, n);
	in = fmemopen(after, strlen(after), "r");
	r = in ? mesh_read(in, o->mesh_path, &mesh, err)
	       : err_code(err, errno, "%s: %s", o->mesh_path, strerror(errno));
	if (in)
		(void)fclose(in); /* only read from */
	mesh_free(mesh);
	if (r == 0)
		r = putfile_replace(o->mesh_path, mode, after, strlen(after), err);
	free(text);
	free(after);
	return r;
}

static int
start(const struct options *o, const struct mesh_node *node, struct err *err)
{
	char path[PATH_MAX], text[WGKEY_TEXT_MAX];
	struct wgkey key, public;
	int r;

	if (!wgkey_is_zero(&node->next_key))
		return err_code(err, EALREADY,
		    "%s: it has a NextPublicKey already; go on, or --abort",
		    node->name);
	if (snprintf(path, sizeof(path), "%s/%s.next.key", o->dir, node->name) >=
	    (int)sizeof(path))
		return err_code(err, ENAMETOOLONG, "%s: too long", o->dir);
	/* One that a start that was cut short has left is as good as a new one. */
	if (access(path, F_OK) == 0) {
		r = putfile_read_key(path, &key, err);
	} else {
		wgkey_generate(&key);
		r = putfile_key(path, &key, err);
	}
	if (r == 0 && wgkey_public(&key, &public) < 0)
		r = err_set(err, "%s: not a private key", path);
	wgkey_wipe(&key);
	if (r < 0)
		return r;
	wgkey_format(&public, text);
	r = change(o, node, &(struct mesh_edit){ "NextPublicKey", text }, 1, err);
	if (r == 0)
		log_warnx("%s: %s goes to the node, the mesh file to all; then --peers",
		    node->name, path);
	return r;
}

static int
finish(const struct options *o, const struct mesh_node *node, struct err *err)
{
	char key[WGKEY_TEXT_MAX], today[WALL_TEXT_MAX];
	const struct mesh_edit edits[] = {
		{ "PublicKey", key },
		{ "NextPublicKey", NULL },
		{ "KeyCreated", today },
	};
	int r;

	wgkey_format(&node->next_key, key);
	wall_format(clock_wall(), today);
	today[10] = '\0';
	r = change(o, node, edits, 3, err);
	if (r == 0)
		log_warnx("%s: done; the mesh file goes to all, and `meshopt config` "
			  "writes their files anew",
		    node->name);
	return r;
}

static int
abandon(const struct options *o, const struct mesh_node *node, struct err *err)
{
	return change(o, node, &(struct mesh_edit){ "NextPublicKey", NULL }, 1, err);
}

static void
say_where(const struct mesh_node *node)
{
	char text[WGKEY_TEXT_MAX];

	if (wgkey_is_zero(&node->next_key)) {
		printf("%s: no rotation is under way; --start begins one\n",
		    node->name);
		return;
	}
	wgkey_format(&node->next_key, text);
	printf("%s: is to have the key %s\n"
	       "1. at each peer:  bash <(meshopt rotate %s --peers)   (it waits)\n"
	       "2. at %s:  bash <(meshopt rotate %s --node)\n"
	       "3. when all are done:  meshopt rotate %s --finish\n",
	    node->name, text, node->name, node->name, node->name, node->name);
}

static int
run(const struct options *o, const char *name, struct err *err)
{
	struct mesh *mesh = NULL;
	const struct mesh_node *node;
	int r = mesh_load(o->mesh_path, &mesh, err);
	size_t i;

	if (r < 0)
		return r;
	i = mesh_find(mesh, name);
	node = i == SIZE_MAX ? NULL : &mesh->nodes[i];
	if (!node)
		r = err_code(err, ENOENT, "%s: mesh %s has no such node", name,
		    mesh->name);
	else if (o->action == 's')
		r = start(o, node, err);
	else if (!o->action)
		say_where(node);
	else if (wgkey_is_zero(&node->next_key))
		r = err_code(err, ENOENT,
		    "%s: no rotation is under way; --start begins one", name);
	else if (o->action == 'p')
		rotate_script_peer(mesh, i, stdout);
	else if (o->action == 'n')
		rotate_script_node(mesh, i, stdout);
	else
		r = o->action == 'f' ? finish(o, node, err) : abandon(o, node, err);
	mesh_free(mesh);
	return r;
}

int
cmd_rotate(int argc, char **argv)
{
	static const struct option options[] = {
		{ "start", no_argument, NULL, 's' },
		{ "peers", no_argument, NULL, 'p' },
		{ "node", no_argument, NULL, 'n' },
		{ "finish", no_argument, NULL, 'f' },
		{ "abort", no_argument, NULL, 'a' },
		{ "output", required_argument, NULL, 'o' },
		{ "mesh", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { .mesh_path = MESH_DEFAULT_PATH, .dir = DIR_DEFAULT };
	struct err err;
	int c;

	while ((c = opts_next(argc, argv, "o:h", options)) != -1) {
		if (c == 'o') {
			o.dir = optarg;
		} else if (c == 'm') {
			o.mesh_path = optarg;
		} else if (c != 'h' && c != '?' && !o.action) {
			o.action = c;
		} else {
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_DONE : EXIT_USAGE;
		}
	}
	if (argc - optind != 1) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (run(&o, argv[optind], &err) == 0)
		return EXIT_DONE;
	log_warnx("%s", err.text);
	return EXIT_FAILED;
}
