/* SPDX-License-Identifier: MIT */
/*
 * The body of an answer while it is written: counted, hashed into a strong ETag, and
 * packed with gzip on the way where the client takes it and it is worth it, so that the
 * text of a large matrix is never in memory as a whole.  Knows no thread: it is used by
 * one at a time.
 */
#ifndef COLLECTOR_ANSWER_H
#define COLLECTOR_ANSWER_H

#include <stdbool.h>
#include <stdio.h>

#include "collector/http.h"

struct answer;

/* gzip: may it be packed, says answer_gzip(). */
struct answer *answer_new(bool gzip);
/* To write to; the answer's. */
FILE *answer_stream(struct answer *a);

/*
 * The end.  Fills in body, len, etag, gzip and negotiated of the response, and its
 * status: 200, or 304 without a body if if_none_match (NULL = not said) has the tag.
 * -EFBIG if the body passes ANSWER_BYTES_MAX: then nothing is filled in.  Frees a.
 */
#define ANSWER_BYTES_MAX ((size_t)192 * 1024 * 1024)
int answer_finish(struct answer *a, const char *if_none_match,
    struct http_response *response);
/* Instead of the end.  NULL is fine. */
void answer_free(struct answer *a);

/* Does a client that says this take gzip?  RFC 9110, 12.5.3; NULL = no. */
bool answer_gzip(const char *accept_encoding);
/* Is the tag in the list, or the list "*"?  RFC 9110, 13.1.2; NULL = no. */
bool answer_match(const char *if_none_match, const char *etag);

#endif
