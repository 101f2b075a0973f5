/* SPDX-License-Identifier: MIT */
/*
 * Why no packet need be lost.  The node takes its new private key and starts a
 * handshake with each peer at once; its packets wait in WireGuard's queue meanwhile
 * (128 a peer). The peer knows the new key already, but sends nothing to it yet.  It
 * sees the first message of the handshake as bytes received, half a round trip later,
 * and moves the prefixes to the new key: one message, in which the kernel takes them
 * from the old key. The first data can only come a whole round trip after that, so the
 * prefixes are there when it does.  What the peer sent before is still decrypted: the
 * node keeps the keys of the old session for receiving.  Only one side starts, as two
 * that start at once under traffic can collide for ever.
 */
#include "optimizer/rotate_script.h"

static void
put_head(const struct mesh *mesh, size_t node, const char *where, FILE *out)
{
	const struct mesh_node *self = &mesh->nodes[node];
	char old[WGKEY_TEXT_MAX], new[WGKEY_TEXT_MAX];
	char old_ll[ADDR_TEXT_MAX], new_ll[ADDR_TEXT_MAX];
	struct addr a = wgkey_link_local(&self->key);
	struct addr b = wgkey_link_local(&self->next_key);

	wgkey_format(&self->key, old);
	wgkey_format(&self->next_key, new);
	addr_format(&a, old_ll);
	addr_format(&b, new_ll);
	fprintf(out,
	    "#!/bin/bash\n"
	    "# The new key of %s: %s. Written by meshopt rotate.\n"
	    "# May be run again: it goes on where it stopped.\n"
	    "set -euo pipefail\n"
	    "old=%s\n"
	    "new=%s\n"
	    "interfaces=()\n"
	    "say() { echo \"rotate %s: $*\" >&2; }\n",
	    self->name, where, old, new, self->name);
	fprintf(out,
	    "\n# The direct tunnels are probed by an address that comes from the key.\n"
	    "old_probe=%s/128\n"
	    "new_probe=%s\n",
	    old_ll, new_ll);
}

/* All interfaces are looked at in one call: it is a race with the node's first data. */
static void
put_wait(FILE *out)
{
	fprintf(out,
	    "declare -A list=() alive=()\n"
	    "for i in \"${interfaces[@]}\"; do\n"
	    "\tall=$(of \"$i\" allowed-ips \"$old\" | tr ' ' ,)\n"
	    "\t[ \"$all\" != '(none)' ] || continue # moved by the last run\n"
	    "\tlist[$i]=${all//\"$old_probe\"/$new_probe/128}\n"
	    "\talive[$i]=$(of \"$i\" persistent-keepalive \"$old\")\n"
	    "done\n"
	    "say \"ready on ${interfaces[*]}; waits for the node\"\n"
	    "while [ ${#list[@]} -gt 0 ]; do\n"
	    "\twhile read -r i key received _; do\n"
	    "\t\tif [ \"$key\" = \"$new\" ] && [ \"$received\" -gt 0 ] && [ -n "
	    "\"${list[$i]:-}\" ]; then\n"
	    "\t\t\twg set \"$i\" peer \"$new\" allowed-ips \"${list[$i]}\" "
	    "persistent-keepalive \"${alive[$i]}\"\n"
	    "\t\t\tsay \"$i: ${list[$i]} is with the new key\"\n"
	    "\t\t\tunset \"list[$i]\"\n"
	    "\t\tfi\n"
	    "\tdone < <(wg show all transfer)\n"
	    "\t[ $SECONDS -lt $end ] || { say 'the node has not come; run this again'; "
	    "exit 1; }\n"
	    "\tpause\n"
	    "done\n");
}

void
rotate_script_peer(const struct mesh *mesh, size_t node, FILE *out)
{
	put_head(mesh, node, "to be run at each of its peers, before the node's", out);
	fprintf(out,
	    "end=$((SECONDS + ${1:-900})) # waits so long for the node\n"
	    "\n"
	    "has() { wg show \"$1\" peers 2>/dev/null | grep -qxF \"$2\"; }\n"
	    "of() { wg show \"$1\" \"$2\" | awk -v k=\"$3\" '$1 == k { $1 = \"\"; "
	    "print substr($0, 2) }'; }\n"
	    "pause() { read -rt 0.003 <> <(:) || :; }\n"
	    "\n"
	    "for i in %s %s; do\n"
	    "\thas \"$i\" \"$old\" || continue\n"
	    "\tinterfaces+=(\"$i\")\n"
	    "\t# Without prefixes it can shake hands, and nothing more.\n"
	    "\thas \"$i\" \"$new\" || wg set \"$i\" peer \"$new\"\n"
	    "done\n"
	    "[ ${#interfaces[@]} -gt 0 ] || { say 'no peer has the old key here'; exit "
	    "0; }\n",
	    mesh->interface, mesh->direct_interface);
	put_wait(out);
	fprintf(out,
	    "for i in \"${interfaces[@]}\"; do\n"
	    "\tuntil [ \"$(of \"$i\" latest-handshakes \"$new\")\" -gt 0 ]; do\n"
	    "\t\t[ $SECONDS -lt $end ] || { say \"$i: no handshake yet; run this "
	    "again\"; exit 1; }\n"
	    "\t\tpause\n"
	    "\tdone\n"
	    "\twg set \"$i\" peer \"$old\" remove\n"
	    "done\n"
	    "say 'done; the old key is gone'\n");
}

