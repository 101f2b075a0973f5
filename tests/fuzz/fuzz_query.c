/* SPDX-License-Identifier: MIT */
/*
<<<<<<< HEAD
 * What is asked of the collector: an Accept header on the first line, then a parameter
 * a line, as they are after a URL was unescaped.  What is taken is inside the limits
 * that the answers rely on; what is refused is refused in words.
 * links: collector/query.c
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mesh.h"

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
=======
 * The parameters of a question and its headers: a line of query, one of Accept, one of
 * If-None-Match.  Whatever is accepted is within the limits that others rely on.
 * links: collector/query.c collector/answer.c
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collector/answer.h"
#include "collector/query.h"

#define NOW (INT64_C(1767225600) * NS_PER_S)

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static char *
next_line(char **rest)
{
	char *line = *rest, *end = strchr(line, '\n');

	if (end)
		*end++ = '\0';
	*rest = end ? end : line + strlen(line);
	return line;
}

/* As libmicrohttpd takes a query apart, but for %-escapes: any byte may be there. */
static void
split(char *query, struct http_request *request)
{
	char *save = NULL;

	for (char *p = strtok_r(query, "&", &save);
	     p && request->n_params < HTTP_PARAMS_MAX; p = strtok_r(NULL, "&", &save)) {
		char *value = strchr(p, '=');

		if (value)
			*value++ = '\0';
		request->params[request->n_params++] =
		    (struct http_param){ p, value ? value : "" };
	}
>>>>>>> 50b0eba (docs: describe the collector's API, and walk it)
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
<<<<<<< HEAD
	struct http_request request = { 0 };
	char *text = malloc(len + 1), *rest = text, *line;

	assert(text);
	memcpy(text, in, len);
	text[len] = '\0';
	request.accept = strsep(&rest, "\n");
	while (request.n_params < HTTP_PARAMS_MAX && (line = strsep(&rest, "\n"))) {
		struct http_param *p = &request.params[request.n_params++];

		p->name = strsep(&line, "=");
		p->value = line ? line : "";
	}
	ask(&request, (1u << QUERY_PARAMS) - 1);
	ask(&request, 1u << QUERY_PATH | 1u << QUERY_FORMAT);
=======
	const struct query_rules rules = { "fuzz", (1u << QUERY_PARAMS) - 1,
		(1u << QUERY_FORMATS) - 1, 300 * NS_PER_S };
	struct http_request request = { 0 };
	char *text = malloc(len + 1), *rest = text, *line;
	struct query q;
	struct err err = { "" };

	memcpy(text, in, len);
	text[len] = '\0';
	line = next_line(&rest);
	split(line, &request);
	request.accept = next_line(&rest);
	line = next_line(&rest);
	(void)answer_match(line, "\"0123456789abcdef-gz\"");
	(void)answer_gzip(line);
	if (query_parse(&request, &rules, (struct wall){ NOW }, &q, &err) < 0) {
		assert(err.text[0]);
	} else {
		assert(q.stat < STAT_COUNT && q.format < QUERY_FORMATS);
		assert(q.all_paths || q.path < PATH_COUNT);
		assert(q.tier < STORE_TIERS && q.limit <= QUERY_LIMIT_MAX);
		assert(q.wait_s <= QUERY_WAIT_MAX_S && q.window_ns <= 300 * NS_PER_S);
		assert(!query_has(&q, QUERY_SINCE) ||
		       (q.since.ns >= 0 && q.since.ns < q.until.ns));
		assert(!q.step_ns || (q.step_ns >= QUERY_STEP_MIN_NS &&
					 q.step_ns <= QUERY_STEP_MAX_NS));
		assert(!q.node || mesh_name_ok(q.node));
	}
>>>>>>> 50b0eba (docs: describe the collector's API, and walk it)
	free(text);
	return 0;
}
