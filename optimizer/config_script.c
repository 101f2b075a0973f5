/* SPDX-License-Identifier: MIT */
/*
 * A shell script that brings a node up, for a container's entry point or a machine's
 * user data, and the same wrapped for cloud-init.
 */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "optimizer/config_files.h"

/* Quoting: names, paths and prefixes come from the mesh file and hold no quotes. */
static void
put_key_check(const struct config_out *c, const struct mesh_node *self)
{
	char key[WGKEY_TEXT_MAX];

	wgkey_format(&self->key, key);
	fprintf(c->out,
	    "key=%s\n"
	    "if [ -n \"${WG_PRIVATE_KEY:-}\" ]; then\n"
	    "\tprintf '%%s\\n' \"$WG_PRIVATE_KEY\" >\"$key\"\n"
	    "\tunset WG_PRIVATE_KEY\n"
	    "fi\n"
	    "if [ ! -s \"$key\" ]; then\n"
	    "\techo \"%s: no private key: put it in $key, or in WG_PRIVATE_KEY\" >&2\n"
	    "\texit 1\n"
	    "fi\n"
	    "if [ \"$(wg pubkey <\"$key\")\" != '%s' ]; then\n"
	    "\techo \"%s: $key is not the key that the mesh file has for it\" >&2\n"
	    "\texit 1\n"
	    "fi\n",
	    c->opts->key_path, self->name, key, self->name);
}

void
config_script(const struct config_out *c, const struct config_if *v, size_t n)
{
	const struct mesh_node *self = v[0].self;

	fprintf(c->out,
	    "#!/bin/bash\n"
	    "# Brings up %s, the %s of mesh %s; written by meshopt config.\n",
	    self->name, mesh_role_name(self->role), v[0].mesh->name);
	if (!c->opts->key)
		fprintf(c->out,
		    "# Its private key comes from %s or, once, from WG_PRIVATE_KEY.\n",
		    c->opts->key_path);
	fprintf(c->out, "set -euo pipefail\n"
			"umask 077\n"
			"mkdir -p /etc/wireguard\n");
	if (!c->opts->key)
		put_key_check(c, self);
	for (size_t i = 0; i < n; i++) {
		fprintf(c->out, "\ncat >/etc/wireguard/%s.conf <<'END'\n", v[i].name);
		config_wgquick(c, &v[i]);
		fprintf(c->out, "END\n");
	}
	/* A restarted container or a second run finds the interface up. */
	fprintf(c->out, "\nstart() {\n"
			"\tif ip link show dev \"$1\" >/dev/null 2>&1; then\n"
			"\t\twg-quick down \"$1\"\n"
			"\tfi\n"
			"\twg-quick up \"$1\"\n"
			"\tif [ -d /run/systemd/system ]; then\n"
			"\t\tsystemctl enable \"wg-quick@$1\"\n"
			"\tfi\n"
			"}\n");
	for (size_t i = 0; i < n; i++)
		fprintf(c->out, "start %s\n", v[i].name);
}

/* The text as a literal block of YAML: every line that is not empty set in. */
static void
indent(FILE *out, const char *text)
{
	for (size_t n; *text; text += n) {
		n = strcspn(text, "\n");
		if (n > 0)
			fprintf(out, "      %.*s", (int)n, text);
		fprintf(out, "\n");
		n += text[n] == '\n';
	}
}

void
config_cloud(const struct config_out *c, const struct config_if *v, size_t n)
{
	struct config_out script = *c;
	char *text = NULL;
	size_t len = 0;

	script.out = open_memstream(&text, &len);
	if (!script.out)
		abort(); /* of memory: as mem_alloc() does */
	config_script(&script, v, n);
	if (fclose(script.out) != 0)
		abort();
	fprintf(c->out, "#cloud-config\n"
			"package_update: true\n"
			"packages:\n"
			"  - wireguard-tools\n"
			"  - iproute2\n");
	if (v->forwards && c->opts->firewall != CONFIG_NO_FIREWALL)
		fprintf(c->out, "  - %s\n",
		    c->opts->firewall == CONFIG_NFT ? "nftables" : "iptables");
	fprintf(c->out,
	    "write_files:\n"
	    "  - path: /usr/local/sbin/meshopt-up-%s\n"
	    "    owner: root:root\n"
	    "    permissions: '0700'\n"
	    "    content: |\n",
	    v->self->name);
	indent(c->out, text);
	fprintf(c->out, "runcmd:\n  - [ /usr/local/sbin/meshopt-up-%s ]\n",
	    v->self->name);
	explicit_bzero(text, len);
	free(text);
}
