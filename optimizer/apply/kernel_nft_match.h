/* SPDX-License-Identifier: MIT */
/*
 * Does a rule of nf_tables match one packet?  What an expression that we do not model
 * yields is "maybe".  Pure.
 */
#ifndef OPTIMIZER_APPLY_KERNEL_NFT_MATCH_H
#define OPTIMIZER_APPLY_KERNEL_NFT_MATCH_H

#include "optimizer/apply/kernel_nft.h"

struct nlattr; /* libmnl's */

#define KERNEL_NFT_CELLS 20 /* of 4 bytes: the verdict's 4 and NFT_REG32 00..15 */

struct kernel_nft_match {
	const struct kernel_nft_packet *packet;
	uint8_t cell[KERNEL_NFT_CELLS][4];
	bool known[KERNEL_NFT_CELLS];
	enum { KERNEL_NFT_NO, KERNEL_NFT_MAYBE, KERNEL_NFT_YES } match;
};

/*
 * One expression; false: it may decide on the packet itself, as everything may that is
 * not known to do no more than match, count or write registers.
 */
bool kernel_nft_match_step(struct kernel_nft_match *m, const char *name,
    const struct nlattr *data);
/* Something that is not followed was written to the register that reg names. */
void kernel_nft_match_forget(struct kernel_nft_match *m, const struct nlattr *reg);

/* The attribute of this type in a nest, or NULL. */
const struct nlattr *kernel_nft_match_find(const struct nlattr *nest, uint16_t type);
/* 0 if attr is NULL. */
uint32_t kernel_nft_match_be32(const struct nlattr *attr);

#endif
