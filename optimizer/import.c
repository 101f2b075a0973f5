/* SPDX-License-Identifier: MIT */
#include "optimizer/import.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"

/* Where a name comes from, the worst first. */
enum {
	NAME_NONE,
	NAME_ADDRESS,
	NAME_FILE,
	NAME_COMMENT,
	NAME_FRIENDLY,
	NAME_SAID,
	NAME_GIVEN
};

static size_t
add_node(struct import *im)
{
	im->nodes = mem_grow(im->nodes, im->n_nodes + 1, sizeof(*im->nodes));
	memset(&im->nodes[im->n_nodes], 0, sizeof(*im->nodes));
	return im->n_nodes++;
}

static size_t
node_of_key(struct import *im, const struct wgkey *key)
{
	size_t i;

	for (i = 0; i < im->n_nodes; i++)
		if (im->nodes[i].has_key && wgkey_compare(&im->nodes[i].key, key) == 0)
			return i;
	i = add_node(im);
	im->nodes[i].has_key = true;
	im->nodes[i].key = *key;
	return i;
}

static void
take_name(struct import_node *node, const char *name, int rank)
{
	if (rank <= node->name_rank)
		return;
	(void)snprintf(node->name, sizeof(node->name), "%s", name); /* fits */
	node->name_rank = rank;
}

static bool
is_host(const struct prefix *p)
{
	return p->len == addr_bits(&p->addr);
}

/*
 * A file that has its private key elsewhere does not say whose it is.  One that others
 * send its address to, or that is named so, is it.
 */
static size_t
node_without_key(struct import *im, const struct import_source *s)
{
	for (size_t i = 0; i < im->n_nodes; i++) {
		const struct import_node *node = &im->nodes[i];

		if (node->own)
			continue;
		if (s->name && strcmp(node->name, s->name) == 0)
			return i;
		for (size_t j = 0; j < node->n_claims && s->w.n_address; j++)
			if (is_host(&node->claims[j]) &&
			    addr_equal(&node->claims[j].addr, &s->w.address[0].addr))
				return i;
	}
	return add_node(im);
}

static void
keep_lines(struct import_node *node, const struct wgquick_lines *lines,
    const char *path)
{
	for (size_t i = 0; i < lines->n; i++) {
		char *text = NULL;

		if (asprintf(&text, "%s: %s", path, lines->line[i]) < 0)
			abort(); /* of memory: as mem_alloc() does */
		wgquick_add_line(&node->kept, text);
		free(text);
	}
}

static int
take_own(struct import *im, const struct import_source *s, size_t i, struct err *err)
{
	struct import_node *node = &im->nodes[i];
	const char *name = import_said(&s->w.said, "Name");
	char file[MESH_NAME_MAX];

	if (node->own)
		return err_set(err, "%s: of the same node as %s: both have its key",
		    s->path, node->own->path);
	node->own = s;
	/* Below "[Node]" it speaks of the node; above, of the mesh. */
	for (size_t j = 0; j < s->w.said.n; j++)
		if (strcasecmp(s->w.said.line[j], "[Node]") == 0) {
			struct wgquick_lines *own = mem_alloc(sizeof(*own));

			own->line = s->w.said.line + j + 1;
			own->n = s->w.said.n - j - 1;
			name = import_said(own, "Name");
			free((void *)(uintptr_t)node->said); /* of a peer's file */
			node->said = own;
			break;
		}
	if (import_file_name(s->path, file))
		take_name(node, file, NAME_FILE);
	if (s->name)
		take_name(node, s->name, NAME_GIVEN);
	else if (name && node->said && mesh_name_ok(name))
		take_name(node, name, NAME_SAID);
	keep_lines(node, &s->w.kept, s->path);
	return 0;
}

static void
claim(struct import_node *node, const struct prefix *p, const char *path)
{
	for (size_t i = 0; i < node->n_claims; i++)
		if (addr_equal(&node->claims[i].addr, &p->addr) &&
		    node->claims[i].len == p->len)
			return;
	node->claims =
	    mem_grow(node->claims, node->n_claims + 1, sizeof(*node->claims));
	node->claims[node->n_claims++] = *p;
	if (!node->claims_path)
		node->claims_path = path;
}

