/* SPDX-License-Identifier: MIT */
/*
 * A new node as a section of the mesh file, judged by reading the file with it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/mem.h"
#include "common/mesh_alloc.h"
#include "common/wgkey.h"
#include "optimizer/cmd_peer.h"
#include "optimizer/putfile.h"

#define FILE_BYTES_MAX ((size_t)64 * 1024 * 1024) /* 10,000 nodes take 5 MB */

int
cmd_peer_node_read_file(const char *path, char **text, size_t *len, struct err *err)
{
	FILE *in = fopen(path, "re");
	size_t got, n = 0;
	int rc = 0;

	*text = NULL;
	if (!in)
		return err_code(err, errno, "%s: %s", path, strerror(errno));
	do {
		*text = mem_grow(*text, n + 65536 + 1, 1);
		got = fread(*text + n, 1, 65536, in);
		n += got;
	} while (got > 0 && n <= FILE_BYTES_MAX);
	if (ferror(in) || n > FILE_BYTES_MAX)
		rc = err_code(err, EIO, "%s: cannot be read", path);
	(void)fclose(in); /* only read from */
	(*text)[n] = '\0';
	*len = n;
	if (rc < 0) {
		free(*text);
		*text = NULL;
	}
	return rc;
}

/* Given, or the next free one of the region. */
static int
choose_address(const struct cmd_peer *p, struct prefix *out, struct err *err)
{
	const char *region = p->region ? p->region : "";

	if (!p->address && !p->region)
		return err_set(err,
		    "%s: which address? --region NAME takes the next free one of its "
		    "Subnet, --address A this one",
		    p->name);
	if (!p->address)
		return mesh_alloc_next(p->mesh, region, out, err);
	if (prefix_parse(p->address, out) < 0)
		return err_set(err, "--address: \"%s\" is no address", p->address);
	return mesh_alloc_check(p->mesh, region, &out->addr, err);
}

static int
section(const struct cmd_peer *p, char **text, struct err *err)
{
	struct prefix address = { 0 };
	char at[PREFIX_TEXT_MAX];
	struct wgkey key;
	size_t len;
	FILE *out;
	int rc;

	if (!p->key)
		return err_set(err,
		    "%s: the mesh file has no such node, and for a new one --key is "
		    "missing: meshopt keygen %s, there",
		    p->name, p->name);
	if (wgkey_parse(p->key, &key) < 0)
		return err_set(err, "--key: \"%.60s\" is no WireGuard key", p->key);
	rc = choose_address(p, &address, err);
	if (rc < 0)
		return rc;
	out = open_memstream(text, &len);
	if (!out)
		return err_code(err, ENOMEM, "out of memory");
	prefix_format(&address, at);
	fprintf(out, "[Node]\nName = %s\nRole = %s\n", p->name,
	    p->role ? p->role : "backend");
	if (p->region)
		fprintf(out, "Region = %s\n", p->region);
	fprintf(out, "Address = %s\n", at);
	if (p->allowed)
		fprintf(out, "AllowedIPs = %s\n", p->allowed);
	fprintf(out, "PublicKey = %s\n", p->key);
	if (p->endpoint)
		fprintf(out, "Endpoint = %s\n", p->endpoint);
	return fclose(out) == 0 ? 0 : err_code(err, ENOMEM, "out of memory");
}

/* The file as it would be. */
static int
joined(const struct cmd_peer *p, const char *text, char **all, size_t *len,
    struct err *err)
{
	char *old = NULL;
	size_t old_len;
	FILE *out;
	int rc = cmd_peer_node_read_file(p->mesh_path, &old, &old_len, err);

	if (rc < 0)
		return rc;
	out = open_memstream(all, len);
	if (!out) {
		free(old);
		return err_code(err, ENOMEM, "out of memory");
	}
	fprintf(out, "%s%s\n%s", old, old_len && old[old_len - 1] != '\n' ? "\n" : "",
	    text);
	free(old);
	return fclose(out) == 0 ? 0 : err_code(err, ENOMEM, "out of memory");
}

int
cmd_peer_node(const struct cmd_peer *p, struct mesh **out, size_t *node, char **text,
    struct err *err)
{
	char *all = NULL;
	size_t len;
	FILE *in = NULL;
	int rc = section(p, text, err);

	*out = NULL;
	if (rc == 0)
		rc = joined(p, *text, &all, &len, err);
	if (rc == 0) {
		in = fmemopen(all, len, "r");
		rc = in ? mesh_read(in, p->mesh_path, out, err)
			: err_code(err, errno, "%s", strerror(errno));
	}
	if (in)
		(void)fclose(in); /* memory */
	free(all);
	if (rc == 0)
		*node = mesh_find(*out, p->name);
	return rc;
}

int
cmd_peer_node_write(const struct cmd_peer *p, const char *text, struct err *err)
{
	struct stat st;
	char *all = NULL;
	size_t len;
	int rc;

	if (stat(p->mesh_path, &st) < 0)
		return err_code(err, errno, "%s: %s", p->mesh_path, strerror(errno));
	rc = joined(p, text, &all, &len, err);
	if (rc == 0)
		rc = putfile_replace(p->mesh_path, st.st_mode & 0777, all, len, err);
	free(all);
	return rc;
}
