/* SPDX-License-Identifier: MIT */
#include "optimizer/agent/status_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/mem.h"
#include "optimizer/agent/event_json.h"

static void
set_text(json_t *o, const char *key, const char *text)
{
	(void)json_object_set_new(o, key, json_string(text));
}

static void
set_time(json_t *o, const char *key, struct wall t)
{
	char text[WALL_TEXT_MAX];

	wall_format(t, text);
	set_text(o, key, text);
}

/* null = unknown. */
static void
set_ms(json_t *o, const char *key, int64_t us)
{
	(void)json_object_set_new(o, key,
	    us < 0 ? json_null() : json_real((double)us / 1000));
}

/* Seconds until then, if that is to come. */
static void
set_wait(json_t *o, const char *key, struct mono until, struct mono now)
{
	if (until.ns > now.ns)
		(void)json_object_set_new(o, key,
		    json_integer((mono_diff(until, now) + NS_PER_S - 1) / NS_PER_S));
}

static json_t *
plan(const struct status_json *s)
{
	json_t *o = json_object();

	if (s->follow->has) {
		(void)json_object_set_new(o, "epoch",
		    json_integer((json_int_t)s->follow->order.epoch));
		set_time(o, "issued", s->follow->order.issued);
		set_time(o, "accepted", s->follow->accepted);
	}
	(void)json_object_set_new(o, "fresh", json_boolean(s->fresh));
	set_text(o, "refused", s->plan_text);
	return o;
}

static json_t *
hub(const struct status_json *s)
{
	const struct live *live = core_hub(s->core);
	json_t *o = json_object();

	set_text(o, "name", s->mesh->nodes[s->mesh->hub].name);
	(void)json_object_set_new(o, "answers",
	    json_boolean(!core_hub_silent(s->core) && live->good > 0));
	set_ms(o, "rtt_ms", live->rtt_us);
	return o;
}

static json_t *
netd(const struct status_json *s)
{
	json_t *o = json_object();

	(void)json_object_set_new(o, "changes",
	    json_integer((json_int_t)s->netd->changes));
	(void)json_object_set_new(o, "peers", json_integer(s->netd->n_peers));
	(void)json_object_set_new(o, "routes", json_integer(s->netd->n_routes));
	(void)json_object_set_new(o, "tokens", json_integer(s->netd->tokens));
	(void)json_object_set_new(o, "next_token_s", json_integer(s->netd->next_s));
	(void)json_object_set_new(o, "read_only",
	    json_boolean(s->netd->flags & NETD_READ_ONLY));
	set_text(o, "verdict", s->netd->verdict);
	return o;
}

static json_t *
pair(const struct status_json *s, size_t i)
{
	const struct way *w = core_way(s->core, i);
	char path[MESH_NAME_MAX + 8];
	json_t *o = json_object();

	set_text(o, "peer", s->mesh->nodes[i].name);
	set_text(o, "state", way_state_name(way_state(w)));
	event_json_path(s->mesh, way_path(w), w->seen.via, path);
	set_text(o, "path", path);
	event_json_path(s->mesh, w->wish.path, w->wish.via, path);
	set_text(o, "plan", path);
	set_ms(o, "rtt_ms", w->live.rtt_us);
	set_ms(o, "promise_ms", w->wish.promise_us);
	set_ms(o, "hub_ms", w->wish.hub_us);
	(void)json_object_set_new(o, "misses", json_integer(w->live.misses));
	if (live_loss_permille(&w->live) >= 0)
		(void)json_object_set_new(o, "loss",
		    json_real(live_loss_permille(&w->live) / 1000.));
	if (w->seen.handshake_age_ns >= 0)
		(void)json_object_set_new(o, "handshake_s",
		    json_integer(
			(w->seen.handshake_age_ns + mono_diff(s->mono, w->seen_at)) /
			NS_PER_S));
	(void)json_object_set_new(o, "emergency", json_boolean(w->emergency));
	(void)json_object_set_new(o, "operator", json_boolean(w->seen.foreign));
	set_wait(o, "hold_s", w->hold_until, s->mono);
	set_wait(o, "retry_s", w->retry_at, s->mono);
	set_text(o, "text", w->seen.foreign ? w->seen.words : w->why.text);
	return o;
}

static json_t *
pairs(const struct status_json *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->mesh->n_nodes; i++) {
		const struct way *w = core_way(s->core, i);

		if (i == s->self || i == s->mesh->hub ||
		    (w->wish.path == WAY_BY_HUB && way_state(w) == WAY_HUB &&
			!w->seen.foreign))
			continue;
		(void)json_array_append_new(list, pair(s, i));
	}
	return list;
}

char *
status_json(const struct status_json *s)
{
	json_t *o = json_object();
	char *text, *line;
	size_t len;

	set_text(o, "mesh", s->mesh->name);
	set_text(o, "node", s->mesh->nodes[s->self].name);
	set_time(o, "time", s->now);
	set_time(o, "started", s->started);
	(void)json_object_set_new(o, "frozen",
	    json_boolean(core_node(s->core)->frozen));
	set_text(o, "collector", s->collector);
	(void)json_object_set_new(o, "plan", plan(s));
	(void)json_object_set_new(o, "hub", hub(s));
	(void)json_object_set_new(o, "netd", netd(s));
	(void)json_object_set_new(o, "pairs", pairs(s));
	text = json_dumps(o, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
	json_decref(o);
	if (!text)
		return NULL;
	len = strlen(text);
	line = mem_alloc(len + 2);
	memcpy(line, text, len);
	line[len] = '\n';
	free(text);
	return line;
}
