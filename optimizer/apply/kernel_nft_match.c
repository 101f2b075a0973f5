/* SPDX-License-Identifier: MIT */
/*
 * Registers, and the expressions that fill and compare them.
 */
#include "optimizer/apply/kernel_nft_match.h"

#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>

#include "optimizer/apply/kernel_nl.h"

#define CT_NEW 8 /* NF_CT_STATE_BIT(IP_CT_NEW) */

uint32_t
kernel_nft_match_be32(const struct nlattr *attr)
{
	uint32_t v = 0;

	if (attr && mnl_attr_get_payload_len(attr) >= sizeof(v))
		memcpy(&v, mnl_attr_get_payload(attr), sizeof(v));
	return ntohl(v);
}

const struct nlattr *
kernel_nft_match_find(const struct nlattr *nest, uint16_t type)
{
	struct kernel_nl_attrs attrs;
	const struct nlattr *attr, *found = NULL;

	if (!nest)
		return NULL;
	attrs = kernel_nl_nested(nest);
	while ((attr = kernel_nl_next(&attrs))) {
		if (mnl_attr_get_type(attr) == type)
			found = attr;
	}
	return found;
}

/* First cell of a register, or KERNEL_NFT_CELLS. */
static size_t
cell_of(const struct nlattr *attr)
{
	uint32_t reg = kernel_nft_match_be32(attr);

	if (reg >= NFT_REG_1 && reg <= NFT_REG_4)
		return (reg - NFT_REG_1) * 4;
	if (reg >= NFT_REG32_00 && reg <= NFT_REG32_15)
		return reg - NFT_REG32_00;
	return KERNEL_NFT_CELLS;
}

static void
store(struct kernel_nft_match *m, size_t at, const void *data, size_t len)
{
	for (size_t i = 0; i * 4 < len && at + i < KERNEL_NFT_CELLS; i++) {
		size_t part = len - i * 4 < 4 ? len - i * 4 : 4;

		memset(m->cell[at + i], 0, 4);
		m->known[at + i] = data != NULL;
		if (data)
			memcpy(m->cell[at + i], (const uint8_t *)data + i * 4, part);
	}
}

static bool
all_known(const struct kernel_nft_match *m, size_t at, size_t len)
{
	for (size_t i = at; i < at + (len + 3) / 4; i++) {
		if (i >= KERNEL_NFT_CELLS || !m->known[i])
			return false;
	}
	return true;
}

static void
meta(struct kernel_nft_match *m, const struct nlattr *data)
{
	const struct kernel_nft_packet *p = m->packet;
	const struct nlattr *dreg = kernel_nft_match_find(data, NFTA_META_DREG);
	char name[IF_NAMESIZE] = "";
	uint32_t index = p->ifindex;
	uint8_t proto = p->family == AF_INET6 ? NFPROTO_IPV6 : NFPROTO_IPV4;

	if (!dreg)
		return; /* sets a mark and the like */
	switch (kernel_nft_match_be32(kernel_nft_match_find(data, NFTA_META_KEY))) {
	case NFT_META_IIFNAME:
	case NFT_META_OIFNAME:
		(void)snprintf(name, sizeof(name), "%s", p->ifname); /* a name's size */
		store(m, cell_of(dreg), name, sizeof(name));
		return;
	case NFT_META_IIF:
	case NFT_META_OIF:
		store(m, cell_of(dreg), &index, sizeof(index));
		return;
	case NFT_META_NFPROTO:
		store(m, cell_of(dreg), &proto, 1);
		return;
	default:
		store(m, cell_of(dreg), NULL, 16);
	}
}

static void
ct(struct kernel_nft_match *m, const struct nlattr *data)
{
	const struct nlattr *dreg = kernel_nft_match_find(data, NFTA_CT_DREG);
	uint32_t state = CT_NEW;

	if (!dreg)
		return;
	if (kernel_nft_match_be32(kernel_nft_match_find(data, NFTA_CT_KEY)) ==
	    NFT_CT_STATE)
		store(m, cell_of(dreg), &state, sizeof(state));
	else
		store(m, cell_of(dreg), NULL, 16);
}

