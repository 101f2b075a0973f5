/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine of nf_tables for one packet, with a third truth value: what an
 * expression that we do not model yields is "maybe", and both ways are followed.
 */
#include "optimizer/apply/kernel_nft.h"

#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>

#include "optimizer/apply/kernel_nl.h"

#define JUMPS_MAX 16	  /* NFT_JUMP_STACK_SIZE */
#define STEPS_MAX 2000000 /* rules looked at; a tangle of jumps ends as unknown */
#define CELLS	  20	  /* 4-byte registers: the verdict's 4 and NFT_REG32 00..15 */
#define CT_NEW	  8	  /* NF_CT_STATE_BIT(IP_CT_NEW) */

/* What may become of the packet: a set. */
enum { ACCEPTED = 1, DROPPED = 2, FALLS_ON = 4, RETURNS = 8, ANYTHING = 15 };
enum match { NO, MAYBE, YES };

struct walk {
	const struct kernel_nft *nft;
	const struct kernel_nft_packet *packet;
	unsigned jumps, steps;
};

struct rule {
	struct walk *walk;
	const struct kernel_nft_rule *rule;
	uint8_t cell[CELLS][4];
	bool known[CELLS];
	enum match match;
	unsigned verdict; /* a set; 0 = none yet */
};

static unsigned walk_chain(struct walk *w, const struct kernel_nft_chain *chain);

static uint32_t
get_be32(const struct nlattr *attr)
{
	uint32_t v = 0;

	if (attr && mnl_attr_get_payload_len(attr) >= sizeof(v))
		memcpy(&v, mnl_attr_get_payload(attr), sizeof(v));
	return ntohl(v);
}

/* The attribute of this type in a nest, or NULL. */
static const struct nlattr *
find(const struct nlattr *nest, uint16_t type)
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

/* First cell of a register, or CELLS. */
static size_t
cell_of(const struct nlattr *attr)
{
	uint32_t reg = get_be32(attr);

	if (reg >= NFT_REG_1 && reg <= NFT_REG_4)
		return (reg - NFT_REG_1) * 4;
	if (reg >= NFT_REG32_00 && reg <= NFT_REG32_15)
		return reg - NFT_REG32_00;
	return CELLS;
}

static void
store(struct rule *r, size_t at, const void *data, size_t len)
{
	for (size_t i = 0; i * 4 < len && at + i < CELLS; i++) {
		size_t part = len - i * 4 < 4 ? len - i * 4 : 4;

		memset(r->cell[at + i], 0, 4);
		r->known[at + i] = data != NULL;
		if (data)
			memcpy(r->cell[at + i], (const uint8_t *)data + i * 4, part);
	}
}

static bool
all_known(const struct rule *r, size_t at, size_t len)
{
	for (size_t i = at; i < at + (len + 3) / 4; i++) {
		if (i >= CELLS || !r->known[i])
			return false;
	}
	return true;
}

static void
meta(struct rule *r, const struct nlattr *data)
{
	const struct kernel_nft_packet *p = r->walk->packet;
	const struct nlattr *dreg = find(data, NFTA_META_DREG);
	char name[IF_NAMESIZE] = "";
	uint32_t index = p->ifindex;
	uint8_t proto = p->family == AF_INET6 ? NFPROTO_IPV6 : NFPROTO_IPV4;

	if (!dreg)
		return; /* sets a mark and the like */
	switch (get_be32(find(data, NFTA_META_KEY))) {
	case NFT_META_IIFNAME:
	case NFT_META_OIFNAME:
		(void)snprintf(name, sizeof(name), "%s", p->ifname); /* a name's size */
		store(r, cell_of(dreg), name, sizeof(name));
		return;
	case NFT_META_IIF:
	case NFT_META_OIF:
		store(r, cell_of(dreg), &index, sizeof(index));
		return;
	case NFT_META_NFPROTO:
		store(r, cell_of(dreg), &proto, 1);
		return;
	default:
		store(r, cell_of(dreg), NULL, 16);
	}
}

static void
ct(struct rule *r, const struct nlattr *data)
{
	const struct nlattr *dreg = find(data, NFTA_CT_DREG);
	uint32_t state = CT_NEW;

	if (!dreg)
		return;
	if (get_be32(find(data, NFTA_CT_KEY)) == NFT_CT_STATE)
		store(r, cell_of(dreg), &state, sizeof(state));
	else
		store(r, cell_of(dreg), NULL, 16);
}

