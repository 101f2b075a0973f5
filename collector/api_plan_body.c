/* SPDX-License-Identifier: MIT */
#include "collector/api_plan_body.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/crc32c.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/signed.h"

unsigned
api_plan_body_judge(const struct mesh *mesh, struct api_plan_body *body,
    struct err *err)
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
	const struct mesh *mesh;
	struct api_plan_body *out;
	bool told; /* that one is left out: there may be as many as are kept */
};

static int
load_one(const struct store_plan *stored, void *ctx)
{
	struct loading *loading = ctx;
	struct api_plan_body body = { .bytes = mem_alloc(stored->len),
		.len = stored->len };
	struct err err;

	memcpy(body.bytes, stored->body, stored->len);
	if (api_plan_body_judge(loading->mesh, &body, &err) == 0) {
		*loading->out = body;
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
api_plan_body_newest(const struct mesh *mesh, struct store *store,
    struct api_plan_body *out, struct err *err)
{
	struct loading loading = { .mesh = mesh, .out = out };
	int r = store->ops->scan_plans(store, load_one, &loading, err);

	return r < 0 ? r : 0;
}

void
api_plan_body_etag(const struct api_plan_body *body, char etag[HTTP_ETAG_MAX])
{
	(void)snprintf(etag, HTTP_ETAG_MAX, "\"%llu-%08x\"",
	    (unsigned long long)body->epoch,
	    (unsigned)crc32c(0, body->bytes, body->len)); /* fits */
}