/*
 * A running interface shows where packets came from last, and does not say whether that
 * was configured.  A random port is a NAT's mapping, or of a node that has no fixed
 * one.
 */
static void
keep_seen(struct import_node *node, const char *endpoint, const char *path)
{
	char *text = NULL;

	if (asprintf(&text, "%s: seen at %s", path, endpoint) < 0)
		abort(); /* of memory: as mem_alloc() does */
	wgquick_add_line(&node->kept, text);
	free(text);
}

static int
take_peer(struct import *im, const struct import_source *s,
    const struct wgquick_peer *p, struct err *err)
{
	size_t i = node_of_key(im, &p->key); /* may move the nodes */
	struct import_node *node = &im->nodes[i];
	char name[MESH_NAME_MAX], was[ENDPOINT_TEXT_MAX], now[ENDPOINT_TEXT_MAX];

	if (*p->label && import_slug(p->label, p->friendly, name)) {
		take_name(node, name, p->friendly ? NAME_FRIENDLY : NAME_COMMENT);
		if (!*node->comment)
			memcpy(node->comment, p->label, sizeof(node->comment));
	}
	if (!node->said && p->said.n) {
		struct wgquick_lines *own = mem_alloc(sizeof(*own));

		*own = p->said;
		node->said = own;
	}
	if (*p->endpoint.host && s->w.running &&
	    (*node->endpoint.host || p->endpoint.port != MESH_LISTEN_PORT)) {
		endpoint_format(&p->endpoint, now);
		keep_seen(node, now, s->path);
	} else if (*p->endpoint.host && *node->endpoint.host) {
		endpoint_format(&node->endpoint, was);
		endpoint_format(&p->endpoint, now);
		if (strcmp(was, now) != 0)
			return err_set(err,
			    "%s:%u: Endpoint %s, but another file has %s for the same "
			    "peer: which is right?",
			    s->path, p->line, now, was);
	}
	if (*p->endpoint.host &&
	    (!s->w.running || p->endpoint.port == MESH_LISTEN_PORT))
		node->endpoint = p->endpoint;
	for (size_t j = 0; j < p->n_allowed; j++)
		claim(node, &p->allowed[j], s->path);
	keep_lines(node, &p->kept, s->path);
	return 0;
}

static void
add_edge(struct import *im, size_t a, size_t b)
{
	for (size_t i = 0; i < im->n_edges; i++)
		if ((im->edges[i].a == a && im->edges[i].b == b) ||
		    (im->edges[i].a == b && im->edges[i].b == a))
			return;
	im->edges = mem_grow(im->edges, im->n_edges + 1, sizeof(*im->edges));
	im->edges[im->n_edges++] = (struct import_edge){ a, b };
	im->nodes[a].n_tunnels++;
	im->nodes[b].n_tunnels++;
}

/* Its own key: from PrivateKey, or as `meshopt config` says it beside the file. */
static bool
own_key(const struct import_source *s, struct wgkey *key)
{
	const char *text = import_said(&s->w.said, "PublicKey");

	if (s->w.has_key)
		*key = s->w.key;
	return s->w.has_key || (text && wgkey_parse(text, key) == 0);
}

static int
join(struct import *im, struct err *err)
{
	struct wgkey key;
	int r = 0;

	/* In the order of the sources, so that the first one's node comes first. */
	for (size_t i = 0; i < im->n_sources && r == 0; i++) {
		const struct import_source *s = &im->sources[i];

		if (s->w.line && own_key(s, &key))
			r = take_own(im, s, node_of_key(im, &key), err);
		for (size_t j = 0; j < s->w.n_peers && r == 0; j++)
			r = take_peer(im, s, &s->w.peers[j], err);
	}
	for (size_t i = 0; i < im->n_sources && r == 0; i++)
		if (im->sources[i].w.line && !own_key(&im->sources[i], &key))
			r = take_own(im, &im->sources[i],
			    node_without_key(im, &im->sources[i]), err);
	for (size_t i = 0; i < im->n_nodes && r == 0; i++) {
		const struct wgquick *w =
		    im->nodes[i].own ? &im->nodes[i].own->w : NULL;

		for (size_t j = 0; w && j < w->n_peers; j++) {
			size_t peer = node_of_key(im, &w->peers[j].key);

			if (peer == i)
				return err_set(err, "%s:%u: the node's own key as peer",
				    im->nodes[i].own->path, w->peers[j].line);
			add_edge(im, i, peer);
		}
	}
	return r;
}

