/* SPDX-License-Identifier: MIT */
/*
 * meshopt peer add and remove: everything is judged and the new wg-quick file made
 * before the kernel is touched; one peer in one message; read back; then the file is
 * replaced.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "optimizer/cmd.h"
#include "optimizer/cmd_peer.h"
#include "optimizer/operate/peer_change.h"
#include "optimizer/operate/way.h"
#include "optimizer/operate/wgconf.h"
#include "optimizer/putfile.h"
#include "optimizer/wgquick.h"

/* The wg-quick file before and after; text NULL with --no-save. */
struct saved {
	char *text, *next;
	size_t len, next_len;
};

static void
saved_fini(struct saved *s)
{
	/* Its private key. */
	if (s->text)
		explicit_bzero(s->text, s->len);
	if (s->next)
		explicit_bzero(s->next, s->next_len);
	free(s->text);
	free(s->next);
}

/* Is the text one that wg-quick would take? */
static int
sound(const char *path, char *text, size_t len, struct err *err)
{
	struct wgquick w = { 0 };
	FILE *in = len ? fmemopen(text, len, "r") : NULL;
	int rc;

	if (!in)
		return err_set(err, "%s: is empty", path);
	rc = wgquick_read(in, path, &w, err);
	(void)fclose(in); /* memory */
	wgquick_fini(&w);
	return rc;
}

static int
load(const struct cmd_peer *p, struct saved *s, struct err *err)
{
	struct err why;
	int rc;

	if (p->no_save)
		return 0;
	rc = cmd_peer_node_read_file(p->conf, &s->text, &s->len, &why);
	if (rc == 0)
		rc = sound(p->conf, s->text, s->len, &why);
	return rc < 0 ? err_code(err, -rc, "%s; --no-save changes the kernel alone",
			    why.text)
		      : 0;
}

static int
store(const struct cmd_peer *p, struct saved *s, struct err *err)
{
	int rc;

	if (!s->next ||
	    (s->next_len == s->len && memcmp(s->next, s->text, s->len) == 0))
		return 0;
	rc = sound(p->conf, s->next, s->next_len, err);
	return rc < 0 ? rc : putfile_replace(p->conf, 0600, s->next, s->next_len, err);
}

static int
read_again(struct cmd_peer *p, struct err *err)
{
	int rc;

	kernel_device_free(p->dev);
	rc = kernel_device(p->k, p->mesh->interface, &p->dev);
	return rc < 0 ? err_code(err, -rc, "%s: WireGuard: %s", p->mesh->interface,
			    strerror(-rc))
		      : 0;
}

static void
hint_route(struct cmd_peer *p, const struct mesh_node *node)
{
	struct kernel_link link;
	char text[PREFIX_TEXT_MAX];
	unsigned ifindex;

	if (kernel_link(p->k, p->mesh->interface, &link) < 0 ||
	    (kernel_lookup(p->k, &node->address.addr, &ifindex) == 0 &&
		ifindex == link.ifindex))
		return;
	prefix_format(&node->prefixes[0], text);
	log_warnx("%s: no route leads there by %s: ip route add %s dev %s", node->name,
	    p->mesh->interface, text, p->mesh->interface);
}

/* Into the kernel, and read back. */
static int
set_peer(struct cmd_peer *p, const struct kernel_peer_change *change, struct err *err)
{
	int rc;

	rc = kernel_peer_set(p->k, change);
	if (rc < 0)
		return err_code(err, -rc, "%s: setting the peer: %s",
		    p->mesh->interface, strerror(-rc));
	rc = read_again(p, err);
	if (rc == 0 && !peer_change_done(p->dev, change))
		rc = err_code(err, EIO,
		    "%s: the kernel took the peer and does not have it",
		    p->mesh->interface);
	return rc;
}

static int
add(struct cmd_peer *p, const struct mesh_node *node, struct saved *s, struct err *err)
{
	struct endpoint ep = { 0 };
	struct kernel_peer_change change = { .key = node->key,
		.set_keepalive = p->keepalive_s != 0,
		.keepalive_s = (uint16_t)p->keepalive_s,
		.allowed = node->prefixes,
		.n_allowed = node->n_prefixes };
	struct wgconf_peer saved = { .name = node->name,
		.key = node->key,
		.allowed = node->prefixes,
		.n_allowed = node->n_prefixes,
		.keepalive_s = p->keepalive_s };
	bool there;
	int rc =
	    peer_change_check(p->mesh, p->dev, &change, p->self == p->mesh->hub, err);

	if (rc < 0)
		return rc;
	there = rc == 1;
	/* The hub is called and does not call: two that both start can collide. */
	if (p->endpoint && p->self != p->mesh->hub) {
		if (endpoint_parse(p->endpoint, &ep) < 0 || !ep.addr.family)
			return err_set(err,
			    "--endpoint: \"%s\" is no address with port", p->endpoint);
		change.endpoint = ep.addr;
		change.port = ep.port;
		saved.endpoint = p->endpoint;
	}
	if (s->text) {
		s->next = wgconf_put(s->text, s->len, &saved, &s->next_len);
		if (!s->next)
			return err_code(err, ENOMEM, "out of memory");
		rc = sound(p->conf, s->next, s->next_len, err);
		if (rc < 0)
			return rc;
	}
	if (there && !change.endpoint.family && !change.set_keepalive)
		return 0;
	return set_peer(p, &change, err);
}

