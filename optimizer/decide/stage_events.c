/* SPDX-License-Identifier: MIT */
/*
 * The judging half of stage.h: from what agents have said to a verdict on a pair.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizer/decide/stage.h"

/* A promise is broken from here: 25 % and 10 ms, as the agents' own measure. */
#define SLOWER_NUM 5
#define SLOWER_DEN 4
#define SLOWER_US  10000

enum stage_kind
stage_kind_parse(const char *text)
{
	static const char *const names[] = { "", "staged", "direct", "demoted",
		"withdrawn", "refused" };

	for (int k = STAGE_STAGED; k <= STAGE_REFUSED; k++) {
		if (strcmp(text, names[k]) == 0)
			return (enum stage_kind)k;
	}
	return STAGE_OTHER;
}

void
stage_events_fini(struct stage_events *events)
{
	free(events->event);
	*events = (struct stage_events){ 0 };
}

static int
by_names(const void *x, const void *y)
{
	const struct stage_event *p = x, *q = y;
	int order = strcmp(p->node, q->node);

	return order ? order : strcmp(p->peer, q->peer);
}

static int
by_names_and_time(const void *x, const void *y)
{
	const struct stage_event *p = x, *q = y;
	int order = by_names(p, q);

	if (order)
		return order;
	if (p->at.ns != q->at.ns)
		return p->at.ns < q->at.ns ? -1 : 1;
	return p->order < q->order ? -1 : p->order > q->order;
}

void
stage_events_settle(struct stage_events *events)
{
	struct stage_event *e = events->event;
	size_t n = 0, last = 0;

	for (size_t i = 0; i < events->n; i++) {
		e[i].order = i;
		if (e[i].kind != STAGE_OTHER)
			e[n++] = e[i];
	}
	if (n)
		qsort(e, n, sizeof(*e), by_names_and_time);
	for (size_t i = 0; i < n; i++) {
		if (i + 1 == n || by_names(&e[i], &e[i + 1]) != 0)
			e[last++] = e[i];
	}
	events->n = last;
}

/* What node said of peer last, if that was after since, or NULL. */
static const struct stage_event *
last_word(const struct stage_events *events, const char *node, const char *peer,
    struct wall since)
{
	const struct stage_event *e;
	struct stage_event key;

	if (events->n == 0)
		return NULL;
	(void)snprintf(key.node, sizeof(key.node), "%s", node); /* names fit */
	(void)snprintf(key.peer, sizeof(key.peer), "%s", peer); /* likewise */
	e = bsearch(&key, events->event, events->n, sizeof(key), by_names);
	return e && since.ns && e->at.ns < since.ns - STAGE_CLOCKS_NS ? NULL : e;
}

static bool
is_bad(const struct stage_event *e)
{
	return e && (e->kind == STAGE_DEMOTED || e->kind == STAGE_REFUSED);
}

enum stage_verdict
stage_verdict(const struct stage_events *events, const char *const ends[2],
    struct wall since, struct wall *at)
{
	const struct stage_event *x = last_word(events, ends[0], ends[1], since);
	const struct stage_event *y = last_word(events, ends[1], ends[0], since);

	at->ns = is_bad(x) ? x->at.ns : 0;
	if (is_bad(y) && y->at.ns > at->ns)
		at->ns = y->at.ns;
	if (is_bad(x) || is_bad(y))
		return STAGE_BAD;
	return x && y && x->kind == STAGE_DIRECT && y->kind == STAGE_DIRECT
		   ? STAGE_GOOD
		   : STAGE_UNHEARD;
}

bool
stage_left_out(const struct stage_past *past, const char *a, const char *b,
    struct wall *failed)
{
	const struct plan_route *r = plan_route(past->present, a, b);
	bool in_force = r && r->path != PLAN_HUB;
	struct wall since = in_force ? r->since : (struct wall){ 0 };
	enum stage_verdict v =
	    stage_verdict(past->events, (const char *const[]){ a, b }, since, failed);

	if (!in_force) {
		if (r && r->since.ns > failed->ns)
			*failed = r->since;
		return past->now.ns - failed->ns < STAGE_LEFT_OUT_NS;
	}
	if (v == STAGE_BAD)
		return true;
	if (v == STAGE_GOOD || since.ns == 0 || r->good ||
	    past->now.ns - since.ns <= STAGE_SILENT_NS)
		return false;
	*failed = past->now;
	return true;
}

bool
stage_sees(size_t reporting, size_t nodes)
{
	return reporting * 100 >= nodes * STAGE_REPORTING_PCT;
}

bool
stage_slower(int64_t was_us, int64_t is_us)
{
	return was_us != PLAN_UNKNOWN && is_us != PLAN_UNKNOWN &&
	       is_us * SLOWER_DEN > was_us * SLOWER_NUM && is_us > was_us + SLOWER_US;
}

bool
stage_doubts(size_t slower, size_t pairs)
{
	/* One pair alone may well have become slower. */
	return slower > 1 && slower * 100 > pairs * STAGE_WORSE_PCT;
}