/* Of a node that nobody has named: by its address, which is as unique. */
static void
name_by_address(struct import_node *node, size_t index)
{
	char text[MESH_NAME_MAX];

	if (node->own && node->own->w.n_address)
		addr_format(&node->own->w.address[0].addr, text);
	else if (node->n_claims)
		addr_format(&node->claims[0].addr, text);
	else
		(void)snprintf(text, sizeof(text), "%zu", index + 1); /* fits */
	for (char *s = text; *s; s++)
		if (*s == '.' || *s == ':')
			*s = '-';
	(void)snprintf(node->name, sizeof(node->name), "node-%.48s", text);
	node->name_rank = NAME_ADDRESS;
}

static int
check_names(struct import *im, struct err *err)
{
	for (size_t i = 0; i < im->n_nodes; i++) {
		if (!im->nodes[i].name_rank)
			name_by_address(&im->nodes[i], i);
		for (size_t j = 0; j < i; j++) {
			if (strcmp(im->nodes[i].name, im->nodes[j].name) != 0)
				continue;
			return err_set(err,
			    "two nodes would be called %s; name them with NAME=FILE or "
			    "a comment `# friendly_name = NAME` above [Peer]",
			    im->nodes[i].name);
		}
	}
	return 0;
}

/* The nodes whose addresses a node is sent the packets of, but for its own. */
static size_t
carries(const struct import *im, size_t node)
{
	const struct import_node *x = &im->nodes[node];
	size_t n = 0;

	for (size_t i = 0; i < im->n_nodes; i++) {
		bool covered = false;

		for (size_t j = 0; i != node && j < x->n_claims && !covered; j++)
			for (size_t k = 0; k < im->nodes[i].n_claims; k++)
				covered |= prefix_covers(&x->claims[j],
				    &im->nodes[i].claims[k]);
		n += covered;
	}
	return n;
}

/*
 * The hub is who carries others' packets, and after that who has the most tunnels; when
 * two are alike it is not known.
 */
static int
find_hub(struct import *im, struct err *err)
{
	size_t best = 0;
	bool tie = false;

	im->hub = SIZE_MAX;
	for (size_t i = 0; i < im->n_nodes; i++) {
		const struct import_node *x = &im->nodes[i];
		const char *role = import_said(x->said, "Role");
		size_t score;

		if (im->opts.hub ? strcmp(x->name, im->opts.hub) == 0
				 : role && strcasecmp(role, "hub") == 0) {
			im->hub = i;
			return 0;
		}
		score = carries(im, i) * 10000 * MESH_ALLOWED_MAX +
			(x->n_claims > 1 ? x->n_claims : 0) * 10000 + x->n_tunnels;
		tie = score == best ? true : score > best ? false : tie;
		if (score > best) {
			best = score;
			im->hub = i;
		}
	}
	if (im->opts.hub)
		return err_code(err, ENOENT, "--hub: there is no node %s",
		    im->opts.hub);
	if (tie)
		im->hub = SIZE_MAX;
	return 0;
}

int
import_new(const struct import_source *sources, size_t n,
    const struct import_opts *opts, struct import **out, struct err *err)
{
	struct import *im = mem_alloc(sizeof(*im));
	int r;

	*out = NULL;
	im->opts = *opts;
	im->sources = sources;
	im->n_sources = n;
	r = join(im, err);
	if (r == 0 && im->n_nodes > MESH_NODES_MAX)
		r = err_set(err, "more than %d nodes", MESH_NODES_MAX);
	if (r == 0)
		r = check_names(im, err);
	if (r == 0)
		r = find_hub(im, err);
	if (r == 0)
		*out = im;
	else
		import_free(im);
	return r;
}

void
import_free(struct import *im)
{
	if (!im)
		return;
	for (size_t i = 0; i < im->n_nodes; i++) {
		struct import_node *node = &im->nodes[i];

		for (size_t j = 0; j < node->kept.n; j++)
			free(node->kept.line[j]);
		free(node->kept.line);
		free(node->claims);
		free((void *)(uintptr_t)node->said);
	}
	free(im->nodes);
	free(im->edges);
	free(im);
}
