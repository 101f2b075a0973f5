/* SPDX-License-Identifier: MIT */
#include "collector/api_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/crc32c.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/signed.h"

#include "collector/answer.h"
#include "collector/api_reply.h"

#define PARAMS (1u << QUERY_WAIT | 1u << QUERY_FORMAT)
/* Each holds a connection: a mesh of 1,000 nodes may wait. */
#define WAITERS_MAX 1500

struct body {
	uint8_t *bytes; /* owned */
	size_t len;
	uint64_t epoch;
	double gain_s; /* negative = it does not say */
};

struct waiter {
	struct http_request *request;
	struct mono until;
	bool payload; /* format=json */
	struct waiter *next;
};

struct api_plan {
	struct body now; /* bytes NULL = none */
	struct waiter *waiters;
	size_t n_waiters;
	bool ending; /* nobody may wait any more */
};

struct api_plan *
api_plan_new(void)
{
	return mem_alloc(sizeof(struct api_plan));
}

void
api_plan_free(struct api_plan *plan)
{
	if (!plan)
		return;
	free(plan->now.bytes);
	free(plan);
}

bool
api_plan_facts(const struct api *api, uint64_t *epoch, double *gain_s)
{
	const struct body *now = &api->plan->now;

	*epoch = now->epoch;
	*gain_s = now->gain_s;
	return now->bytes != NULL;
}

/* Is the text signed for this mesh, and which is it?  0, or an HTTP status. */
static unsigned
judge(const struct mesh *mesh, struct body *body, struct err *err)
{
	const uint8_t *payload;
	const json_t *epoch;
	size_t len;
	json_t *o;
	unsigned status = 0;
	int r;

	if (wgkey_is_zero(&mesh->plan_key)) {
		(void)err_set(err,
		    "mesh %s has no PlanKey: no plan can be judged; add it to the "
		    "mesh file",
		    mesh->name);
		return 403;
	}
	r = signed_open(&mesh->plan_key, body->bytes, body->len, &payload, &len, err);
	if (r < 0)
		return r == -EKEYREJECTED ? 403 : 400;
	o = json_loadb((const char *)payload, len, JSON_REJECT_DUPLICATES, NULL);
	epoch = json_object_get(o, "epoch");
	if (!json_is_integer(epoch) || json_integer_value(epoch) < 1) {
		(void)err_set(err, "the plan has no epoch above 0");
		status = 400;
	} else if (!json_is_string(json_object_get(o, "mesh")) ||
		   strcmp(json_string_value(json_object_get(o, "mesh")), mesh->name)) {
		(void)err_set(err, "the plan is not of mesh %s", mesh->name);
		status = 400;
	} else {
		body->epoch = (uint64_t)json_integer_value(epoch);
		body->gain_s = -1;
		if (json_is_number(json_object_get(o, "value")))
			body->gain_s = json_number_value(json_object_get(o, "value")) /
				       (double)US_PER_S;
	}
	json_decref(o);
	return status;
}

struct loading {
	struct api *api;
	bool told; /* that one is left out: there may be as many as are kept */
};

static int
load_one(const struct store_plan *stored, void *ctx)
{
	struct loading *loading = ctx;
	struct api *api = loading->api;
	struct body body = { .bytes = mem_alloc(stored->len), .len = stored->len };
	struct err err;

	memcpy(body.bytes, stored->body, stored->len);
	if (judge(api->mesh, &body, &err) == 0) {
		api->plan->now = body;
		return 1;
	}
	/* As after a change of PlanKey. */
	if (!loading->told)
		log_warnx("stored plan of epoch %llu: %s: left out, as others may be",
		    (unsigned long long)stored->epoch, err.text);
	loading->told = true;
	free(body.bytes);
	return 0;
}

int
api_plan_load(struct api *api, struct store *store, struct err *err)
{
	struct loading loading = { .api = api };
	int r = store->ops->scan_plans(store, load_one, &loading, err);

	return r < 0 ? r : 0;
}

static void
set_etag(const struct body *body, char etag[HTTP_ETAG_MAX])
{
	(void)snprintf(etag, HTTP_ETAG_MAX, "\"%llu-%08x\"",
	    (unsigned long long)body->epoch,
	    (unsigned)crc32c(0, body->bytes, body->len)); /* fits */
}

/* The plan as it is now, a 304, or that there is none. */
static void
reply(const struct api *api, struct http_request *request, bool payload)
{
	const struct body *now = &api->plan->now;
	struct http_response response = { .status = 200, .type = SIGNED_MEDIA_TYPE };
	const uint8_t *text = now->bytes;
	size_t len = now->len;

	if (!now->bytes) {
		api_reply_error(request, 404, "no plan was published yet");
		return;
	}
	set_etag(now, response.etag);
	if (payload) {
		/* Was opened before; the signature is of no more use then. */
		(void)signed_open(&api->mesh->plan_key, now->bytes, now->len, &text,
		    &len, NULL);
		response.type = API_REPLY_JSON;
	}
	if (answer_match(request->if_none_match, response.etag)) {
		response.status = 304;
	} else {
		response.body = mem_alloc(len ? len : 1);
		memcpy(response.body, text, len);
		response.len = len;
	}
	http_reply(request, &response);
}

