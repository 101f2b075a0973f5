/* SPDX-License-Identifier: MIT */
/*
 * The files of one node in each format of `meshopt config`, as text in memory: nothing
 * is written here, so that nothing can be written by halves.
 */
#ifndef OPTIMIZER_CONFIG_FILES_H
#define OPTIMIZER_CONFIG_FILES_H

#include <stdio.h>

#include "optimizer/config_view.h"

enum config_format {
	CONFIG_WG_QUICK,
	CONFIG_NETWORKD,
	CONFIG_SCRIPT,
	CONFIG_CLOUD_INIT,
};

enum config_firewall { CONFIG_IPTABLES, CONFIG_NFT, CONFIG_NO_FIREWALL };

#define CONFIG_FILES_MAX 5 /* two interfaces, each a .netdev and .network; sysctl.d */

struct config_opts {
	const struct mesh *mesh;
	size_t self;
	enum config_topology topology;
	enum config_format format;
	enum config_firewall firewall;
	const char *key_path;	 /* where the node keeps its private key */
	const struct wgkey *key; /* NULL: read from key_path on the node */
	bool plain;		 /* without the lines that import reads back */
};

struct config_file {
	char path[96]; /* on the node, absolute */
	unsigned mode;
	char *text; /* owned */
	size_t len;
};

struct config_files {
	struct config_file file[CONFIG_FILES_MAX];
	size_t n;
};

void config_files_make(const struct config_opts *opts, struct config_files *out);
/* Private keys are wiped before they are freed. */
void config_files_fini(struct config_files *files);

/* Inside config_*.c: one file each, to an open stream. */
struct config_out {
	const struct config_opts *opts;
	FILE *out;
};

void config_wgquick(const struct config_out *c, const struct config_if *v);
void config_netdev(const struct config_out *c, const struct config_if *v);
void config_network(const struct config_out *c, const struct config_if *v);
void config_script(const struct config_out *c, const struct config_if *v, size_t n);
void config_cloud(const struct config_out *c, const struct config_if *v, size_t n);

#endif
