/* SPDX-License-Identifier: MIT */
/*
 * Two dumps: the chains, the rules.
 */
#include "optimizer/apply/kernel_nft.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "optimizer/apply/kernel_nl.h"

/* More is a router's business, and reading them takes longer than it tells. */
#define RULES_MAX 100000

static void
get_name(const struct nlattr *attr, char out[KERNEL_NFT_NAME])
{
	size_t len = mnl_attr_get_payload_len(attr);

	if (len >= KERNEL_NFT_NAME)
		len = KERNEL_NFT_NAME - 1;
	memcpy(out, mnl_attr_get_payload(attr), len);
	out[len] = '\0';
}

static uint32_t
get_be32(const struct nlattr *attr)
{
	uint32_t v = 0;

	if (mnl_attr_get_payload_len(attr) >= sizeof(v))
		memcpy(&v, mnl_attr_get_payload(attr), sizeof(v));
	return ntohl(v);
}

static int
family_of(const struct nlmsghdr *nlh, uint8_t *out)
{
	const struct nfgenmsg *head = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*head))
		return -EBADMSG;
	*out = head->nfgen_family;
	return 0;
}

static bool
at_forward(const struct nlattr *hook)
{
	struct kernel_nl_attrs attrs = kernel_nl_nested(hook);
	const struct nlattr *attr;

	while ((attr = kernel_nl_next(&attrs))) {
		if (mnl_attr_get_type(attr) == NFTA_HOOK_HOOKNUM)
			return get_be32(attr) == NF_INET_FORWARD;
	}
	return false;
}

static int
chain_cb(const struct nlmsghdr *nlh, void *ctx)
{
	struct kernel_nft *nft = ctx;
	struct kernel_nl_attrs attrs = kernel_nl_attrs(nlh, sizeof(struct nfgenmsg));
	struct kernel_nft_chain chain = { 0 };
	const struct nlattr *attr;

	if (family_of(nlh, &chain.family) < 0)
		return -EBADMSG;
	while ((attr = kernel_nl_next(&attrs))) {
		switch (mnl_attr_get_type(attr)) {
		case NFTA_CHAIN_TABLE:
			get_name(attr, chain.table);
			break;
		case NFTA_CHAIN_NAME:
			get_name(attr, chain.name);
			break;
		case NFTA_CHAIN_HOOK:
			chain.base = at_forward(attr);
			break;
		case NFTA_CHAIN_POLICY:
			chain.drop = get_be32(attr) == NF_DROP;
			break;
		}
	}
	if (nft->n_chains >= RULES_MAX)
		return -E2BIG;
	nft->chains = mem_grow(nft->chains, nft->n_chains + 1, sizeof(chain));
	nft->chains[nft->n_chains++] = chain;
	return 0;
}

static int
rule_cb(const struct nlmsghdr *nlh, void *ctx)
{
	struct kernel_nft *nft = ctx;
	struct kernel_nl_attrs attrs = kernel_nl_attrs(nlh, sizeof(struct nfgenmsg));
	const struct nlattr *attr, *exprs = NULL;
	struct kernel_nft_rule rule = { 0 };

	if (family_of(nlh, &rule.family) < 0)
		return -EBADMSG;
	while ((attr = kernel_nl_next(&attrs))) {
		switch (mnl_attr_get_type(attr)) {
		case NFTA_RULE_TABLE:
			get_name(attr, rule.table);
			break;
		case NFTA_RULE_CHAIN:
			get_name(attr, rule.chain);
			break;
		case NFTA_RULE_EXPRESSIONS:
			exprs = attr;
			break;
		}
	}
	if (nft->n_rules >= RULES_MAX)
		return -E2BIG;
	if (exprs) {
		rule.len = mnl_attr_get_payload_len(exprs);
		rule.exprs = mem_alloc(rule.len ? rule.len : 1);
		memcpy(rule.exprs, mnl_attr_get_payload(exprs), rule.len);
	}
	nft->rules = mem_grow(nft->rules, nft->n_rules + 1, sizeof(rule));
	nft->rules[nft->n_rules++] = rule;
	return 0;
}

static void
forget_chains(void *ctx)
{
	struct kernel_nft *nft = ctx;

	free(nft->chains);
	nft->chains = NULL;
	nft->n_chains = 0;
}

static void
forget_rules(void *ctx)
{
	struct kernel_nft *nft = ctx;

	for (size_t i = 0; i < nft->n_rules; i++)
		free(nft->rules[i].exprs);
	free(nft->rules);
	nft->rules = NULL;
	nft->n_rules = 0;
}

void
kernel_nft_fini(struct kernel_nft *nft)
{
	forget_chains(nft);
	forget_rules(nft);
}

static int
dump(struct kernel *k, uint8_t type, kernel_nl_cb *each, void (*again)(void *),
    struct kernel_nft *nft)
{
	uint8_t buf[KERNEL_NL_REQUEST];
	struct nlmsghdr *nlh = kernel_nl_request(buf,
	    (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), NLM_F_DUMP);
	struct nfgenmsg *head = mnl_nlmsg_put_extra_header(nlh, sizeof(*head));

	head->nfgen_family = NFPROTO_UNSPEC; /* all of them */
	head->version = NFNETLINK_V0;
	return kernel_nl_dump(k, &(struct kernel_nl_dump){ .bus = KERNEL_NL_NETFILTER,
				     .request = nlh,
				     .each = each,
				     .again = again,
				     .ctx = nft });
}

/* Tables of the old iptables, which no nf_tables dump shows. */
static bool
has_legacy(uint8_t family)
{
	const char *path = family == AF_INET6 ? "/proc/net/ip6_tables_names"
					      : "/proc/net/ip_tables_names";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char byte;
	bool any;

	if (fd < 0)
		return false;
	any = read(fd, &byte, 1) == 1;
	(void)close(fd); /* was only read */
	return any;
}

enum kernel_nft_verdict
kernel_nft_forward(struct kernel *k, const struct kernel_nft_packet *packet, char *why,
    size_t size)
{
	struct kernel_nft nft = { 0 };
	enum kernel_nft_verdict verdict = KERNEL_NFT_UNKNOWN;
	int rc = dump(k, NFT_MSG_GETCHAIN, chain_cb, forget_chains, &nft);

	if (rc == 0)
		rc = dump(k, NFT_MSG_GETRULE, rule_cb, forget_rules, &nft);
	if (rc == 0)
		verdict = kernel_nft_walk(&nft, packet, why, size);
	else if (rc == -EINVAL || rc == -EPROTONOSUPPORT || rc == -EOPNOTSUPP)
		/* What a kernel without nf_tables says. */
		verdict = kernel_nft_walk(&(struct kernel_nft){ 0 }, packet, why, size);
	else
		(void)snprintf(why, size, "nf_tables cannot be read: %s",
		    strerror(-rc)); /* cut is fine */
	if (verdict == KERNEL_NFT_OPEN && has_legacy(packet->family)) {
		verdict = KERNEL_NFT_UNKNOWN;
		(void)snprintf(why, size,
		    "there are rules of the old iptables: iptables-legacy -S FORWARD");
	}
	kernel_nft_fini(&nft);
	return verdict;
}
