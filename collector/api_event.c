/* SPDX-License-Identifier: MIT */
/*
 * The store keeps a text an event; ours is the JSON object of what is said beside node,
 * time and kind: {"peer": ..., "text": ...}.
 */
#include "collector/api_event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/when.h"

#include "collector/api_reply.h"

#define DEFAULT_SPAN_NS (7 * 24 * 3600 * NS_PER_S)
#define DEFAULT_LIMIT	1000
/* A node tells of some changes in ten minutes; after a day alone of some hundred. */
#define EVENTS_MAX 1000
/* After those, one in so long: nobody's may crowd out what others say. */
#define EVENTS_EACH (10 * NS_PER_S)
#define KIND_MAX    32
#define TEXT_MAX    500
/* A clock ahead by more than the reports' own limit is a clock to set. */
#define FUTURE_NS (60 * NS_PER_S)

#define PARAMS \
	(1u << QUERY_SINCE | 1u << QUERY_UNTIL | 1u << QUERY_LIMIT | 1u << QUERY_NODE)

/* The newest that pass, in a ring. */
struct ring {
	const struct api_event_query *query;
	json_t **events; /* owned; of limit */
	uint64_t n;	 /* that passed so far */
};

static bool
wanted(const struct api_event_query *q, const char *node, const char *peer)
{
	const char *a = q->nodes[0], *b = q->nodes[1];

	if (!a)
		return true;
	if (!b)
		return strcmp(node, a) == 0 || strcmp(peer, a) == 0;
	if (strcmp(node, a) == 0)
		return !*peer || strcmp(peer, b) == 0;
	return strcmp(node, b) == 0 && (!*peer || strcmp(peer, a) == 0);
}

static int
on_event(const struct store_event *event, void *ctx)
{
	struct ring *ring = ctx;
	json_t *o = json_loads(event->text, JSON_REJECT_DUPLICATES, NULL);
	const char *peer = json_string_value(json_object_get(o, "peer"));
	char text[WALL_TEXT_MAX], boot[17];
	json_t **place;

	if (!json_is_object(o) || !wanted(ring->query, event->node, peer ? peer : "")) {
		json_decref(o);
		return 0;
	}
	wall_format(event->at, text);
	(void)snprintf(boot, sizeof(boot), "%016llx", (unsigned long long)event->boot);
	json_object_set_new(o, "at", json_string(text));
	json_object_set_new(o, "node", json_string(event->node));
	json_object_set_new(o, "kind", json_string(event->kind));
	json_object_set_new(o, "boot", json_string(boot));
	json_object_set_new(o, "seq", json_integer((json_int_t)event->seq));
	place = &ring->events[ring->n++ % ring->query->limit];
	json_decref(*place);
	*place = o;
	return 0;
}

int
api_event_print(const struct api *api, struct store *store,
    const struct api_event_query *query, FILE *out, struct err *err)
{
	struct ring ring = { .query = query };
	uint64_t shown;
	int r;

	(void)api;
	ring.events = mem_array(query->limit, sizeof(json_t *));
	r = store->ops->scan_events(store, &query->window, on_event, &ring, err);
	shown = ring.n < query->limit ? ring.n : query->limit;
	fputc('[', out);
	for (uint64_t i = 0; i < shown && r == 0; i++) {
		fputs(i ? ",\n" : "\n", out);
		if (json_dumpf(ring.events[(ring.n - 1 - i) % query->limit], out,
			JSON_COMPACT | JSON_SORT_KEYS) < 0)
			break; /* the stream remembers */
	}
	fputc(']', out);
	for (uint64_t i = 0; i < shown; i++)
		json_decref(ring.events[i]);
	free(ring.events);
	return r;
}

static int
make(struct api_job *job, struct store *store, FILE *out)
{
	const struct query *q = &job->query;
	const struct api_event_query query = { .window = { q->since, q->until },
		.limit = q->limit,
		.nodes = { q->node, NULL } };
	int r;

	if (!store)
		return err_code(&job->err, EIO, "the store cannot be read");
	fprintf(out, "{\"mesh\":\"%s\",\"events\":", job->api->mesh->name);
	r = api_event_print(job->api, store, &query, out, &job->err);
	fputs("}\n", out);
	return r;
}

void
api_event_get(struct api *api, struct http_request *request)
{
	const struct query_rules rules = { "events", PARAMS, 1u << QUERY_JSON, 0 };
	struct api_job job = { .api = api, .request = request, .now = clock_wall() };
	struct query *q = &job.query;
	struct err err;

	if (query_parse(request, &rules, job.now, q, &err) < 0) {
		api_reply_error(request, 400, err.text);
		return;
	}
	if (!query_has(q, QUERY_SINCE))
		q->since.ns = q->until.ns - DEFAULT_SPAN_NS;
	if (!query_has(q, QUERY_UNTIL))
		q->until.ns += FUTURE_NS; /* of a clock that is a little ahead */
	if (!q->limit)
		q->limit = DEFAULT_LIMIT;
	job.type = API_REPLY_JSON;
	job.make = make;
	job.job.quick = true;
	api_reply_job(&job);
}

/* Events on their way to the disk, with the request that waits for them. */
struct post {
	struct writer_task task; /* the first member */
	struct http_request *request;
	json_t *body;		    /* owned; kinds are borrowed from it */
	struct store_event *events; /* owned, and their texts */
	size_t n;
};

static void
post_free(struct post *post)
{
	for (size_t i = 0; i < post->n; i++)
		free((char *)(uintptr_t)post->events[i].text); /* ours, from dumps */
	free(post->events);
	json_decref(post->body);
	free(post);
}