void
api_plan_get(struct api *api, struct http_request *request)
{
	const struct query_rules rules = { "plan", PARAMS,
		1u << QUERY_JSON | 1u << QUERY_BIN, 0 };
	struct api_plan *plan = api->plan;
	char etag[HTTP_ETAG_MAX];
	struct waiter *waiter;
	struct query q;
	struct err err;
	bool payload;

	if (query_parse(request, &rules, clock_wall(), &q, &err) < 0) {
		api_reply_error(request, 400, err.text);
		return;
	}
	payload = query_has(&q, QUERY_FORMAT) && q.format == QUERY_JSON;
	if (plan->now.bytes) {
		set_etag(&plan->now, etag);
		if (!answer_match(request->if_none_match, etag))
			q.wait_s = 0;
	}
	if (q.wait_s == 0 || plan->ending || plan->n_waiters == WAITERS_MAX) {
		reply(api, request, payload);
		return;
	}
	waiter = mem_alloc(sizeof(*waiter));
	*waiter = (struct waiter){ request, mono_add(clock_mono(), q.wait_s * NS_PER_S),
		payload, plan->waiters };
	plan->waiters = waiter;
	plan->n_waiters++;
}

static void
answer_waiters(struct api *api, struct mono now, bool all)
{
	struct waiter **link = &api->plan->waiters, *waiter;

	while ((waiter = *link) != NULL) {
		if (!all && mono_diff(waiter->until, now) > 0) {
			link = &waiter->next;
			continue;
		}
		*link = waiter->next;
		api->plan->n_waiters--;
		reply(api, waiter->request, waiter->payload);
		free(waiter);
	}
}

void
api_plan_tick(struct api *api, struct mono now)
{
	answer_waiters(api, now, false);
}

void
api_plan_end(struct api *api)
{
	api->plan->ending = true;
	answer_waiters(api, clock_mono(), true);
}

/* A plan on its way to the disk. */
struct put {
	struct writer_task task; /* the first member */
	struct api *api;
	struct http_request *request;
	struct body body;
	struct store_plan stored;
};

static void
put_free(struct put *put)
{
	free(put->body.bytes);
	free(put);
}

/* Signed by the key of the mesh file as it is: the others are not given out. */
static bool
counts(const uint8_t *body, size_t len, const void *ctx)
{
	const uint8_t *payload;
	struct err err;

	return signed_open(ctx, body, len, &payload, &len, &err) == 0;
}

static int
put_run(struct writer_task *task, struct store *store, struct err *err)
{
	struct put *put = (struct put *)task;

	return store->ops->put_plan(store, &put->stored, err);
}

static void
put_done(struct writer_task *task)
{
	struct put *put = (struct put *)task;
	struct api *api = put->api;

	if (task->error) {
		api_reply_error(put->request, 503, "the plan could not be stored");
	} else if (put->stored.fate == STORE_STALE) {
		api_reply_error(put->request, 409,
		    "a plan of this epoch or a later one is there: publish with a "
		    "higher one");
	} else {
		http_reply(put->request, &(struct http_response){ .status = 204 });
		if (put->stored.fate == STORE_NEW &&
		    put->body.epoch > api->plan->now.epoch) {
			free(api->plan->now.bytes);
			api->plan->now = put->body;
			put->body.bytes = NULL;
			log_info("plan of epoch %llu published",
			    (unsigned long long)api->plan->now.epoch);
			answer_waiters(api, clock_mono(), true);
		}
	}
	put_free(put);
}

void
api_plan_put(struct api *api, struct http_request *request)
{
	struct put *put;
	struct err err = { "" };
	unsigned status;

	if (mesh_find_address(api->mesh, &request->peer) == SIZE_MAX) {
		api_reply_error(request, 403,
		    "plans are taken over the overlay, from a node of the mesh");
		return;
	}
	put = mem_alloc(sizeof(*put));
	put->api = api;
	put->request = request;
	put->body.bytes = mem_alloc(request->len ? request->len : 1);
	put->body.len = request->len;
	if (request->len)
		memcpy(put->body.bytes, request->body, request->len);
	status = judge(api->mesh, &put->body, &err);
	if (status) {
		put_free(put);
		api_reply_error(request, status, err.text);
		return;
	}
	put->stored = (struct store_plan){ .epoch = put->body.epoch,
		.at = clock_wall(),
		.body = put->body.bytes,
		.len = put->body.len,
		.counts = counts,
		.ctx = &api->mesh->plan_key };
	put->task.run = put_run;
	put->task.done = put_done;
	if (writer_do(api->writer, &put->task) < 0) {
		put_free(put);
		api_reply_error(request, 503, "too much waits for the disk");
	}
}
