/* SPDX-License-Identifier: MIT */
/*
 * The headers of a request that decide where it ends and whom it is for.  Two ways to
 * tell where a body ends are how a request is smuggled past a proxy that took the other
 * one (RFC 9112, 6.1 and 6.3); libmicrohttpd 0.9.75 lets them through.
 */
#ifndef COLLECTOR_HEAD_H
#define COLLECTOR_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is a request without headers. */
struct head {
	unsigned n_host, n_length, n_encoding;
	/* Borrowed; NULL = not there.  Of those that may come twice, the last. */
	const char *content_type, *length;
	const char *accept, *accept_encoding, *if_none_match, *user_agent;
};

/* value may be NULL. */
void head_add(struct head *head, const char *name, const char *value);

/* What is wrong with them together, in words; NULL if nothing. */
const char *head_fault(const struct head *head);

/* Does it announce a body of more than max bytes? */
bool head_longer(const struct head *head, uint32_t max);

#endif
