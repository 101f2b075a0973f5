/* SPDX-License-Identifier: MIT */
/*
 * A request as it is put together: lines of headers, a blank line, and the pieces of
 * two bodies that share a budget (a length byte, its top bit the body, and as many
 * bytes).  What decides where a request ends is counted, limits hold, and a body is the
 * pieces that were taken, in order.
 * links: collector/head.c collector/body.c
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "collector/body.h"
#include "collector/head.h"

/* Small enough for the input to pass them. */
#define BODY_MAX   6000
#define BUDGET_MAX 12000
#define LINES_MAX  64

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static void
check_head(const struct head *head, const unsigned seen[3])
{
	const char *fault = head_fault(head);

	assert(head->n_host == seen[0] && head->n_length == seen[1]);
	assert(head->n_encoding >= seen[2]);
	/* One Host, and one way at most to tell where the body ends. */
	assert(!fault == (seen[0] <= 1 && seen[1] + head->n_encoding <= 1));
	if (!head->length)
		assert(!head_longer(head, 0));
	if (head_longer(head, 1000))
		assert(head_longer(head, 100));
}

/* Headers up to a blank line; the rest is what *in has then. */
static void
heads(char **in)
{
	static const char *const names[] = { "Host", "Content-Length",
		"Transfer-Encoding" };
	unsigned seen[3] = { 0 };
	struct head head = { 0 };
	char *line;

	for (int i = 0; i < LINES_MAX && (line = strsep(in, "\n")) && *line; i++) {
		char *name = strsep(&line, ":");

		for (size_t j = 0; j < 3; j++)
			seen[j] += strcasecmp(name, names[j]) == 0;
		head_add(&head, name, line);
	}
	check_head(&head, seen);
}

struct want {
	uint8_t bytes[BODY_MAX];
	size_t len;
};

static void
add(struct body *b, struct body_budget *budget, struct want *want, const uint8_t *piece,
    size_t n)
{
	int r = body_add(b, budget, BODY_MAX, piece, n);

	assert((r == -EFBIG) == (want->len + n > BODY_MAX));
	assert(r == 0 || r == -EFBIG || r == -ENOBUFS);
	if (r == 0) {
		memcpy(want->bytes + want->len, piece, n);
		want->len += n;
	}
	assert(b->len == want->len && b->cap >= b->len);
	assert(b->len == 0 || memcmp(b->bytes, want->bytes, b->len) == 0);
}

static void
bodies(const uint8_t *in, size_t len)
{
	static struct want want[2];
	struct body_budget budget = { .max = BUDGET_MAX };
	struct body b[2] = { { 0 } };

	want[0].len = want[1].len = 0;
	while (len > 0) {
		size_t which = in[0] >> 7, n = (in[0] & 0x7f) * 16u;

		in++, len--;
		n = n < len ? n : len;
		add(&b[which], &budget, &want[which], in, n);
		assert(budget.used == b[0].cap + b[1].cap && budget.used <= BUDGET_MAX);
		in += n;
		len -= n;
	}
	body_fini(&b[0], &budget);
	body_fini(&b[1], &budget);
	assert(budget.used == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	char *text = malloc(len + 1), *rest = text;

	assert(text);
	memcpy(text, in, len);
	text[len] = '\0';
	heads(&rest);
	if (rest)
		bodies(in + (rest - text), len - (size_t)(rest - text));
	free(text);
	return 0;
}