static void
bitwise(struct rule *r, const struct nlattr *data)
{
	size_t from = cell_of(find(data, NFTA_BITWISE_SREG));
	size_t to = cell_of(find(data, NFTA_BITWISE_DREG));
	size_t len = get_be32(find(data, NFTA_BITWISE_LEN));
	const struct nlattr *mask =
	    find(find(data, NFTA_BITWISE_MASK), NFTA_DATA_VALUE);
	const struct nlattr *flip = find(find(data, NFTA_BITWISE_XOR), NFTA_DATA_VALUE);
	uint8_t out[16];

	if (len == 0 || len > sizeof(out) || !mask || !flip ||
	    mnl_attr_get_payload_len(mask) < len ||
	    mnl_attr_get_payload_len(flip) < len || !all_known(r, from, len)) {
		store(r, to, NULL, 16);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		const uint8_t *m = mnl_attr_get_payload(mask);
		const uint8_t *x = mnl_attr_get_payload(flip);

		out[i] = (uint8_t)((r->cell[from + i / 4][i % 4] & m[i]) ^ x[i]);
	}
	store(r, to, out, len);
}

static void
weaken(struct rule *r)
{
	if (r->match == YES)
		r->match = MAYBE;
}

static void
compare(struct rule *r, const struct nlattr *data)
{
	const struct nlattr *value = find(find(data, NFTA_CMP_DATA), NFTA_DATA_VALUE);
	size_t at = cell_of(find(data, NFTA_CMP_SREG));
	uint32_t op = get_be32(find(data, NFTA_CMP_OP));
	size_t len = value ? mnl_attr_get_payload_len(value) : 0;
	const uint8_t *want;
	bool equal = true;

	if (len == 0 || len > 16 || !all_known(r, at, len) ||
	    (op != NFT_CMP_EQ && op != NFT_CMP_NEQ)) {
		weaken(r);
		return;
	}
	want = mnl_attr_get_payload(value);
	for (size_t i = 0; i < len; i++)
		equal &= r->cell[at + i / 4][i % 4] == want[i];
	if (equal != (op == NFT_CMP_EQ))
		r->match = NO;
}

static const struct kernel_nft_chain *
chain_named(const struct kernel_nft *nft, const struct kernel_nft_rule *rule,
    const struct nlattr *name)
{
	size_t len = name ? mnl_attr_get_payload_len(name) : 0;

	for (size_t i = 0; len && i < nft->n_chains; i++) {
		const struct kernel_nft_chain *c = &nft->chains[i];

		if (c->family == rule->family && strcmp(c->table, rule->table) == 0 &&
		    strlen(c->name) < len &&
		    strncmp(c->name, mnl_attr_get_payload(name), len) == 0)
			return c;
	}
	return NULL;
}

static void
immediate(struct rule *r, const struct nlattr *data)
{
	const struct nlattr *verdict =
	    find(find(data, NFTA_IMMEDIATE_DATA), NFTA_DATA_VERDICT);
	const struct kernel_nft_chain *chain;
	int32_t code;

	if (!verdict) {
		store(r, cell_of(find(data, NFTA_IMMEDIATE_DREG)), NULL, 16);
		return;
	}
	code = (int32_t)get_be32(find(verdict, NFTA_VERDICT_CODE));
	chain = chain_named(r->walk->nft, r->rule, find(verdict, NFTA_VERDICT_CHAIN));
	switch (code) {
	case NF_ACCEPT:
		r->verdict = ACCEPTED;
		break;
	case NF_DROP:
		r->verdict = DROPPED;
		break;
	case NFT_RETURN:
		r->verdict = RETURNS;
		break;
	case NFT_JUMP:
	case NFT_GOTO:
		r->verdict = chain ? walk_chain(r->walk, chain) : ANYTHING;
		/* After a goto the caller's rest is skipped. */
		if (code == NFT_GOTO && r->verdict & FALLS_ON)
			r->verdict = (r->verdict & ~(unsigned)FALLS_ON) | RETURNS;
		break;
	case NFT_CONTINUE:
		r->verdict = FALLS_ON;
		break;
	default:
		r->verdict = ANYTHING; /* a queue to a program */
	}
}

