/* SPDX-License-Identifier: MIT */
/*
 * One mesh out of what several nodes are configured with, joined by public key.  Pure.
 * What the sources do not say is asked for in a comment, never made up.
 */
#ifndef OPTIMIZER_IMPORT_H
#define OPTIMIZER_IMPORT_H

#include "optimizer/wgquick.h"

struct import_source {
	const char *name; /* of the node whose file it is; NULL = not given */
	const char *path; /* for words */
	struct wgquick w; /* a CSV is one without an interface */
};

struct import_opts {
	const char *mesh_name;	      /* NULL = not given */
	const char *hub;	      /* likewise */
	const struct prefix *overlay; /* of the hub's AllowedIPs; NULL = the least */
};

/* A node as it comes together. */
struct import_node {
	bool has_key;
	struct wgkey key;
	char name[MESH_NAME_MAX];
	int name_rank; /* how good a source the name has; 0 = none */
	char comment[WGQUICK_LABEL_MAX];
	const struct import_source *own;
	const struct wgquick_lines *said; /* of its own section; NULL = none */
	struct endpoint endpoint;
	struct prefix *claims; /* owned; what others send to it */
	size_t n_claims;
	const char *claims_path;
	struct wgquick_lines kept; /* owned */
	size_t n_tunnels;
};

struct import_edge {
	size_t a, b;
};

struct import {
	struct import_opts opts;
	const struct import_source *sources;
	size_t n_sources;
	struct import_node *nodes;
	size_t n_nodes;
	struct import_edge *edges;
	size_t n_edges;
	size_t hub;	/* SIZE_MAX = not known */
	size_t unknown; /* questions that import_write() has left */
};

/* Sources are borrowed until import_free(). */
int import_new(const struct import_source *sources, size_t n,
    const struct import_opts *opts, struct import **out, struct err *err);
/* The mesh file; im->unknown counts what is left to be said by hand. */
void import_write(struct import *im, FILE *out);
void import_free(struct import *im);

/* Inside import*.c.  The value of a "Key = Value" line, in a static place, or NULL. */
/*
 * "NRT - Tokyo (DIRECT MESH)" names nrt, "EC2 Ireland (hub)" ec2-ireland, or the whole
 * label is the name.  Prose names nobody: false.
 */
bool import_slug(const char *label, bool whole, char out[MESH_NAME_MAX]);
/* The smallest network that has every node in it; false when nothing is known. */
bool import_overlay(const struct import *im, struct prefix *out);
/* "/some/where/hkg.conf" names hkg; wg0.conf, the name of an interface, nobody. */
bool import_file_name(const char *path, char out[MESH_NAME_MAX]);
const char *import_said(const struct wgquick_lines *said, const char *key);

#endif
