/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine of nf_tables for one packet, with a third truth value: what an
 * expression that we do not model yields is "maybe", and both ways are followed.
 */
#include "optimizer/apply/kernel_nft_match.h"

#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <stdio.h>
#include <string.h>

#include "optimizer/apply/kernel_nl.h"

#define JUMPS_MAX 16	  /* NFT_JUMP_STACK_SIZE */
#define EXPR_NAME 32	  /* longer is none that we know */
#define STEPS_MAX 2000000 /* rules looked at; a tangle of jumps ends as unknown */

/* What may become of the packet: a set. */
enum { ACCEPTED = 1, DROPPED = 2, FALLS_ON = 4, RETURNS = 8, ANYTHING = 15 };

struct walk {
	const struct kernel_nft *nft;
	const struct kernel_nft_packet *packet;
	unsigned jumps, steps;
};

struct rule {
	struct walk *walk;
	const struct kernel_nft_rule *rule;
	struct kernel_nft_match m;
	unsigned verdict; /* a set; 0 = none yet */
};

static unsigned walk_chain(struct walk *w, const struct kernel_nft_chain *chain);

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
	    kernel_nft_match_find(kernel_nft_match_find(data, NFTA_IMMEDIATE_DATA),
		NFTA_DATA_VERDICT);
	const struct kernel_nft_chain *chain;
	int32_t code;

	if (!verdict) {
		kernel_nft_match_forget(&r->m,
		    kernel_nft_match_find(data, NFTA_IMMEDIATE_DREG));
		return;
	}
	code = (int32_t)kernel_nft_match_be32(
	    kernel_nft_match_find(verdict, NFTA_VERDICT_CODE));
	chain = chain_named(r->walk->nft, r->rule,
	    kernel_nft_match_find(verdict, NFTA_VERDICT_CHAIN));
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
get_name(const struct nlattr *attr, char out[EXPR_NAME])
{
	(void)snprintf(out, EXPR_NAME, "%.*s",
	    attr ? (int)mnl_attr_get_payload_len(attr) : 0,
	    attr ? (const char *)mnl_attr_get_payload(attr) : ""); /* cut is fine */
}

/* What iptables-nft leaves to xtables. */
static void
target(struct rule *r, const struct nlattr *data)
{
	static const char *const goes_on[] = { "CONNMARK", "LOG", "MARK", "NFLOG",
		"TCPMSS" };
	char name[EXPR_NAME];

	get_name(kernel_nft_match_find(data, NFTA_TARGET_NAME), name);
	for (size_t i = 0; i < sizeof(goes_on) / sizeof(goes_on[0]); i++) {
		if (strcmp(name, goes_on[i]) == 0)
			return;
	}
	r->verdict = strcmp(name, "REJECT") == 0 ? DROPPED : ANYTHING;
}

static void
expression(struct rule *r, const char *name, const struct nlattr *data)
{
	if (strcmp(name, "immediate") == 0)
		immediate(r, data);
	else if (strcmp(name, "reject") == 0)
		r->verdict = DROPPED;
	else if (strcmp(name, "target") == 0)
		target(r, data);
	else if (!kernel_nft_match_step(&r->m, name, data))
		r->verdict = ANYTHING;
}

/* What may come of one rule, FALLS_ON for the next. */
static unsigned
walk_rule(struct walk *w, const struct kernel_nft_rule *rule)
{
	struct rule r = { .walk = w,
		.rule = rule,
		.m = { .packet = w->packet, .match = KERNEL_NFT_YES } };
	struct kernel_nl_attrs attrs = { rule->exprs,
		rule->exprs ? (const char *)rule->exprs + rule->len : NULL };
	const struct nlattr *elem;

	while (rule->exprs && r.m.match != KERNEL_NFT_NO && !r.verdict &&
	       (elem = kernel_nl_next(&attrs))) {
		char name[EXPR_NAME];

		get_name(kernel_nft_match_find(elem, NFTA_EXPR_NAME), name);
		expression(&r, name, kernel_nft_match_find(elem, NFTA_EXPR_DATA));
	}
	if (r.m.match == KERNEL_NFT_NO || !r.verdict)
		return FALLS_ON;
	return r.m.match == KERNEL_NFT_MAYBE ? r.verdict | FALLS_ON : r.verdict;
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
