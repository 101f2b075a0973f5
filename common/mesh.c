/* SPDX-License-Identifier: MIT */
#include "common/mesh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/mesh_lint.h"

void
mesh_free(struct mesh *mesh)
{
	if (!mesh)
		return;
	for (size_t i = 0; i < mesh->n_nodes; i++)
		free(mesh->nodes[i].prefixes);
	free(mesh->nodes);
	free(mesh->pairs);
	free(mesh->regions);
	free(mesh);
}

/* The first hard fault becomes the error; the count goes into it as well. */
struct verdict {
	const char *name;
	struct err *err;
	size_t hard;
};

static void
first_fault(const struct mesh_fault *fault, void *ctx)
{
	struct verdict *v = ctx;

	if (!fault->hard || v->hard++)
		return;
	if (fault->line)
		(void)err_set(v->err, "%s:%u: %s", v->name, fault->line, fault->text);
	else
		(void)err_set(v->err, "%s: %s", v->name, fault->text);
}

int
mesh_read(FILE *in, const char *name, struct mesh **out, struct err *err)
{
	struct verdict v = { name, err, 0 };
	int r = mesh_parse(in, name, out, err);

	if (r < 0)
		return r;
	(void)mesh_lint(*out, first_fault, &v); /* counted by first_fault */
	if (v.hard == 0)
		return 0;
	mesh_free(*out);
	*out = NULL;
	return -EINVAL;
}

int
mesh_load(const char *path, struct mesh **out, struct err *err)
{
	FILE *in = fopen(path, "re");
	struct stat st;
	int r;

	*out = NULL;
	if (!in)
		return err_code(err, errno,
		    "%s: %s; --mesh FILE names another mesh file", path,
		    strerror(errno));
	if (fstat(fileno(in), &st) < 0)
		r = err_code(err, errno, "%s: %s", path, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		r = err_code(err, EISDIR, "%s: is a directory, not a mesh file", path);
	else if (S_ISREG(st.st_mode) && (st.st_mode & (S_IWGRP | S_IWOTH)))
		/* Who can write the roster can redirect the traffic of every pair. */
		r = err_code(err, EPERM,
		    "%s: others than its owner may write it (mode %04o): chmod go-w %s",
		    path, st.st_mode & 07777, path);
	else
		r = mesh_read(in, path, out, err);
	(void)fclose(in); /* only read from */
	return r;
}

size_t
mesh_find(const struct mesh *mesh, const char *name)
{
	for (size_t i = 0; i < mesh->n_nodes; i++)
		if (strcmp(mesh->nodes[i].name, name) == 0)
			return i;
	return SIZE_MAX;
}

size_t
mesh_find_address(const struct mesh *mesh, const struct addr *overlay)
{
	for (size_t i = 0; i < mesh->n_nodes; i++)
		if (addr_equal(&mesh->nodes[i].address.addr, overlay))
			return i;
	return SIZE_MAX;
}

int
mesh_find_self(const struct mesh *mesh, const struct addr *addrs, size_t n,
    size_t *self, struct err *err)
{
	size_t found = SIZE_MAX;

	for (size_t i = 0; i < n; i++) {
		size_t node = mesh_find_address(mesh, &addrs[i]);

		if (node == SIZE_MAX || node == found)
			continue;
		if (found != SIZE_MAX)
			return err_code(err, EEXIST,
			    "this machine has the overlay addresses of both %s and %s; "
			    "--node NAME says which it is",
			    mesh->nodes[found].name, mesh->nodes[node].name);
		found = node;
	}
	if (found == SIZE_MAX)
		return err_code(err, EADDRNOTAVAIL,
		    "no node of mesh %s has an address of this machine; is %s up? "
		    "--node NAME says which node this is",
		    mesh->name, mesh->interface);
	*self = found;
	return 0;
}

const struct mesh_pair *
mesh_pair(const struct mesh *mesh, size_t a, size_t b)
{
	size_t low = 0, high = mesh->n_pairs;
	size_t x = a < b ? a : b, y = a < b ? b : a;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct mesh_pair *p = &mesh->pairs[mid];

		if (p->a == x && p->b == y)
			return p;
		if (p->a < x || (p->a == x && p->b < y))
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

size_t
mesh_initiator(const struct mesh *mesh, size_t a, size_t b)
{
	const struct mesh_node *x = &mesh->nodes[a], *y = &mesh->nodes[b];
	bool x_nat = !*x->endpoint.host, y_nat = !*y->endpoint.host;

	if (x_nat != y_nat)
		return x_nat ? a : b;
	return wgkey_compare(&x->key, &y->key) < 0 ? a : b;
}

const struct mesh_region *
mesh_region(const struct mesh *mesh, const char *name)
{
	for (size_t i = 0; i < mesh->n_regions; i++)
		if (strcmp(mesh->regions[i].name, name) == 0)
			return &mesh->regions[i];
	return NULL;
}

uint16_t
mesh_listen_port(const struct mesh_node *node)
{
	if (node->listen_port)
		return node->listen_port;
	return *node->endpoint.host ? node->endpoint.port : MESH_LISTEN_PORT;
}

uint16_t
mesh_direct_port(const struct mesh *mesh, const struct mesh_node *node)
{
	if (!mesh->in_place)
		return mesh->direct_port;
	/* As the world sees it, which may be a forwarded port. */
	return node->endpoint.port ? node->endpoint.port : mesh_listen_port(node);
}

uint16_t
mesh_keepalive(const struct mesh_node *node, bool starts)
{
	if (node->keepalive_s != MESH_NO_LIMIT)
		return (uint16_t)node->keepalive_s;
	return starts ? MESH_KEEPALIVE_S : 0;
}

const char *
mesh_role_name(enum mesh_role role)
{
	static const char *const names[] = { "hub", "pop", "backend" };

	return names[role];
}

static bool
letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* By hand: strspn() sets up a table of 256 at each call, and reports are full of names.
 */
bool
mesh_name_ok(const char *name)
{
	size_t n = 0;

	while (letter(name[n]) || (n > 0 && name[n] && strchr("._-", name[n])))
		if (++n == MESH_NAME_MAX)
			return false;
	return n > 0 && name[n] == '\0';
}
