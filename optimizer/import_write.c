/* SPDX-License-Identifier: MIT */
/*
 * The mesh file of an import.  A line that only a person can fill in begins "# TODO".
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "optimizer/import.h"

struct writer {
	struct import *im;
	FILE *out;
	const struct import_node *node;
	bool is_hub;
};

static void
put(const struct writer *w, const char *key, const char *value)
{
	fprintf(w->out, "%s = %s\n", key, value);
}

/* What "#:" says goes first: it is the mesh file that the files were made from. */
static bool
put_said(const struct writer *w, const char *key)
{
	const char *value = import_said(w->node->said, key);

	if (value)
		put(w, key, value);
	return value != NULL;
}

static void
ask(const struct writer *w, const char *key, const char *why)
{
	fprintf(w->out, "# TODO %s =   (%s)\n", key, why);
	w->im->unknown++;
}

static void
put_role(const struct writer *w)
{
	const struct import_node *x = w->node;
	bool wide = false;

	if (put_said(w, "Role"))
		return;
	for (size_t i = 0; i < x->n_claims; i++)
		wide |= x->claims[i].len < addr_bits(&x->claims[i].addr);
	if (w->is_hub)
		put(w, "Role", "hub");
	else /* who answers for a network, or can be called, is more than a backend */
		put(w, "Role", wide || *x->endpoint.host ? "pop" : "backend");
}

static void
put_address(const struct writer *w)
{
	const struct import_node *x = w->node;
	char text[PREFIX_TEXT_MAX];

	if (x->own && x->own->w.n_address) {
		prefix_format(&x->own->w.address[0], text);
		put(w, "Address", text);
		for (size_t i = 1; i < x->own->w.n_address; i++) {
			prefix_format(&x->own->w.address[i], text);
			fprintf(w->out, "# %s: also Address = %s\n", x->own->path,
			    text);
		}
		return;
	}
	if (put_said(w, "Address"))
		return;
	for (size_t i = 0; i < x->n_claims; i++) {
		if (x->claims[i].len != addr_bits(&x->claims[i].addr))
			continue;
		prefix_format(&x->claims[i], text);
		put(w, "Address", text);
		return;
	}
	ask(w, "Address", "no file says it; its own would");
}

/* Its prefixes without those that another covers. */
static char *
list_claims(const struct import_node *x)
{
	char *text = NULL, one[PREFIX_TEXT_MAX];
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	const char *comma = "";

	if (!out)
		abort(); /* of memory: as mem_alloc() does */
	for (size_t i = 0; i < x->n_claims; i++) {
		bool covered = false;

		for (size_t j = 0; j < x->n_claims; j++)
			covered |=
			    j != i && prefix_covers(&x->claims[j], &x->claims[i]);
		prefix_format(&x->claims[i], one);
		if (!covered)
			fprintf(out, "%s%s", comma, one);
		comma = covered ? comma : ", ";
	}
	if (fclose(out) != 0)
		abort();
	return text;
}

static void
put_hub_allowed(const struct writer *w)
{
	const struct import *im = w->im;
	struct prefix overlay;
	char text[PREFIX_TEXT_MAX], *claims = list_claims(w->node);

	if (im->opts.overlay) {
		prefix_format(im->opts.overlay, text);
		put(w, "AllowedIPs", text);
	} else if (!put_said(w, "AllowedIPs")) {
		if (import_overlay(im, &overlay)) {
			prefix_format(&overlay, text);
			fprintf(w->out,
			    "# the least that covers every node%s%s; "
			    "--overlay says another\n",
			    *claims ? ", where the files had " : "", claims);
			put(w, "AllowedIPs", text);
		} else {
			ask(w, "AllowedIPs", "what the spokes reach through the hub");
		}
	}
	free(claims);
}

