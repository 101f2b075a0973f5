/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "optimizer/import.h"

const char *
import_said(const struct wgquick_lines *said, const char *key)
{
	size_t n = strlen(key);

	for (size_t i = 0; said && i < said->n; i++) {
		const char *s = said->line[i];

		if (strncasecmp(s, key, n) != 0)
			continue;
		s += n + strspn(s + n, " \t");
		if (*s == '=')
			return s + 1 + strspn(s + 1, " \t");
	}
	return NULL;
}

bool
import_slug(const char *label, bool whole, char out[MESH_NAME_MAX])
{
	const char *dash = whole ? NULL : strstr(label, " - ");
	size_t len = dash ? (size_t)(dash - label) : strlen(label), n = 0;
	unsigned words = 1;

	for (size_t i = 0; i < len && (whole || !strchr("(,:;", label[i])); i++) {
		unsigned char ch = (unsigned char)label[i];

		if (n == MESH_NAME_MAX - 1)
			return false;
		if (isalnum(ch) || (n > 0 && strchr("._-", ch))) {
			out[n++] = (char)tolower(ch);
		} else if (n > 0 && out[n - 1] != '-') {
			out[n++] = '-';
			words++;
		}
	}
	while (n > 0 && out[n - 1] == '-')
		n--;
	out[n] = '\0';
	return words <= 4 && mesh_name_ok(out);
}

bool
import_file_name(const char *path, char out[MESH_NAME_MAX])
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t n = strlen(base);

	if (n < 5 || n - 5 >= MESH_NAME_MAX || strcmp(base + n - 5, ".conf") != 0 ||
	    strncmp(base, "wg", 2) == 0)
		return false;
	memcpy(out, base, n - 5);
	out[n - 5] = '\0';
	return mesh_name_ok(out);
}

/*
 * Strictly shorter than what a spoke owns, since it is the way back when the longer one
 * is gone; what the files say of the hub itself is covered as it is.
 */
static void
widen(struct prefix *p, const struct prefix *by, bool strictly)
{
	if (by->addr.family != p->addr.family)
		return;
	while (p->len > 0 && (!prefix_covers(p, by) || (strictly && p->len >= by->len)))
		p->len--;
	*p = prefix_masked(p);
}

bool
import_overlay(const struct import *im, struct prefix *out)
{
	bool any = false;

	for (size_t i = 0; i < im->n_nodes; i++) {
		const struct import_node *x = &im->nodes[i];
		struct prefix host;

		for (size_t j = 0; j < x->n_claims; j++) {
			if (!any)
				*out = x->claims[j];
			any = true;
			widen(out, &x->claims[j], i != im->hub);
		}
		if (!x->own || !x->own->w.n_address)
			continue;
		host = x->own->w.address[0];
		host.len = (uint8_t)addr_bits(&host.addr);
		if (!any)
			*out = host;
		any = true;
		widen(out, &host, true);
	}
	return any;
}
