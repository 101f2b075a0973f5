/* SPDX-License-Identifier: MIT */
/*
 * A packet filter as the kernel sends it: up to 8 rules in two chains that may jump to
 * each other, their expressions left to the fuzzer.  The walk ends, with words for what
 * it found.
 *
 * links: optimizer/apply/kernel_nft_walk.c optimizer/apply/kernel_nft_match.c
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "optimizer/apply/kernel_nft.h"

#define RULES 8
#define IPV4  2 /* NFPROTO_IPV4; its header and the address's are at odds */

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	struct kernel_nft_chain chains[] = {
		{ IPV4, "t", "a", true, false },
		{ IPV4, "t", "b", false, false },
	};
	struct kernel_nft_rule rules[RULES] = { 0 };
	struct kernel_nft nft = { chains, 2, rules, 0 };
	struct kernel_nft_packet packet = { "wg0", 5, AF_INET };
	char why[200] = "";
	enum kernel_nft_verdict verdict;

	/* A rule is a byte for its chain, one for its length in words, and the words.
	 */
	while (len >= 2 && nft.n_rules < RULES) {
		struct kernel_nft_rule *rule = &rules[nft.n_rules++];
		size_t n = (size_t)in[1] * 4;

		chains[0].drop = in[0] & 2;
		rule->family = IPV4;
		rule->table[0] = 't';
		rule->chain[0] = in[0] & 1 ? 'b' : 'a';
		in += 2;
		len -= 2;
		if (n > len)
			n = len & ~(size_t)3;
		rule->len = n;
		rule->exprs = malloc(n ? n : 1); /* of its very size */
		if (!rule->exprs)
			abort();
		memcpy(rule->exprs, in, n);
		in += n;
		len -= n;
	}
	verdict = kernel_nft_walk(&nft, &packet, why, sizeof(why));
	assert(verdict <= KERNEL_NFT_SHUT && why[0]);
	for (size_t i = 0; i < nft.n_rules; i++)
		free(rules[i].exprs);
	return 0;
}
