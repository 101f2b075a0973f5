/* SPDX-License-Identifier: MIT */
/*
 * Would the packet filter forward?  The base chains at the forward hook of nf_tables,
 * which iptables writes to as well on Debian 12, read by netlink and walked for a new
 * packet that comes in and leaves by one interface.  What hangs on more than that (an
 * address, a set, a limit) is "maybe", and an answer that hangs on a maybe is unknown.
 */
#ifndef OPTIMIZER_APPLY_KERNEL_NFT_H
#define OPTIMIZER_APPLY_KERNEL_NFT_H

#include <stddef.h>
#include <stdint.h>

#include "optimizer/apply/kernel.h"

#define KERNEL_NFT_NAME 128

enum kernel_nft_verdict {
	KERNEL_NFT_UNKNOWN,
	KERNEL_NFT_OPEN, /* lets it pass */
	KERNEL_NFT_SHUT	 /* drops it for sure */
};

struct kernel_nft_chain {
	uint8_t family;
	char table[KERNEL_NFT_NAME], name[KERNEL_NFT_NAME];
	bool base; /* at the forward hook */
	bool drop; /* its policy */
};

struct kernel_nft_rule {
	uint8_t family;
	char table[KERNEL_NFT_NAME], chain[KERNEL_NFT_NAME];
	void *exprs; /* owned; the nest of expressions as the kernel sent it */
	size_t len;
};

struct kernel_nft {
	struct kernel_nft_chain *chains; /* owned */
	size_t n_chains;
	struct kernel_nft_rule *rules; /* owned, in order within each chain */
	size_t n_rules;
};

/* The packet: in and out by this interface. */
struct kernel_nft_packet {
	const char *ifname;
	unsigned ifindex;
	uint8_t family; /* AF_INET or AF_INET6 */
};

/* Ask the kernel and judge; why is told in words.  Needs CAP_NET_ADMIN. */
enum kernel_nft_verdict kernel_nft_forward(struct kernel *k,
    const struct kernel_nft_packet *packet, char *why, size_t size);

/* Pure. */
enum kernel_nft_verdict kernel_nft_walk(const struct kernel_nft *nft,
    const struct kernel_nft_packet *packet, char *why, size_t size);
void kernel_nft_fini(struct kernel_nft *nft);

#endif
