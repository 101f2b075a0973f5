/* SPDX-License-Identifier: MIT */
/*
 * Reader for INI files in wg-quick's manner: sections repeat, keys are compared without
 * case, `#` starts a comment anywhere;
 * a comment on a line of its own can be had as an event.  It knows the grammar and no
 * names.
 */
#ifndef COMMON_CONF_H
#define COMMON_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "common/err.h"

#define CONF_LINE_MAX	 16384 /* bytes; a long list of AllowedIPs fits many times */
#define CONF_SECTION_MAX 32

enum conf_event { CONF_END, CONF_SECTION, CONF_KEY, CONF_COMMENT };

struct conf {
	FILE *in;		 /* borrowed */
	const char *name;	 /* borrowed, for messages */
	bool comments;		 /* set it to be told of CONF_COMMENT */
	unsigned line;		 /* of the last event, from 1 */
	const char *key, *value; /* of a CONF_KEY, valid until the next call; value
				    is the text of a CONF_COMMENT as well */
	char section[CONF_SECTION_MAX]; /* "" before the first */
	char text[CONF_LINE_MAX];
};

void conf_init(struct conf *c, FILE *in, const char *name);

/* The next event, or -errno with err set ("FILE:LINE: ..."). */
int conf_next(struct conf *c, struct err *err);

#endif