static void
put_allowed(const struct writer *w)
{
	const struct import_node *x = w->node;
	const char *said = import_said(x->said, "AllowedIPs");
	char *claims;

	if (w->is_hub) {
		put_hub_allowed(w);
		return;
	}
	claims = list_claims(x);
	if (said && *claims && strcmp(said, claims) != 0)
		fprintf(w->out, "# %s has AllowedIPs = %s\n", x->claims_path, claims);
	if (said)
		put(w, "AllowedIPs", said);
	/* A single address is the default, and the mesh file's Address says it. */
	else if (x->n_claims > 1 ||
		 (x->n_claims == 1 && x->claims[0].len < addr_bits(&x->claims[0].addr)))
		put(w, "AllowedIPs", claims);
	free(claims);
}

static void
put_keys(const struct writer *w)
{
	char text[WGKEY_TEXT_MAX];

	if (w->node->has_key) {
		wgkey_format(&w->node->key, text);
		put(w, "PublicKey", text);
	} else {
		ask(w, "PublicKey",
		    "its file has its private key elsewhere: `wg show IF public-key`");
	}
}

/* A tunnel beside the hub's, with nobody who could be called: this one listens. */
static bool
called(const struct writer *w)
{
	const struct import *im = w->im;
	size_t self = (size_t)(w->node - im->nodes);

	if (!w->node->own || !w->node->own->w.port || im->hub == self)
		return false;
	for (size_t i = 0; i < im->n_edges; i++) {
		const struct import_edge *e = &im->edges[i];
		size_t other = e->a == self ? e->b : e->a;

		if ((e->a == self || e->b == self) && other != im->hub &&
		    !*im->nodes[other].endpoint.host)
			return true;
	}
	return false;
}

static void
put_endpoint(const struct writer *w)
{
	char text[ENDPOINT_TEXT_MAX];

	if (*w->node->endpoint.host) {
		endpoint_format(&w->node->endpoint, text);
		put(w, "Endpoint", text);
	} else if (put_said(w, "Endpoint")) {
		return;
	} else if (called(w)) {
		ask(w, "Endpoint",
		    "it has tunnels that somebody must start; who does?");
	} else if (w->is_hub) {
		ask(w, "Endpoint",
		    "the hub's public address:port; a spoke's file has it");
	}
}

/* What one word of a node stands for, and the files may say peer by peer. */
static void
put_keepalive(const struct writer *w)
{
	const struct import_node *x = w->node;
	const struct wgquick *own = x->own ? &x->own->w : NULL;
	uint16_t least = UINT16_MAX, most = 0;
	bool usual = true;
	char text[16];

	if (put_said(w, "Keepalive") || !own || !own->n_peers)
		return;
	for (size_t i = 0; i < own->n_peers; i++) {
		uint16_t s = own->peers[i].keepalive_s;

		usual &= s == (*own->peers[i].endpoint.host ? MESH_KEEPALIVE_S : 0);
		least = s < least ? s : least;
		most = s > most ? s : most;
	}
	/* An interface that runs knows endpoints of peers that start themselves. */
	if (usual || (own->running && least == most && most == 0))
		return;
	if (least != most)
		fprintf(w->out, "# %s: PersistentKeepalive from %u to %u\n",
		    x->own->path, least, most);
	(void)snprintf(text, sizeof(text), "%u", most); /* fits */
	put(w, "Keepalive", text);
}

static void
put_own(const struct writer *w)
{
	const struct import_node *x = w->node;
	const struct wgquick *own = x->own ? &x->own->w : NULL;
	char text[16];

	if (own && own->port && own->port != x->endpoint.port &&
	    !import_said(x->said, "Endpoint")) {
		(void)snprintf(text, sizeof(text), "%u", own->port); /* fits */
		if (!put_said(w, "ListenPort"))
			put(w, "ListenPort", text);
	} else {
		(void)put_said(w, "ListenPort"); /* most do not say it */
	}
	put_keepalive(w);
	if (own && own->mtu && !import_said(&own->said, "MTU")) {
		(void)snprintf(text, sizeof(text), "%u", own->mtu); /* fits */
		put(w, "MTU", text);
	} else {
		(void)put_said(w, "MTU");
	}
}

static const char *const handled[] = { "Name", "Role", "Region", "Address",
	"AllowedIPs", "PublicKey", "NextPublicKey", "KeyCreated", "Endpoint",
	"ListenPort", "Keepalive", "MTU", NULL };

