/* SPDX-License-Identifier: MIT */
#include "collector/head.h"

#include <strings.h>

#include "common/num.h"

void
head_add(struct head *head, const char *name, const char *value)
{
	if (strcasecmp(name, "Host") == 0) {
		head->n_host++;
	} else if (strcasecmp(name, "Content-Length") == 0) {
		head->n_length++;
		head->length = value;
	} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
		head->n_encoding++;
		if (!value || strcasecmp(value, "chunked") != 0)
			head->n_encoding++; /* any other coding is one too many */
	} else if (strcasecmp(name, "Content-Type") == 0) {
		head->content_type = value;
	} else if (strcasecmp(name, "Accept") == 0) {
		head->accept = value;
	} else if (strcasecmp(name, "Accept-Encoding") == 0) {
		head->accept_encoding = value;
	} else if (strcasecmp(name, "If-None-Match") == 0) {
		head->if_none_match = value;
	} else if (strcasecmp(name, "User-Agent") == 0) {
		head->user_agent = value;
	}
}

const char *
head_fault(const struct head *head)
{
	if (head->n_host > 1)
		return "more than one Host";
	if (head->n_length > 1)
		return "more than one Content-Length";
	if (head->n_encoding > 1)
		return "a Transfer-Encoding other than chunked";
	if (head->n_length + head->n_encoding > 1)
		return "both Content-Length and Transfer-Encoding";
	return NULL;
}

bool
head_longer(const struct head *head, uint32_t max)
{
	uint32_t bytes;

	/* What is no number has been refused by now, so it is a very large one. */
	return head->length && num_u32(head->length, 0, max, &bytes) < 0;
}
