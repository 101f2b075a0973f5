/* SPDX-License-Identifier: MIT */
/*
 * meshopt peer: list, add and remove peers of the running hub interface.  The one place
 * where a handle is opened that may change it: this is the operator's own hand, while
 * what follows a plan has a handle of the direct interface.
 */
#include "optimizer/cmd_peer.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/num.h"
#include "common/opts.h"
#include "optimizer/cmd.h"
#include "optimizer/operate/self.h"
#include "optimizer/operate/way.h"
#include "optimizer/table.h"

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: meshopt peer list [--json]\n"
	    "       meshopt peer add NAME [OPTION...]\n"
	    "       meshopt peer remove NAME|KEY [OPTION...]\n"
	    "Change the peers of the running hub interface, and its wg-quick file.\n\n"
	    "A node that the mesh file has is added as that says. A new one needs\n"
	    "  --key KEY            its public key\n"
	    "  --region NAME        and takes the next free address of its Subnet, or\n"
	    "  --address A          this one\n"
	    "  --allowed-ips P,...  more than its address\n"
	    "  --role pop|backend   (backend)\n"
	    "  --endpoint E         where it can be reached\n"
	    "and its [Node] is printed, or\n"
	    "  --write-mesh         appended to the mesh file\n\n"
	    "  --keepalive SECONDS  from this end\n"
	    "  --no-save            leave the wg-quick file alone\n"
	    "  --config FILE        (default /etc/wireguard/INTERFACE.conf)\n"
	    "  --force              remove the hub itself\n"
	    "  --mesh FILE          mesh file (default " MESH_DEFAULT_PATH ")\n"
	    "  --node NAME          which node this is (default: found by "
	    "addresses)\n");
}

/* False if the value is none. */
static bool
take(struct cmd_peer *p, int c, const char *value)
{
	const char **const texts[] = { ['k'] = &p->key,
		['r'] = &p->region,
		['o'] = &p->role,
		['a'] = &p->address,
		['A'] = &p->allowed,
		['e'] = &p->endpoint,
		['m'] = &p->mesh_path,
		['n'] = &p->node };

	switch (c) {
	case 'K':
		return num_u32(value, 1, UINT16_MAX, &p->keepalive_s) == 0;
	case 'c':
		return snprintf(p->conf, sizeof(p->conf), "%s", value) <
		       (int)sizeof(p->conf);
	case 's':
		p->no_save = true;
		return true;
	case 'w':
		p->write_mesh = true;
		return true;
	case 'f':
		p->force = true;
		return true;
	case 'j':
		p->json = true;
		return true;
	default:
		*texts[c] = value;
		return true;
	}
}

