/* SPDX-License-Identifier: MIT */
#include "optimizer/agent/event_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/mem.h"

struct event_json {
	const struct mesh *mesh; /* borrowed */
	char boot[17];
	uint64_t seq;
	json_t *list; /* an array, the oldest first */
	size_t out;   /* so many of them are under way */
	size_t most;  /* in a body */
};

struct event_json *
event_json_new(const struct mesh *mesh, uint64_t boot)
{
	struct event_json *s = mem_alloc(sizeof(*s));

	s->mesh = mesh;
	(void)snprintf(s->boot, sizeof(s->boot), "%016llx", (unsigned long long)boot);
	s->list = json_array();
	s->most = EVENT_BATCH_MAX;
	return s;
}

void
event_json_free(struct event_json *s)
{
	if (!s)
		return;
	json_decref(s->list);
	free(s);
}

void
event_json_mesh(struct event_json *s, const struct mesh *mesh)
{
	s->mesh = mesh;
}

const char *
event_json_kind(enum core_event_kind kind)
{
	static const char *const names[] = { "staged", "direct", "demoted", "withdrawn",
		"refused", "frozen", "operator", "endpoint", "fault" };

	return names[kind];
}

void
event_json_path(const struct mesh *mesh, enum way_path path, size_t via,
    char text[MESH_NAME_MAX + 8])
{
	(void)snprintf(text, MESH_NAME_MAX + 8, "%s%s",
	    path == WAY_BY_HUB	    ? "hub"
	    : path == WAY_BY_TUNNEL ? "direct"
				    : "relay:",
	    path == WAY_BY_RELAY ? mesh->nodes[via].name : ""); /* fits */
}

void
event_json_add(struct event_json *s, const struct core_event *event, uint64_t epoch,
    struct wall now)
{
	char at[WALL_TEXT_MAX], path[MESH_NAME_MAX + 8], text[EVENT_TEXT_MAX];
	json_t *o = json_object();

	wall_format(now, at);
	(void)snprintf(text, sizeof(text), "%.*s", EVENT_TEXT_MAX - 1, event->text);
	(void)json_object_set_new(o, "kind", json_string(event_json_kind(event->kind)));
	if (event->node != SIZE_MAX) {
		event_json_path(s->mesh, event->path, event->via, path);
		(void)json_object_set_new(o, "peer",
		    json_string(s->mesh->nodes[event->node].name));
		(void)json_object_set_new(o, "path", json_string(path));
	}
	(void)json_object_set_new(o, "text", json_string(text));
	if (event->rtt_us >= 0)
		(void)json_object_set_new(o, "rtt_us", json_integer(event->rtt_us));
	(void)json_object_set_new(o, "epoch", json_integer((json_int_t)epoch));
	(void)json_object_set_new(o, "at", json_string(at));
	(void)json_object_set_new(o, "seq", json_integer((json_int_t)s->seq++));
	if (json_array_size(s->list) >= EVENT_SPOOL_MAX)
		(void)json_array_remove(s->list, s->out); /* it is there */
	(void)json_array_append_new(s->list, o);	  /* no memory: an event less */
}

char *
event_json_body(struct event_json *s)
{
	size_t have = json_array_size(s->list);
	json_t *o, *batch;
	char *text;

	if (have == 0)
		return NULL;
	s->out = have < s->most ? have : s->most;
	batch = json_array();
	for (size_t i = 0; i < s->out; i++)
		(void)json_array_append(batch, json_array_get(s->list, i));
	o = json_object();
	(void)json_object_set_new(o, "boot", json_string(s->boot));
	(void)json_object_set_new(o, "events", batch);
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

bool
event_json_done(struct event_json *s, enum event_json_fate fate)
{
	bool over =
	    fate == EVENT_JSON_TAKEN || (fate == EVENT_JSON_REFUSED && s->out == 1);

	if (fate == EVENT_JSON_REFUSED && !over)
		s->most = s->out / 2;
	else if (over)
		s->most = 2 * s->most < EVENT_BATCH_MAX ? 2 * s->most : EVENT_BATCH_MAX;
	for (; over && s->out > 0; s->out--)
		(void)json_array_remove(s->list, 0); /* it is there */
	s->out = 0;
	return over;
}