static int
post_run(struct writer_task *task, struct store *store, struct err *err)
{
	struct post *post = (struct post *)task;

	return store->ops->put_events(store, post->events, post->n, err);
}

static void
post_done(struct writer_task *task)
{
	struct post *post = (struct post *)task;

	if (task->error)
		api_reply_error(post->request, 503, "the events could not be stored");
	else
		http_reply(post->request, &(struct http_response){ .status = 204 });
	post_free(post);
}

static bool
kind_ok(const char *kind)
{
	size_t n = strlen(kind);

	return n > 0 && n <= KIND_MAX &&
	       strspn(kind, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == n;
}

/* Seconds since 1970, or RFC 3339. */
static bool
take_time(const json_t *at, struct wall now, struct wall *out)
{
	const char *text = json_string_value(at);

	if (text)
		return when_parse(text, now, out) == 0;
	if (!json_is_number(at) || !(json_number_value(at) >= 0) ||
	    !(json_number_value(at) < 7258118400.0))
		return false;
	out->ns = (int64_t)(json_number_value(at) * 1e3) * NS_PER_MS;
	return true;
}

/* One event; its text is new. */
static int
take_event(const struct api *api, size_t node, const json_t *in,
    struct store_event *out, struct err *err)
{
	const char *kind = json_string_value(json_object_get(in, "kind"));
	const char *text = json_string_value(json_object_get(in, "text"));
	const json_t *peer = json_object_get(in, "peer");
	const json_t *seq = json_object_get(in, "seq");
	struct wall now = clock_wall();
	json_t *said;
	size_t dst;

	if (!kind || !kind_ok(kind))
		return err_set(err, "kind: give 1 to %d of [a-z0-9._-]", KIND_MAX);
	if (!text || strlen(text) > TEXT_MAX)
		return err_set(err, "text: give up to %d bytes of UTF-8", TEXT_MAX);
	if (!json_is_integer(seq) || json_integer_value(seq) < 0)
		return err_set(err, "seq: give a number that grows with each event");
	if (!take_time(json_object_get(in, "at"), now, &out->at) ||
	    out->at.ns > now.ns + FUTURE_NS)
		return err_set(err, "at: not a time, or of the future");
	said = json_pack("{s:s}", "text", text);
	if (peer) {
		dst = json_is_string(peer)
			  ? roster_find(&api->roster, json_string_value(peer))
			  : SIZE_MAX;
		if (dst == SIZE_MAX || dst == node) {
			json_decref(said);
			return err_set(err, "peer: not another node of the mesh");
		}
		json_object_set_new(said, "peer", json_string(json_string_value(peer)));
	}
	out->node = api->mesh->nodes[node].name;
	out->kind = kind;
	out->seq = (uint64_t)json_integer_value(seq);
	out->text = json_dumps(said, JSON_COMPACT);
	json_decref(said);
	if (!out->text)
		log_die("out of memory");
	return 0;
}

static int
take_body(const struct api *api, size_t node, struct post *post, struct err *err)
{
	const char *boot_text = json_string_value(json_object_get(post->body, "boot"));
	const json_t *list = json_object_get(post->body, "events");
	size_t n = json_array_size(list);
	uint64_t boot;
	struct err why;

	if (!boot_text || strlen(boot_text) != 16 ||
	    strspn(boot_text, "0123456789abcdef") != 16)
		return err_set(err, "boot: give 16 hexadecimal digits");
	boot = strtoull(boot_text, NULL, 16);
	if (n == 0 || n > EVENTS_MAX)
		return err_set(err, "events: give an array of 1 to %d", EVENTS_MAX);
	post->events = mem_array(n, sizeof(*post->events));
	for (size_t i = 0; i < n; i++) {
		if (take_event(api, node, json_array_get(list, i), &post->events[i],
			&why) < 0)
			return err_set(err, "event %zu: %s", i, why.text);
		post->events[i].boot = boot;
		post->n++;
	}
	return 0;
}

static bool
too_many(struct node_state *node, size_t n, struct mono now)
{
	struct mono full = node->events_full.ns > now.ns ? node->events_full : now;

	full = mono_add(full, (int64_t)n * EVENTS_EACH);
	if (mono_diff(full, now) > EVENTS_MAX * EVENTS_EACH)
		return true;
	node->events_full = full;
	return false;
}

void
api_event_post(struct api *api, struct http_request *request)
{
	size_t node = mesh_find_address(api->mesh, &request->peer);
	struct post *post;
	struct err err;

	if (node == SIZE_MAX) {
		api_reply_error(request, 403,
		    "events are taken over the overlay, from nodes about themselves");
		return;
	}
	post = mem_alloc(sizeof(*post));
	post->request = request;
	post->body = json_loadb((const char *)request->body, request->len,
	    JSON_REJECT_DUPLICATES, NULL);
	if (!post->body) {
		post_free(post);
		api_reply_error(request, 400, "the body is not JSON");
		return;
	}
	if (take_body(api, node, post, &err) < 0) {
		post_free(post);
		api_reply_error(request, 400, err.text);
		return;
	}
	if (too_many(&api->nodes[node], post->n, clock_mono())) {
		post_free(post);
		api_reply_error(request, 429,
		    "more events of one node than others may be made to wait for");
		return;
	}
	post->task.run = post_run;
	post->task.done = post_done;
	if (writer_do(api->writer, &post->task) < 0) {
		post_free(post);
		api_reply_error(request, 503, "too much waits for the disk");
	}
}
