/* SPDX-License-Identifier: MIT */
/*
 * Whose turn it is to say what to its far end: only in place, see way_place.c.
 */
#include "optimizer/agent/core_state.h"

bool
core_word(struct core *c, struct core_word *out, struct mono now)
{
	unsigned tokens = c->self.tokens;

	for (size_t i = 0; c->opts.mesh->in_place && i < c->n; i++) {
		struct way *w = &c->ways[i];
		struct way_view v = core_state_view(c, w, now);
		enum way_word word;

		if (!core_state_is_way(c, i))
			continue;
		word = way_place_word(w, &v);
		/* No more are promised than can be kept: the far end would move alone.
		 */
		if (word == WAY_READY && tokens-- == 0) {
			tokens = 0;
			word = WAY_AWAY;
		}
		if (!way_place_speaks(w, word, &v))
			continue;
		way_place_said(w, word, now);
		*out = (struct core_word){ i, word, (uint32_t)(now.ns / NS_PER_MS) };
		return true;
	}
	return false;
}

void
core_heard(struct core *c, const struct core_word *word, struct mono now)
{
	if (word->node < c->n && core_state_is_way(c, word->node))
		way_place_hear(&c->ways[word->node], word->word, word->no, now);
}
