/* SPDX-License-Identifier: MIT */
/*
 * What is asked of the collector: headers on the first line (it is Accept, and
 * Accept-Encoding and If-None-Match as well), then a parameter a line, as they are
 * after a URL was unescaped.  What is taken is inside the limits that the answers rely
 * on; what is refused is refused in words.
 * links: collector/query.c collector/answer.c
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mesh.h"

#include "collector/answer.h"
#include "collector/query.h"

#define NOW	   (INT64_C(1767225600) * NS_PER_S)
#define WINDOW_MAX (300 * NS_PER_S)

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static void
check(const struct query *q, const struct query_rules *rules)
{
	assert((q->has & ~rules->params) == 0);
	assert(q->format < QUERY_FORMATS);
	assert(q->format == QUERY_JSON || (rules->formats >> q->format & 1));
	assert(q->stat < STAT_COUNT && (unsigned)q->path < PATH_COUNT);
	assert(query_has(q, QUERY_WINDOW) == (q->window_ns > 0));
	assert(q->window_ns <= WINDOW_MAX);
	if (query_has(q, QUERY_SINCE))
		assert(q->since.ns < q->until.ns && q->window_ns == 0);
	else
		assert(q->until.ns == NOW);
	if (query_has(q, QUERY_STEP))
		assert(q->step_ns >= QUERY_STEP_MIN_NS &&
		       q->step_ns <= QUERY_STEP_MAX_NS && q->step_ns % NS_PER_S == 0);
	assert(q->tier < STORE_TIERS);
	assert(q->limit <= QUERY_LIMIT_MAX && q->wait_s <= QUERY_WAIT_MAX_S);
	assert(query_has(q, QUERY_NODE) == (q->node && mesh_name_ok(q->node)));
}

static void
ask(const struct http_request *request, unsigned params)
{
	const struct query_rules rules = { "fuzz", params, (1u << QUERY_FORMATS) - 1,
		WINDOW_MAX };
	struct query q;
	struct err err = { "" };

	if (query_parse(request, &rules, (struct wall){ NOW }, &q, &err) < 0)
		assert(err.text[0]);
	else
		check(&q, &rules);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	struct http_request request = { 0 };
	char *text = malloc(len + 1), *rest = text, *line;

	assert(text);
	memcpy(text, in, len);
	text[len] = '\0';
	request.accept = strsep(&rest, "\n");
	/* Neither may read beyond the end; what they say is anybody's guess. */
	(void)answer_match(request.accept, "\"0123456789abcdef-gz\"");
	(void)answer_gzip(request.accept);
	while (request.n_params < HTTP_PARAMS_MAX && (line = strsep(&rest, "\n"))) {
		struct http_param *p = &request.params[request.n_params++];

		p->name = strsep(&line, "=");
		p->value = line ? line : "";
	}
	ask(&request, (1u << QUERY_PARAMS) - 1);
	ask(&request, 1u << QUERY_PATH | 1u << QUERY_FORMAT);
	free(text);
	return 0;
}
