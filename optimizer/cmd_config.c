/* SPDX-License-Identifier: MIT */
/*
 * meshopt config: a node's WireGuard files from the mesh file.
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/opts.h"
#include "optimizer/cmd.h"
#include "optimizer/config_files.h"
#include "optimizer/putfile.h"

struct options {
	const char *mesh_path, *key_file, *key_path, *dir;
	struct config_opts how;
	bool all;
};

/* What an option's word stands for; the index is the value of its enum. */
static const char *const formats[] = { "wg-quick", "networkd", "script", "cloud-init",
	NULL };
static const char *const topologies[] = { "side-by-side", "hub-and-spoke", "full-mesh",
	NULL };
static const char *const firewalls[] = { "iptables", "nft", "none", NULL };

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: meshopt config [OPTION...] NODE|--all\n"
	    "Write a node's WireGuard files from the mesh file, to standard output.\n\n"
	    "  --format F      wg-quick (default), networkd, script or cloud-init\n"
	    "  --topology T    side-by-side (default): the hub on Interface, pinned "
	    "pairs on\n"
	    "                  DirectInterface; full-mesh: both on Interface; "
	    "hub-and-spoke\n"
	    "  --firewall F    let forwarded packets through: iptables (default), nft "
	    "or none\n"
	    "  --key FILE      put this private key into the files\n"
	    "  --key-path FILE where the node has its key otherwise\n"
	    "                  (default /etc/wireguard/NODE.key)\n"
	    "  --plain         without the lines that `meshopt import` reads back\n"
	    "  -o, --output DIR  write them there, mode 0600; with --all in DIR/NODE\n"
	    "  --mesh FILE     mesh file (default " MESH_DEFAULT_PATH ")\n");
}

/* The index of the word, or -1 with a line on stderr. */
static int
choose(const char *option, const char *value, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(value, words[i]) == 0)
			return i;
	log_warnx("%s: there is no \"%s\"; `meshopt config --help` lists them", option,
	    value);
	return -1;
}

/* It stands in shell scripts, unquoted. */
static bool
path_ok(const char *path)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789/._-";

	return path[0] == '/' && strlen(path) < 200 &&
	       strspn(path, set) == strlen(path);
}

static int
take_option(struct options *o, int c)
{
	int i = 0;

	switch (c) {
	case 'f':
		i = choose("--format", optarg, formats);
		o->how.format = (enum config_format)i;
		break;
	case 't':
		i = choose("--topology", optarg, topologies);
		o->how.topology = (enum config_topology)i;
		break;
	case 'w':
		i = choose("--firewall", optarg, firewalls);
		o->how.firewall = (enum config_firewall)i;
		break;
	case 'P':
		o->key_path = optarg;
		if (path_ok(optarg))
			break;
		log_warnx("--key-path: \"%s\" is not an absolute path of plain "
			  "characters",
		    optarg);
		return -1;
	case 'k':
		o->key_file = optarg;
		break;
	case 'o':
		o->dir = optarg;
		break;
	case 'm':
		o->mesh_path = optarg;
		break;
	case 'a':
		o->all = true;
		break;
	case 'p':
		o->how.plain = true;
		break;
	default:
		usage(c == 'h' ? stdout : stderr);
		return c == 'h' ? 1 : -1;
	}
	return i < 0 ? -1 : 0;
}

static int
write_dir(const char *dir, const struct config_files *files, struct err *err)
{
	char path[PATH_MAX];
	int r = 0;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_code(err, errno, "%s: %s", dir, strerror(errno));
	for (size_t i = 0; i < files->n && r == 0; i++) {
		const struct config_file *f = &files->file[i];

		if ((size_t)snprintf(path, sizeof(path), "%s%s", dir,
			strrchr(f->path, '/')) >= sizeof(path))
			return err_code(err, ENAMETOOLONG, "%s: too long", dir);
		/* The owner's bits of what it is to be there; nobody else's yet. */
		r = putfile_replace(path, f->mode & 0700, f->text, f->len, err);
		if (r == 0)
			log_warnx("%s: for %s", path, f->path);
	}
	return r;
}

