/* SPDX-License-Identifier: MIT */
/*
 * What the halves of the reader of instance_text.h share, and nobody else.
 */
#ifndef OPTIMIZER_DECIDE_INSTANCE_TEXT_READER_H
#define OPTIMIZER_DECIDE_INSTANCE_TEXT_READER_H

#include "optimizer/decide/instance.h"

#define WORDS_MAX  24
#define US_MAX	   60000000u /* as in a CSV: 60 s */
#define WEIGHT_MAX 1000000000u
#define COST_MAX   1000000u

enum { DENIED = 1, REQUIRED = 2, PRESENT = 4, HUB_ONLY = 8 };

/* What is said of two nodes; both halves of each table are kept. */
struct said {
	int32_t *us;		/* RTT, 0 = not said */
	int32_t *low, *high;	/* its confidence limits, likewise */
	int32_t *hub, *hub_low; /* RTT by the hub and its lower limit, likewise */
	int64_t *weight;	/* -1 = not said */
	uint32_t *cost;
	uint8_t *flags;
};

struct text_reader {
	const char *name;
	unsigned line;
	const char *words[WORDS_MAX];
	size_t n_words;
	char text[512]; /* the line, cut into words */
	struct instance *in;
	struct said said;
	bool has_hub, has_bulk;
	bool bulk_weights; /* the pass that takes demands in bulk */
	size_t hint[2];	   /* nodes that the last line named: lines come in order */
	struct err *err;
};

/* "name:line: ...", and -EINVAL. */
int instance_text_fail(struct text_reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A word of the line as a whole number within limits. */
int instance_text_number(struct text_reader *r, size_t word, uint32_t lo, uint32_t hi,
    uint32_t *out);
/* A line about two nodes, or a setting. */
int instance_text_line(struct text_reader *r);
/* [A-Za-z0-9._-], and not too long. */
bool instance_text_name_ok(const char *s);

#endif