/* After the kernel has it, what fails is told and makes the outcome partial. */
static int
finish(struct cmd_peer *p, struct saved *s, const char *section)
{
	struct err err;
	int status = EXIT_DONE;

	if (store(p, s, &err) < 0) {
		log_warnx("%s; the kernel has it, the file does not", err.text);
		status = EXIT_PARTIAL;
	}
	if (section && p->write_mesh && cmd_peer_node_write(p, section, &err) < 0) {
		log_warnx("%s; the kernel has it, the mesh file does not", err.text);
		status = EXIT_PARTIAL;
	}
	return status;
}

int
cmd_peer_change_add(struct cmd_peer *p, struct err *err)
{
	size_t at = mesh_find(p->mesh, p->name);
	struct mesh *with = NULL;
	const struct mesh_node *node = NULL;
	struct saved s = { 0 };
	char *section = NULL;
	int rc = 0;

	if (at == SIZE_MAX) {
		rc = cmd_peer_node(p, &with, &at, &section, err);
		node = rc == 0 ? &with->nodes[at] : NULL;
	} else if (p->key || p->address || p->region || p->allowed) {
		rc = err_code(err, EEXIST,
		    "%s: the mesh file has this node, and says its key and addresses: "
		    "without --key, --region, --address and --allowed-ips",
		    p->name);
	} else if (at == p->self) {
		rc = err_set(err, "%s: is this node itself", p->name);
	} else {
		node = &p->mesh->nodes[at];
	}
	if (rc == 0)
		rc = load(p, &s, err);
	if (rc == 0)
		rc = add(p, node, &s, err);
	if (rc == 0) {
		rc = finish(p, &s, section);
		log_info("%s: is a peer of %s%s", node->name, p->mesh->interface,
		    p->no_save ? ", until that goes down" : "");
		hint_route(p, node);
		if (section && !p->write_mesh)
			printf("%s", section);
	}
	saved_fini(&s);
	free(section);
	mesh_free(with);
	return rc;
}

/* By the name of a node, or by key. */
static int
which(const struct cmd_peer *p, struct wgkey *key, struct err *err)
{
	size_t at = mesh_find(p->mesh, p->name);

	if (at != SIZE_MAX)
		*key = p->mesh->nodes[at].key;
	else if (wgkey_parse(p->name, key) < 0)
		return err_code(err, ENOENT,
		    "%s: neither a node of the mesh file nor a key; meshopt peer list "
		    "says what there is",
		    p->name);
	if (p->self != p->mesh->hub &&
	    wgkey_compare(key, &p->mesh->nodes[p->mesh->hub].key) == 0 && !p->force)
		return err_set(err,
		    "%s: is the hub, without which this node reaches nobody; --force "
		    "does it",
		    p->mesh->nodes[p->mesh->hub].name);
	return 0;
}

int
cmd_peer_change_remove(struct cmd_peer *p, struct err *err)
{
	struct saved s = { 0 };
	struct wgkey key;
	bool running = false, saved = false;
	int rc = which(p, &key, err);

	if (rc == 0)
		rc = load(p, &s, err);
	if (rc == 0) {
		running = way_peer(p->dev, &key) != NULL;
		saved = s.text && wgconf_has(s.text, s.len, &key);
		if (!running && !saved)
			rc = err_code(err, ENOENT, "%s: is no peer of %s", p->name,
			    p->mesh->interface);
	}
	if (rc == 0 && saved) {
		s.next = wgconf_drop(s.text, s.len, &key, &s.next_len);
		rc = s.next ? sound(p->conf, s.next, s.next_len, err)
			    : err_code(err, ENOMEM, "out of memory");
	}
	if (rc == 0 && running) {
		rc = kernel_peer_remove(p->k, &key);
		if (rc < 0)
			rc = err_code(err, -rc, "%s: removing the peer: %s",
			    p->mesh->interface, strerror(-rc));
		else
			rc = read_again(p, err);
		if (rc == 0 && way_peer(p->dev, &key))
			rc = err_code(err, EIO, "%s: the kernel still has the peer",
			    p->mesh->interface);
	}
	if (rc == 0) {
		rc = finish(p, &s, NULL);
		log_info("%s: is no longer a peer of %s", p->name, p->mesh->interface);
		if (mesh_find(p->mesh, p->name) != SIZE_MAX)
			log_info("its [Node] is still in the mesh file of every node");
	}
	saved_fini(&s);
	return rc;
}