static void
bitwise(struct kernel_nft_match *m, const struct nlattr *data)
{
	size_t from = cell_of(kernel_nft_match_find(data, NFTA_BITWISE_SREG));
	size_t to = cell_of(kernel_nft_match_find(data, NFTA_BITWISE_DREG));
	size_t len =
	    kernel_nft_match_be32(kernel_nft_match_find(data, NFTA_BITWISE_LEN));
	const struct nlattr *mask =
	    kernel_nft_match_find(kernel_nft_match_find(data, NFTA_BITWISE_MASK),
		NFTA_DATA_VALUE);
	const struct nlattr *flip =
	    kernel_nft_match_find(kernel_nft_match_find(data, NFTA_BITWISE_XOR),
		NFTA_DATA_VALUE);
	uint8_t out[16];

	if (len == 0 || len > sizeof(out) || !mask || !flip ||
	    mnl_attr_get_payload_len(mask) < len ||
	    mnl_attr_get_payload_len(flip) < len || !all_known(m, from, len)) {
		store(m, to, NULL, 16);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		const uint8_t *keep = mnl_attr_get_payload(mask);
		const uint8_t *x = mnl_attr_get_payload(flip);

		out[i] = (uint8_t)((m->cell[from + i / 4][i % 4] & keep[i]) ^ x[i]);
	}
	store(m, to, out, len);
}

static void
weaken(struct kernel_nft_match *m)
{
	if (m->match == KERNEL_NFT_YES)
		m->match = KERNEL_NFT_MAYBE;
}

static void
compare(struct kernel_nft_match *m, const struct nlattr *data)
{
	const struct nlattr *value =
	    kernel_nft_match_find(kernel_nft_match_find(data, NFTA_CMP_DATA),
		NFTA_DATA_VALUE);
	size_t at = cell_of(kernel_nft_match_find(data, NFTA_CMP_SREG));
	uint32_t op = kernel_nft_match_be32(kernel_nft_match_find(data, NFTA_CMP_OP));
	size_t len = value ? mnl_attr_get_payload_len(value) : 0;
	const uint8_t *want;
	bool equal = true;

	if (len == 0 || len > 16 || !all_known(m, at, len) ||
	    (op != NFT_CMP_EQ && op != NFT_CMP_NEQ)) {
		weaken(m);
		return;
	}
	want = mnl_attr_get_payload(value);
	for (size_t i = 0; i < len; i++)
		equal &= m->cell[at + i / 4][i % 4] == want[i];
	if (equal != (op == NFT_CMP_EQ))
		m->match = KERNEL_NFT_NO;
}

void
kernel_nft_match_forget(struct kernel_nft_match *m, const struct nlattr *reg)
{
	store(m, cell_of(reg), NULL, 16);
}

/* No more than end the rule, or write registers that we do not follow. */
static bool
is_matcher(const char *name, const struct nlattr *data)
{
	static const char *const names[] = { "byteorder", "connlimit", "dup", "dynset",
		"exthdr", "fib", "hash", "inner", "last", "limit", "lookup", "match",
		"notrack", "numgen", "osf", "quota", "range", "rt", "secmark", "socket",
		"tunnel", "xfrm" };
	const struct nlattr *dreg = strcmp(name, "lookup") == 0
					? kernel_nft_match_find(data, NFTA_LOOKUP_DREG)
					: NULL;

	/* A verdict map: its verdicts stand in a set, which is not read. */
	if (dreg && kernel_nft_match_be32(dreg) == NFT_REG_VERDICT)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

bool
kernel_nft_match_step(struct kernel_nft_match *m, const char *name,
    const struct nlattr *data)
{
	if (strcmp(name, "meta") == 0) {
		meta(m, data);
	} else if (strcmp(name, "cmp") == 0) {
		compare(m, data);
	} else if (strcmp(name, "bitwise") == 0) {
		bitwise(m, data);
	} else if (strcmp(name, "ct") == 0) {
		ct(m, data);
	} else if (strcmp(name, "payload") == 0) {
		store(m, cell_of(kernel_nft_match_find(data, NFTA_PAYLOAD_DREG)), NULL,
		    16);
	} else if (is_matcher(name, data)) {
		weaken(m);
		memset(m->known, 0, sizeof(m->known));
	} else {
		return strcmp(name, "counter") == 0 || strcmp(name, "log") == 0;
	}
	return true;
}
