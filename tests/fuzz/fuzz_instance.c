/* SPDX-License-Identifier: MIT */
/*
 * The instance text: whatever reads is within its limits, and is the same after being
 * written and read again.
 * links: optimizer/decide/instance_text.c optimizer/decide/instance_text_line.c
 * links: optimizer/decide/instance_text_write.c optimizer/decide/instance.c
 * links: optimizer/decide/matrix.c
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "optimizer/decide/instance_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static char *
written(const struct instance *in, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	assert(out && instance_text_write(in, out) == 0 && fclose(out) == 0);
	return text;
}

static void
check(const struct instance *in)
{
	int64_t sum = 0;

	assert(in->hub < in->n_nodes && in->nodes[in->hub].role == MESH_HUB);
	for (size_t i = 1; i < in->n_nodes; i++)
		assert(strcmp(in->nodes[i - 1].name, in->nodes[i].name) < 0);
	for (size_t i = 0; i < in->n_pairs; i++) {
		const struct pair *p = &in->pairs[i];

		assert(p->a < p->b && p->b < in->n_nodes && p->weight >= 0);
		assert(p->a != in->hub && p->b != in->hub && p->cost > 0);
		assert(p->weight <= INSTANCE_WEIGHT_SUM_MAX - sum);
		assert(p->hub_lo_us <= p->hub_us && p->direct_hi_us >= p->direct_us);
		sum += p->weight;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	struct instance *once = NULL, *again = NULL;
	struct err err = { "" };
	char *text, *twice;
	size_t n, m;

	if (instance_text_read("i", (const char *)in, len, &once, &err) < 0) {
		assert(!once && err.text[0]);
		return 0;
	}
	check(once);
	text = written(once, &n);
	assert(instance_text_read("i", text, n, &again, &err) == 0);
	check(again);
	twice = written(again, &m);
	assert(n == m && memcmp(text, twice, n) == 0);
	free(text);
	free(twice);
	instance_free(once);
	instance_free(again);
	return 0;
}