/* Exit status, or -1 to go on with *verb. */
static int
parse(int argc, char **argv, struct cmd_peer *p, const char **verb)
{
	static const struct option options[] = {
		{ "key", required_argument, NULL, 'k' },
		{ "region", required_argument, NULL, 'r' },
		{ "role", required_argument, NULL, 'o' },
		{ "address", required_argument, NULL, 'a' },
		{ "allowed-ips", required_argument, NULL, 'A' },
		{ "endpoint", required_argument, NULL, 'e' },
		{ "keepalive", required_argument, NULL, 'K' },
		{ "no-save", no_argument, NULL, 's' },
		{ "write-mesh", no_argument, NULL, 'w' },
		{ "config", required_argument, NULL, 'c' },
		{ "force", no_argument, NULL, 'f' },
		{ "mesh", required_argument, NULL, 'm' },
		{ "node", required_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool list;
	int c;

	while ((c = opts_next(argc, argv, "jh", options)) != -1) {
		if (c == 'h' || c == '?') {
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_DONE : EXIT_USAGE;
		}
		if (take(p, c, optarg))
			continue;
		log_warnx("peer: \"%s\" is not a value of this option", optarg);
		return EXIT_USAGE;
	}
	*verb = argv[optind] ? argv[optind] : "";
	list = strcmp(*verb, "list") == 0;
	if ((list && argc == optind + 1) ||
	    ((strcmp(*verb, "add") == 0 || strcmp(*verb, "remove") == 0) &&
		argc == optind + 2)) {
		p->name = list ? NULL : argv[optind + 1];
		return -1;
	}
	log_warnx("peer: list, add NAME or remove NAME is wanted");
	usage(stderr);
	return EXIT_USAGE;
}

static void
allowed_text(const struct kernel_peer *peer, char *text, size_t size)
{
	size_t at = 0;

	*text = '\0';
	for (size_t i = 0; i < peer->n_allowed && at < size; i++) {
		char prefix[PREFIX_TEXT_MAX];

		prefix_format(&peer->allowed[i], prefix);
		at += (size_t)snprintf(text + at, size - at, "%s%s", i ? ", " : "",
		    prefix);
	}
}

static int
list_peers(const struct cmd_peer *p)
{
	struct table *t = table_new("<node|<key|<allowed ips");
	json_t *all = json_array();

	for (size_t i = 0; i < p->dev->n_peers; i++) {
		const struct kernel_peer *peer = &p->dev->peers[i];
		size_t node = way_node(p->mesh, &peer->key);
		const char *name = node == SIZE_MAX ? NULL : p->mesh->nodes[node].name;
		char key[WGKEY_TEXT_MAX], allowed[1024];
		json_t *o = json_object();

		wgkey_format(&peer->key, key);
		allowed_text(peer, allowed, sizeof(allowed));
		table_text(t, name ? name : "-");
		table_text(t, key);
		table_text(t, allowed);
		json_object_set_new(o, "node", name ? json_string(name) : json_null());
		json_object_set_new(o, "key", json_string(key));
		json_object_set_new(o, "allowed_ips", json_string(allowed));
		json_array_append_new(all, o);
	}
	if (p->json) {
		json_dumpf(all, stdout, JSON_INDENT(1));
		printf("\n");
	} else {
		table_print(t, stdout);
	}
	table_free(t);
	json_decref(all);
	return EXIT_DONE;
}

static int
load(struct cmd_peer *p, struct err *err)
{
	int rc = mesh_load(p->mesh_path, &p->mesh, err);

	if (rc < 0)
		return rc;
	if (!p->conf[0])
		(void)snprintf(p->conf, sizeof(p->conf), "/etc/wireguard/%s.conf",
		    p->mesh->interface); /* fits */
	rc = kernel_open(p->mesh->interface, &p->k, err);
	if (rc == 0 && !kernel_may_change(p->k))
		rc = err_code(err, EPERM, "no CAP_NET_ADMIN: run it as root");
	if (rc == 0)
		rc = self_find(p->k, p->mesh, p->node, &p->self, err);
	if (rc < 0)
		return rc;
	rc = kernel_device(p->k, p->mesh->interface, &p->dev);
	return rc < 0
		   ? err_code(err, -rc, "%s: WireGuard: %s; meshopt doctor says more",
			 p->mesh->interface, strerror(-rc))
		   : 0;
}

int
cmd_peer(int argc, char **argv)
{
	struct cmd_peer p = { .mesh_path = MESH_DEFAULT_PATH };
	const char *verb = "";
	struct err err;
	int rc = parse(argc, argv, &p, &verb);

	if (rc >= 0)
		return rc;
	rc = load(&p, &err);
	if (rc == 0 && strcmp(verb, "list") == 0)
		rc = list_peers(&p);
	else if (rc == 0 && strcmp(verb, "add") == 0)
		rc = cmd_peer_change_add(&p, &err);
	else if (rc == 0)
		rc = cmd_peer_change_remove(&p, &err);
	if (rc < 0)
		log_warnx("%s", err.text);
	kernel_device_free(p.dev);
	kernel_close(p.k);
	mesh_free(p.mesh);
	return rc < 0 ? EXIT_FAILED : rc;
}
