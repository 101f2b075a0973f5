/* SPDX-License-Identifier: MIT */
/*
 * The tag is 64-bit FNV-1a over the plain bytes, and says so if they were packed: two
 * representations have two strong tags (RFC 9110, 8.8.3.3).
 */
#include "collector/answer.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <zlib.h>

#include "common/log.h"
#include "common/mem.h"

/* Below this a packet carries it either way. */
#define GZIP_MIN_BYTES 1024
/* Of 9: three times as fast as the usual 6 on a matrix, and an eighth larger. */
#define GZIP_LEVEL 3
/* deflateInit2()'s way to ask for gzip and the largest window. */
#define GZIP_WINDOW   (15 + 16)
#define STREAM_BUFFER (64 * 1024)

#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

struct answer {
	FILE *f;
	char *bytes; /* owned */
	size_t len, cap;
	uint64_t hash;
	bool may_gzip, gzip, too_long;
	z_stream z; /* if gzip */
};

static bool
room(struct answer *a, size_t n)
{
	size_t cap = a->cap ? a->cap : 4096;

	if (n > ANSWER_BYTES_MAX - a->len)
		a->too_long = true;
	if (a->too_long)
		return false;
	while (cap < a->len + n)
		cap *= 2;
	if (cap > a->cap)
		a->bytes = mem_grow(a->bytes, cap, 1);
	a->cap = cap;
	return true;
}

/* Pack what is given; flush: Z_NO_FLUSH, or Z_FINISH at the end. */
static void
pack(struct answer *a, const char *text, size_t n, int flush)
{
	int r;

	a->z.next_in = (Bytef *)(uintptr_t)text; /* zlib only reads it */
	a->z.avail_in = (uInt)n;
	do {
		size_t before;

		if (!room(a, STREAM_BUFFER))
			return;
		a->z.next_out = (Bytef *)a->bytes + a->len;
		a->z.avail_out = (uInt)(a->cap - a->len);
		before = a->z.avail_out;
		r = deflate(&a->z, flush);
		a->len += before - a->z.avail_out;
	} while (a->z.avail_in > 0 || (flush == Z_FINISH && r != Z_STREAM_END));
}

/* The plain bytes so far go through zlib, and all to come. */
static void
start_gzip(struct answer *a)
{
	char *plain = a->bytes;
	size_t n = a->len;

	if (deflateInit2(&a->z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 9,
		Z_DEFAULT_STRATEGY) != Z_OK)
		log_die("out of memory");
	a->gzip = true;
	a->bytes = NULL;
	a->len = a->cap = 0;
	pack(a, plain, n, Z_NO_FLUSH);
	free(plain);
}

static ssize_t
on_write(void *cookie, const char *text, size_t n)
{
	struct answer *a = cookie;

	for (size_t i = 0; i < n; i++)
		a->hash = (a->hash ^ (uint8_t)text[i]) * FNV_PRIME;
	if (a->may_gzip && !a->gzip && a->len + n >= GZIP_MIN_BYTES)
		start_gzip(a);
	if (a->gzip) {
		pack(a, text, n, Z_NO_FLUSH);
	} else if (room(a, n)) {
		memcpy(a->bytes + a->len, text, n);
		a->len += n;
	}
	return a->too_long ? 0 : (ssize_t)n; /* 0 is an error of the stream */
}

struct answer *
answer_new(bool gzip)
{
	static const cookie_io_functions_t io = { .write = on_write };
	struct answer *a = mem_alloc(sizeof(*a));

	a->may_gzip = gzip;
	a->hash = FNV_START;
	a->f = fopencookie(a, "w", io);
	if (!a->f || setvbuf(a->f, NULL, _IOFBF, STREAM_BUFFER) != 0)
		log_die("out of memory");
	return a;
}

FILE *
answer_stream(struct answer *a)
{
	return a->f;
}

void
answer_free(struct answer *a)
{
	if (!a)
		return;
	if (a->f)
		(void)fclose(a->f); /* into memory that goes away */
	if (a->gzip)
		(void)deflateEnd(&a->z); /* complains that its work was not wanted */
	free(a->bytes);
	free(a);
}

int
answer_finish(struct answer *a, const char *if_none_match,
    struct http_response *response)
{
	int r = 0;

	(void)fclose(a->f); /* too_long tells */
	a->f = NULL;
	if (a->gzip && !a->too_long)
		pack(a, "", 0, Z_FINISH);
	if (a->too_long) {
		r = -EFBIG;
		goto out;
	}
	(void)snprintf(response->etag, sizeof(response->etag), "\"%016llx%s\"",
	    (unsigned long long)a->hash, a->gzip ? "-gz" : ""); /* fits */
	response->negotiated = true;
	response->status = 200;
	if (answer_match(if_none_match, response->etag)) {
		response->status = 304;
		goto out;
	}
	response->gzip = a->gzip;
	response->body = a->bytes;
	response->len = a->len;
	a->bytes = NULL;
out:
	answer_free(a);
	return r;
}

/* The next element of a list with commas; NULL at its end. */
static const char *
element(const char **list, size_t *len)
{
	const char *start = *list + strspn(*list, ", \t");

	*len = strcspn(start, ",");
	*list = start + *len;
	while (*len > 0 && strchr(" \t", start[*len - 1]))
		(*len)--;
	return *len ? start : NULL;
}

bool
answer_gzip(const char *accept_encoding)
{
	const char *list = accept_encoding, *e;
	size_t len;

	while (list && (e = element(&list, &len)) != NULL) {
		size_t name = strcspn(e, ",; \t");
		const char *q = memchr(e, '=', len);

		if (name != 4 || strncasecmp(e, "gzip", 4) != 0)
			continue;
		/* "q=0", "q=0.000" is a refusal. */
		return !q || strspn(q + 1, "0.") < (size_t)(e + len - (q + 1));
	}
	return false;
}

bool
answer_match(const char *if_none_match, const char *etag)
{
	const char *list = if_none_match, *e;
	size_t len;

	while (list && (e = element(&list, &len)) != NULL) {
		if (len == 1 && *e == '*')
			return true;
		if (len > 2 && strncmp(e, "W/", 2) == 0) { /* weak comparison */
			e += 2;
			len -= 2;
		}
		if (len == strlen(etag) && memcmp(e, etag, len) == 0)
			return true;
	}
	return false;
}