static void
expression(struct rule *r, const char *name, const struct nlattr *data)
{
	if (strcmp(name, "meta") == 0)
		meta(r, data);
	else if (strcmp(name, "cmp") == 0)
		compare(r, data);
	else if (strcmp(name, "bitwise") == 0)
		bitwise(r, data);
	else if (strcmp(name, "ct") == 0)
		ct(r, data);
	else if (strcmp(name, "immediate") == 0)
		immediate(r, data);
	else if (strcmp(name, "reject") == 0)
		r->verdict = DROPPED;
	else if (strcmp(name, "payload") == 0)
		store(r, cell_of(find(data, NFTA_PAYLOAD_DREG)), NULL, 16);
	else if (strcmp(name, "counter") != 0 && strcmp(name, "log") != 0) {
		weaken(r);
		memset(r->known, 0, sizeof(r->known));
	}
}

/* What may come of one rule, FALLS_ON for the next. */
static unsigned
walk_rule(struct walk *w, const struct kernel_nft_rule *rule)
{
	struct rule r = { .walk = w, .rule = rule, .match = YES };
	struct kernel_nl_attrs attrs = { rule->exprs,
		rule->exprs ? (const char *)rule->exprs + rule->len : NULL };
	const struct nlattr *elem;

	while (rule->exprs && r.match != NO && !r.verdict &&
	       (elem = kernel_nl_next(&attrs))) {
		const struct nlattr *name = find(elem, NFTA_EXPR_NAME);
		char text[32] = "";

		if (name)
			(void)snprintf(text, sizeof(text), "%.*s",
			    (int)mnl_attr_get_payload_len(name),
			    (const char *)mnl_attr_get_payload(name)); /* cut is fine */
		expression(&r, text, find(elem, NFTA_EXPR_DATA));
	}
	if (r.match == NO || !r.verdict)
		return FALLS_ON;
	return r.match == MAYBE ? r.verdict | FALLS_ON : r.verdict;
}

static unsigned
walk_chain(struct walk *w, const struct kernel_nft_chain *chain)
{
	unsigned all = 0;

	if (w->jumps >= JUMPS_MAX)
		return ANYTHING;
	w->jumps++;
	for (size_t i = 0; i < w->nft->n_rules; i++) {
		const struct kernel_nft_rule *rule = &w->nft->rules[i];
		unsigned one;

		if (++w->steps > STEPS_MAX) {
			all = ANYTHING;
			break;
		}
		if (rule->family != chain->family ||
		    strcmp(rule->table, chain->table) != 0 ||
		    strcmp(rule->chain, chain->name) != 0)
			continue;
		one = walk_rule(w, rule);
		all |= one & ~(unsigned)FALLS_ON;
		if (!(one & FALLS_ON))
			goto out;
	}
	all |= FALLS_ON;
out:
	w->jumps--;
	/* To return is to fall on in the chain that jumped here. */
	return all & RETURNS ? (all & ~(unsigned)RETURNS) | FALLS_ON : all;
}

static bool
concerns(const struct kernel_nft_chain *chain, uint8_t family)
{
	uint8_t own = family == AF_INET6 ? NFPROTO_IPV6 : NFPROTO_IPV4;

	return chain->base && (chain->family == NFPROTO_INET || chain->family == own);
}

enum kernel_nft_verdict
kernel_nft_walk(const struct kernel_nft *nft, const struct kernel_nft_packet *packet,
    char *why, size_t size)
{
	enum kernel_nft_verdict verdict = KERNEL_NFT_OPEN;
	size_t bases = 0;

	for (size_t i = 0; i < nft->n_chains; i++) {
		const struct kernel_nft_chain *chain = &nft->chains[i];
		struct walk w = { .nft = nft, .packet = packet };
		unsigned end;

		if (!concerns(chain, packet->family))
			continue;
		bases++;
		end = walk_chain(&w, chain);
		if (end & FALLS_ON)
			end = (end & ~(unsigned)FALLS_ON) |
			      (chain->drop ? DROPPED : ACCEPTED);
		if (end == ACCEPTED)
			continue;
		(void)snprintf(why, size, "table %s, chain %s, policy %s: %s",
		    chain->table, chain->name, chain->drop ? "drop" : "accept",
		    end != DROPPED ? "it depends on more than the interface"
		    : chain->drop
			? "no rule accepts a packet from it to itself"
			: "a rule drops a packet from it to itself"); /* cut is fine */
		verdict = end == DROPPED ? KERNEL_NFT_SHUT : KERNEL_NFT_UNKNOWN;
		if (verdict == KERNEL_NFT_SHUT)
			return verdict;
	}
	if (verdict == KERNEL_NFT_OPEN)
		(void)snprintf(why, size,
		    "%zu chain%s at the forward hook of nf_tables", bases,
		    bases == 1 ? "" : "s"); /* cut is fine */
	return verdict;
}
