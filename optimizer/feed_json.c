/* SPDX-License-Identifier: MIT */
#include "optimizer/feed_json.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/when.h"

static json_t *
parse(const char *text, size_t len, const char *list, struct err *err)
{
	json_error_t where;
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);

	if (o && json_is_array(json_object_get(o, list)))
		return o;
	(void)err_set(err,
	    "the collector's %s are not what meshopt-collector answers; is it of "
	    "this version?",
	    list);
	json_decref(o);
	return NULL;
}

static bool
copy_name(const json_t *o, const char *key, char out[MESH_NAME_MAX])
{
	const char *name = json_string_value(json_object_get(o, key));

	if (!name || !mesh_name_ok(name))
		return false;
	memcpy(out, name, strlen(name) + 1);
	return true;
}

int
feed_events(const char *text, size_t len, struct stage_events *out, struct err *err)
{
	json_t *o = parse(text, len, "events", err);
	const json_t *list = json_object_get(o, "events"), *item;

	*out = (struct stage_events){ 0 };
	if (!o)
		return -EINVAL;
	out->event = mem_array(json_array_size(list) + 1, sizeof(*out->event));
	for (size_t i = 0; (item = json_array_get(list, i)); i++) {
		struct stage_event *e = &out->event[out->n];
		const char *kind = json_string_value(json_object_get(item, "kind"));
		const char *at = json_string_value(json_object_get(item, "at"));

		if (!kind || !at || when_parse_rfc3339(at, &e->at) < 0 ||
		    !copy_name(item, "node", e->node) ||
		    !copy_name(item, "peer", e->peer))
			continue;
		e->kind = stage_kind_parse(kind);
		out->n++;
	}
	stage_events_settle(out);
	json_decref(o);
	return 0;
}

int
feed_hints(const char *text, size_t len, const char *hub, struct hints *out,
    struct err *err)
{
	json_t *o = parse(text, len, "events", err);
	const json_t *list = json_object_get(o, "events"), *item;

	if (!o)
		return -EINVAL;
	for (size_t i = 0; (item = json_array_get(list, i)); i++) {
		const char *kind = json_string_value(json_object_get(item, "kind"));
		const char *at = json_string_value(json_object_get(item, "at"));
		const char *words = json_string_value(json_object_get(item, "text"));
		char node[MESH_NAME_MAX], peer[MESH_NAME_MAX];
		struct wall when;

		if (kind && strcmp(kind, "endpoint") == 0 && at && words &&
		    when_parse_rfc3339(at, &when) == 0 &&
		    copy_name(item, "node", node) && copy_name(item, "peer", peer) &&
		    strcmp(node, hub) == 0)
			hints_learn(out, peer, words, when);
	}
	json_decref(o);
	return 0;
}

/* Any node may have sent it. */
static void
copy_printable(const char *from, char *to, size_t size)
{
	size_t n = 0;

	for (; from && from[n] && n + 1 < size; n++)
		to[n] = (unsigned char)from[n] < ' ' || from[n] == 0x7f ? '?' : from[n];
	to[n] = '\0';
}

int
feed_words(const char *text, size_t len, const char *const ends[2],
    struct feed_word out[2], struct err *err)
{
	json_t *o = parse(text, len, "events", err);
	const json_t *list = json_object_get(o, "events"), *item;

	memset(out, 0, 2 * sizeof(*out));
	if (!o)
		return -EINVAL;
	for (size_t i = 0; (item = json_array_get(list, i)); i++) {
		const char *at = json_string_value(json_object_get(item, "at"));
		char node[MESH_NAME_MAX], peer[MESH_NAME_MAX];
		struct wall when;
		int end;

		if (!at || when_parse_rfc3339(at, &when) < 0 ||
		    !copy_name(item, "node", node) || !copy_name(item, "peer", peer))
			continue;
		end = strcmp(node, ends[0]) != 0;
		if (strcmp(node, ends[end]) || strcmp(peer, ends[!end]) ||
		    when.ns <= out[end].at.ns)
			continue;
		out[end].at = when;
		copy_printable(json_string_value(json_object_get(item, "kind")),
		    out[end].kind, sizeof(out[end].kind));
		copy_printable(json_string_value(json_object_get(item, "text")),
		    out[end].text, sizeof(out[end].text));
	}
	json_decref(o);
	return 0;
}

int
feed_nodes(const char *text, size_t len, struct feed_nodes *out, struct err *err)
{
	json_t *o = parse(text, len, "nodes", err);
	const json_t *list = json_object_get(o, "nodes"), *item;

	*out = (struct feed_nodes){ 0 };
	if (!o)
		return -EINVAL;
	for (size_t i = 0; (item = json_array_get(list, i)); i++) {
		const char *state = json_string_value(json_object_get(item, "state"));

		out->all++;
		out->reporting += state && strcmp(state, "reporting") == 0;
	}
	json_decref(o);
	return 0;
}