/* Each peer that this node talks to by a tunnel of its own gets a first packet. */
static void
put_addresses(const struct mesh *mesh, size_t node, FILE *out)
{
	for (size_t i = 0; i < mesh->n_nodes; i++) {
		const struct mesh_pair *pair = mesh_pair(mesh, node, i);
		char text[ADDR_TEXT_MAX];

		if (i == node || (node != mesh->hub && i != mesh->hub &&
				     !(pair && pair->pin == MESH_PIN_DIRECT)))
			continue;
		addr_format(&mesh->nodes[i].address.addr, text);
		fprintf(out, " %s", text);
	}
}

void
rotate_script_node(const struct mesh *mesh, size_t node, FILE *out)
{
	const char *name = mesh->nodes[node].name;

	put_head(mesh, node, "to be run at the node, when its peers wait", out);
	fprintf(out,
	    ": \"$old\" \"$old_probe\" # are for the peers\n"
	    "dir=${1:-/etc/wireguard}\n"
	    "key=$dir/%s.key\n"
	    "next=$dir/%s.next.key\n"
	    "\n"
	    "[ -s \"$next\" ] || next=$key # the last run has put it in place\n"
	    "if [ \"$(wg pubkey <\"$next\")\" != \"$new\" ]; then\n"
	    "\tsay \"$next is not the key that the mesh file calls NextPublicKey\"\n"
	    "\texit 1\n"
	    "fi\n"
	    "for i in %s %s; do\n"
	    "\tip link show dev \"$i\" >/dev/null 2>&1 || continue\n"
	    "\tinterfaces+=(\"$i\")\n"
	    "done\n"
	    "[ ${#interfaces[@]} -gt 0 ] || { say 'no interface is up here'; exit 1; "
	    "}\n"
	    "mark=$next.begun # a later run asks for handshakes since the first\n"
	    "if [ \"$next\" != \"$key\" ] && [ ! -e \"$mark\" ]; then\n"
	    "\t: >\"$mark\"\n"
	    "fi\n"
	    "for i in \"${interfaces[@]}\"; do\n"
	    "\tif [ \"$i\" = %s ]; then\n"
	    "\t\tip -6 address replace \"$new_probe/64\" dev \"$i\"\n"
	    "\tfi\n"
	    "\t[ \"$(wg show \"$i\" public-key)\" = \"$new\" ] || wg set \"$i\" "
	    "private-key \"$next\"\n"
	    "done\n",
	    name, name, mesh->interface, mesh->direct_interface,
	    mesh->direct_interface);
	fprintf(out,
	    "[ \"$next\" != \"$key\" ] || { say \"done; $key is the new key\"; exit 0; "
	    "}\n"
	    "begin=$(stat -c %%Y \"$mark\")\n"
	    "# This end starts every handshake, the other only answers.\n"
	    "first() { ping -q -c 1 -W 5 \"$1\" >/dev/null 2>&1 || :; }\n"
	    "for a in");
	put_addresses(mesh, node, out);
	fprintf(out,
	    "; do first \"$a\" & done\n"
	    "for i in \"${interfaces[@]}\"; do\n"
	    "\tfor a in $(wg show \"$i\" allowed-ips | cut -f2); do\n"
	    "\t\tcase $a in\n"
	    "\t\tfe80:*) first \"${a%%/128}%%$i\" & ;;\n"
	    "\t\t*/32 | */128) first \"${a%%/*}\" & ;;\n"
	    "\t\tesac\n"
	    "\tdone\n"
	    "done\n"
	    "wait\n"
	    "late=0\n"
	    "for i in \"${interfaces[@]}\"; do\n"
	    "\twhile read -r peer time; do\n"
	    "\t\t# One that had never shaken hands is not waited for.\n"
	    "\t\tif [ \"$time\" -gt 0 ] && [ \"$time\" -lt \"$begin\" ]; then\n"
	    "\t\t\tsay \"$i: peer $peer has not taken the new key: run its script, "
	    "then "
	    "this\"\n"
	    "\t\t\tlate=1\n"
	    "\t\tfi\n"
	    "\tdone < <(wg show \"$i\" latest-handshakes)\n"
	    "done\n"
	    "[ $late = 0 ] || exit 1\n"
	    "mv -f \"$next\" \"$key\"\n"
	    "rm -f \"$mark\"\n"
	    "say \"done; $key is the new key\"\n");
}
