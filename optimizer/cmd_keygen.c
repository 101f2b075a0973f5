/* SPDX-License-Identifier: MIT */
/*
 * meshopt keygen: private keys into files that only their owner may read, public ones
 * to standard output.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mesh.h"
#include "common/opts.h"
#include "common/signed.h"
#include "optimizer/cmd.h"
#include "optimizer/putfile.h"

#define DIR_DEFAULT "/etc/wireguard"

struct options {
	const char *mesh_path, *dir;
	bool all, plan, show, keep;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: meshopt keygen [OPTION...] NODE...|--all|--plan\n"
	    "Make a private key for each node: DIR/NODE.key, mode 0600. Prints "
	    "NODE and its\npublic key.\n\n"
	    "  --all               for every node of the mesh file\n"
	    "  --plan              the key that signs plans: DIR/plan.key; "
	    "prints PlanKey\n"
	    "  --keep              what is there stays, and its public key is "
	    "printed\n"
	    "  --show              print the private keys as well\n"
	    "  -o, --output DIR    (default " DIR_DEFAULT ")\n"
	    "  --mesh FILE         mesh file (default " MESH_DEFAULT_PATH ")\n");
}

/* 0, or -errno with err set. */
static int
path_of(const struct options *o, const char *name, char path[PATH_MAX], struct err *err)
{
	if (!mesh_name_ok(name))
		return err_set(err,
		    "\"%.80s\" is not the name of a node: up to 63 characters a-z 0-9 "
		    ". _ -, starting with a letter or digit",
		    name);
	if (snprintf(path, PATH_MAX, "%s/%s.key", o->dir, name) >= PATH_MAX)
		return err_code(err, ENAMETOOLONG, "%s: the name is too long", o->dir);
	if (!o->keep && access(path, F_OK) == 0)
		return err_code(err, EEXIST,
		    "%s: there is a key already, and it is left as it is; --keep "
		    "prints its public half",
		    path);
	return 0;
}

/* The key that signs plans travels as its seed, which is written as any key is. */
static void
make_seed(struct wgkey *seed)
{
	char text[WGKEY_TEXT_MAX];
	struct signed_key key;

	signed_key_make(&key);
	signed_key_format(&key, text);
	(void)wgkey_parse(text, seed); /* it has just been written */
	explicit_bzero(text, sizeof(text));
	signed_key_wipe(&key);
}

static bool
public_of(const struct options *o, const struct wgkey *key, struct wgkey *out)
{
	char text[WGKEY_TEXT_MAX];
	struct signed_key pair;
	bool ok;

	if (!o->plan)
		return wgkey_public(key, out) == 0;
	wgkey_format(key, text);
	ok = signed_key_parse(text, &pair) == 0;
	*out = pair.public_key;
	explicit_bzero(text, sizeof(text));
	signed_key_wipe(&pair);
	return ok;
}

static int
make(const struct options *o, const char *path, struct wgkey *key, struct err *err)
{
	if (o->keep && access(path, F_OK) == 0)
		return putfile_read_key(path, key, err);
	if (o->plan)
		make_seed(key);
	else
		wgkey_generate(key);
	return putfile_key(path, key, err);
}

static int
one(const struct options *o, const char *name, struct err *err)
{
	char path[PATH_MAX], text[WGKEY_TEXT_MAX];
	struct wgkey key, public;
	int r = path_of(o, name, path, err);

	if (r == 0)
		r = make(o, path, &key, err);
	if (r < 0)
		return r;
	if (!public_of(o, &key, &public))
		r = err_set(err, "%s: not a private key", path);
	if (r == 0) {
		wgkey_format(&public, text);
		printf("%s %s%s", o->plan ? "PlanKey" : name, o->plan ? "= " : "",
		    text);
		wgkey_format(&key, text);
		printf("%s%s\n", o->show ? " " : "", o->show ? text : "");
	}
	explicit_bzero(text, sizeof(text));
	wgkey_wipe(&key);
	return r;
}

/* All are looked at before the first is made: a typing error leaves no half a set. */
static int
several(const struct options *o, char **names, int n, struct err *err)
{
	char path[PATH_MAX];
	int r = 0;

	for (int i = 0; i < n && r == 0; i++) {
		r = path_of(o, names[i], path, err);
		for (int j = 0; j < i && r == 0; j++) {
			if (strcmp(names[i], names[j]) == 0)
				r = err_set(err, "%s: named twice", names[i]);
		}
	}
	for (int i = 0; i < n && r == 0; i++)
		r = one(o, names[i], err);
	return r;
}

static int
all_nodes(const struct options *o, struct err *err)
{
	struct mesh *mesh = NULL;
	char path[PATH_MAX];
	int r = mesh_load(o->mesh_path, &mesh, err);

	for (size_t i = 0; r == 0 && i < mesh->n_nodes; i++)
		r = path_of(o, mesh->nodes[i].name, path, err);
	for (size_t i = 0; r == 0 && i < mesh->n_nodes; i++)
		r = one(o, mesh->nodes[i].name, err);
	mesh_free(mesh);
	return r;
}

int
cmd_keygen(int argc, char **argv)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "plan", no_argument, NULL, 'p' },
		{ "keep", no_argument, NULL, 'k' },
		{ "show", no_argument, NULL, 's' },
		{ "output", required_argument, NULL, 'o' },
		{ "mesh", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { .mesh_path = MESH_DEFAULT_PATH, .dir = DIR_DEFAULT };
	struct err err;
	int c, r;

	while ((c = opts_next(argc, argv, "o:h", options)) != -1) {
		switch (c) {
		case 'a':
			o.all = true;
			break;
		case 'p':
			o.plan = true;
			break;
		case 'k':
			o.keep = true;
			break;
		case 's':
			o.show = true;
			break;
		case 'o':
			o.dir = optarg;
			break;
		case 'm':
			o.mesh_path = optarg;
			break;
		default:
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_DONE : EXIT_USAGE;
		}
	}
	if (o.all + o.plan + (argc > optind) != 1) {
		usage(stderr);
		return EXIT_USAGE;
	}
	r = o.all    ? all_nodes(&o, &err)
	    : o.plan ? one(&o, "plan", &err)
		     : several(&o, argv + optind, argc - optind, &err);
	if (r == 0)
		return EXIT_DONE;
	log_warnx("%s", err.text);
	return EXIT_FAILED;
}