static int
print(const struct config_files *files, bool secret, struct err *err)
{
	if (secret && isatty(STDOUT_FILENO))
		return err_code(err, EPERM,
		    "a private key does not go to a terminal: use --output DIR, or "
		    "redirect standard output");
	for (size_t i = 0; i < files->n; i++) {
		if (files->n > 1)
			printf("%s# === %s\n", i > 0 ? "\n" : "", files->file[i].path);
		printf("%s", files->file[i].text);
	}
	return 0;
}

/* A key that is not the node's would make a node that nobody talks to. */
static int
check_key(const struct options *o, const struct mesh_node *node, struct err *err)
{
	struct wgkey public;

	if (!o->how.key)
		return 0;
	if (wgkey_public(o->how.key, &public) < 0 ||
	    (wgkey_compare(&public, &node->key) != 0 &&
		wgkey_compare(&public, &node->next_key) != 0))
		return err_set(err,
		    "%s: not the private key of %s: the mesh file has another "
		    "PublicKey",
		    o->key_file, node->name);
	return 0;
}

static int
one(struct options *o, size_t node, struct err *err)
{
	const char *name = o->how.mesh->nodes[node].name;
	char key_path[256], dir[PATH_MAX];
	struct config_files files;
	int r = check_key(o, &o->how.mesh->nodes[node], err);

	if (r < 0)
		return r;
	(void)snprintf(key_path, sizeof(key_path), "/etc/wireguard/%s.key",
	    name); /* names are short */
	o->how.self = node;
	o->how.key_path = o->key_path ? o->key_path : key_path;
	config_files_make(&o->how, &files);
	if (o->dir && snprintf(dir, sizeof(dir), "%s%s%s", o->dir, o->all ? "/" : "",
			  o->all ? name : "") >= (int)sizeof(dir))
		r = err_code(err, ENAMETOOLONG, "%s: too long", o->dir);
	else
		r = o->dir ? write_dir(dir, &files, err)
			   : print(&files, o->how.key != NULL, err);
	config_files_fini(&files);
	return r;
}

static int
run(struct options *o, const char *name, struct err *err)
{
	struct mesh *mesh = NULL;
	size_t node;
	int r = mesh_load(o->mesh_path, &mesh, err);

	if (r < 0)
		return r;
	o->how.mesh = mesh;
	node = o->all ? 0 : mesh_find(mesh, name);
	if (node == SIZE_MAX)
		r = err_code(err, ENOENT, "%s: mesh %s has no such node", name,
		    mesh->name);
	else if (!o->all)
		r = one(o, node, err);
	else if (mkdir(o->dir, 0700) < 0 && errno != EEXIST)
		r = err_code(err, errno, "%s: %s", o->dir, strerror(errno));
	for (size_t i = 0; o->all && r == 0 && i < mesh->n_nodes; i++)
		r = one(o, i, err);
	mesh_free(mesh);
	return r;
}

int
cmd_config(int argc, char **argv)
{
	static const struct option options[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "topology", required_argument, NULL, 't' },
		{ "firewall", required_argument, NULL, 'w' },
		{ "key", required_argument, NULL, 'k' },
		{ "key-path", required_argument, NULL, 'P' },
		{ "plain", no_argument, NULL, 'p' },
		{ "output", required_argument, NULL, 'o' },
		{ "mesh", required_argument, NULL, 'm' },
		{ "all", no_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { .mesh_path = MESH_DEFAULT_PATH };
	struct wgkey key;
	struct err err;
	int c, r;

	while ((c = opts_next(argc, argv, "o:h", options)) != -1) {
		r = take_option(&o, c);
		if (r != 0)
			return r > 0 ? EXIT_DONE : EXIT_USAGE;
	}
	if (argc - optind != (o.all ? 0 : 1) || (o.all && (!o.dir || o.key_file))) {
		usage(stderr);
		return EXIT_USAGE;
	}
	r = o.key_file ? putfile_read_key(o.key_file, &key, &err) : 0;
	if (r == 0) {
		o.how.key = o.key_file ? &key : NULL;
		r = run(&o, argv[optind], &err);
	}
	wgkey_wipe(&key);
	if (r == 0)
		return EXIT_DONE;
	log_warnx("%s", err.text);
	return EXIT_FAILED;
}