/* Keys that this file has no thought of are carried through. */
static void
put_rest(const struct writer *w)
{
	const struct wgquick_lines *said = w->node->said;

	for (size_t i = 0; said && i < said->n; i++) {
		bool known = false;

		for (size_t k = 0; handled[k] && !known; k++) {
			size_t n = strlen(handled[k]);

			known = strncasecmp(said->line[i], handled[k], n) == 0 &&
				strchr(" \t=", said->line[i][n]);
		}
		if (!known)
			fprintf(w->out, "%s\n", said->line[i]);
	}
	for (size_t i = 0; i < w->node->kept.n; i++)
		fprintf(w->out, "# %s\n", w->node->kept.line[i]);
}

static void
put_node(struct import *im, size_t i, FILE *out)
{
	struct writer w = { im, out, &im->nodes[i], i == im->hub };
	const struct import_node *x = w.node;

	fprintf(out, "\n");
	if (*x->comment && strcmp(x->comment, x->name) != 0)
		fprintf(out, "# %s\n", x->comment);
	fprintf(out, "[Node]\nName = %s\n", x->name);
	put_role(&w);
	(void)put_said(&w, "Region"); /* WireGuard knows none */
	put_address(&w);
	put_allowed(&w);
	put_keys(&w);
	(void)put_said(&w, "NextPublicKey");
	(void)put_said(&w, "KeyCreated");
	put_endpoint(&w);
	put_own(&w);
	put_rest(&w);
}

/* The settings of the mesh that a rendered file carries, up to its [Node]. */
static const struct wgquick_lines *
mesh_lines(const struct import *im)
{
	const struct wgquick_lines *best = NULL;

	/* The hub's file has all pairs, the others only their own. */
	for (size_t i = 0; i < im->n_sources; i++) {
		const struct wgquick_lines *said = &im->sources[i].w.said;
		bool hubs =
		    im->hub != SIZE_MAX && im->nodes[im->hub].own == &im->sources[i];

		if (said->n && strcasecmp(said->line[0], "[Mesh]") == 0 &&
		    (!best || hubs))
			best = said;
	}
	return best;
}

static void
put_mesh(const struct import *im, const struct wgquick_lines *said, FILE *out)
{
	fprintf(out, "[Mesh]\n");
	if (!said) {
		if (!im->opts.mesh_name)
			fprintf(out, "# a name of your own; --name gives it\n");
		fprintf(out, "Name = %s\n",
		    im->opts.mesh_name ? im->opts.mesh_name : "mesh");
		return;
	}
	for (size_t i = 1; i < said->n && said->line[i][0] != '['; i++)
		fprintf(out, "%s\n", said->line[i]);
}

/* The [Region] or the [Pair] sections of a rendered file. */
static void
put_sections(const struct wgquick_lines *said, const char *section, FILE *out)
{
	bool inside = false;

	for (size_t i = 0; said && i < said->n; i++) {
		if (said->line[i][0] == '[')
			inside = strcasecmp(said->line[i], section) == 0;
		if (inside)
			fprintf(out, "%s%s\n", said->line[i][0] == '[' ? "\n" : "",
			    said->line[i]);
	}
}

void
import_write(struct import *im, FILE *out)
{
	const struct wgquick_lines *said = mesh_lines(im);

	im->unknown = 0;
	put_mesh(im, said, out);
	put_sections(said, "[Region]", out);
	if (im->hub == SIZE_MAX) {
		fprintf(out,
		    "\n# TODO Role = hub at one of the nodes   (--hub NAME says it)\n");
		im->unknown++;
	}
	for (size_t i = 0; i < im->n_nodes; i++)
		put_node(im, i, out);
	put_sections(said, "[Pair]", out);
	/* A tunnel that does not end at the hub was wanted: it is pinned. */
	for (size_t i = 0; !said && i < im->n_edges; i++) {
		const struct import_edge *e = &im->edges[i];

		if (e->a != im->hub && e->b != im->hub && im->hub != SIZE_MAX)
			fprintf(out, "\n[Pair]\nNodes = %s, %s\nPath = direct\n",
			    im->nodes[e->a].name, im->nodes[e->b].name);
	}
}
