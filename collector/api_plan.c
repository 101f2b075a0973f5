/* SPDX-License-Identifier: MIT */
#include "collector/api_plan.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/signed.h"

#include "collector/answer.h"
#include "collector/api_plan_body.h"
#include "collector/api_reply.h"

#define PARAMS (1u << QUERY_WAIT | 1u << QUERY_FORMAT)
/* Each holds a connection: a mesh of 1,000 nodes may wait. */
#define WAITERS_MAX 1500

/* Between two looks at a store that other collectors write, too. */
#define LOOK_NS (2 * NS_PER_S)

struct waiter {
	struct http_request *request;
	struct mono until;
	bool payload; /* format=json */
	struct waiter *next;
};

/* Has another collector been given a newer plan? */
struct look {
	struct reader_job job; /* the first member */
	struct api *api;
	struct store_plan newest; /* epoch and at of what was looked at last */
	struct api_plan_body found;
	struct mono next;
	bool wanted, under_way; /* wanted: the store is shared */
};

struct api_plan {
	struct api_plan_body now; /* bytes NULL = none */
	struct look look;
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

int
api_plan_load(struct api *api, struct store *store, struct err *err)
{
	api->plan->look.wanted = store->ops->newest_plan != NULL;
	return api_plan_body_newest(api->mesh, store, &api->plan->now, err);
}

bool
api_plan_facts(const struct api *api, uint64_t *epoch, double *gain_s)
{
	const struct api_plan_body *now = &api->plan->now;

	*epoch = now->epoch;
	*gain_s = now->gain_s;
	return now->bytes != NULL;
}

/* The plan as it is now, a 304, or that there is none. */
static void
reply(const struct api *api, struct http_request *request, bool payload)
{
	const struct api_plan_body *now = &api->plan->now;
	struct http_response response = { .status = 200, .type = SIGNED_MEDIA_TYPE };
	const uint8_t *text = now->bytes;
	size_t len = now->len;

	if (!now->bytes) {
		api_reply_error(request, 404, "no plan was published yet");
		return;
	}
	api_plan_body_etag(now, response.etag);
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
		api_plan_body_etag(&plan->now, etag);
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

/* From now on this one is the plan; its bytes are taken. */
static void
begin(struct api *api, struct api_plan_body *body, const char *how)
{
	free(api->plan->now.bytes);
	api->plan->now = *body;
	body->bytes = NULL;
	log_info("plan of epoch %llu %s", (unsigned long long)api->plan->now.epoch,
	    how);
	answer_waiters(api, clock_mono(), true);
}

/* On the reader's thread. */
static void
look_run(struct reader_job *job, struct store *store)
{
	struct look *look = (struct look *)job;
	struct store_plan newest;
	struct err err; /* the writer says so when the server is away */

	if (!store || store->ops->newest_plan(store, &newest, &err) < 0 ||
	    (newest.epoch == look->newest.epoch && newest.at.ns == look->newest.at.ns))
		return;
	if (api_plan_body_newest(look->api->mesh, store, &look->found, &err) == 0)
		look->newest = newest;
}

static void
look_done(struct reader_job *job)
{
	struct look *look = (struct look *)job;
	struct api *api = look->api;

	look->under_way = false;
	if (look->found.bytes && look->found.epoch > api->plan->now.epoch)
		begin(api, &look->found, "published by another collector");
	free(look->found.bytes);
	look->found.bytes = NULL;
}

void
api_plan_tick(struct api *api, struct mono now)
{
	struct look *look = &api->plan->look;

	answer_waiters(api, now, false);
	if (!look->wanted || look->under_way || mono_diff(look->next, now) > 0)
		return;
	look->next = mono_add(now, LOOK_NS);
	look->api = api;
	look->job =
	    (struct reader_job){ .run = look_run, .done = look_done, .quick = true };
	look->under_way = reader_submit(api->reader, &look->job) == 0;
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
	struct api_plan_body body;
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
		    put->body.epoch > api->plan->now.epoch)
			begin(api, &put->body, "published");
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
	status = api_plan_body_judge(api->mesh, &put->body, &err);
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
