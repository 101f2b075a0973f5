/* SPDX-License-Identifier: MIT */
#include "optimizer/agent/follow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/crc32c.h"
#include "common/mem.h"
#include "common/num.h"
#include "common/signed.h"
#include "optimizer/agent/keep.h"
#include "optimizer/decide/plan_json.h"

/*
 * From the bytes of an envelope to what it asks for.  If that does not fit the roster,
 * *out is of its epoch and asks for nothing.
 */
static int
open_order(const struct mesh *mesh, const void *bytes, size_t len, struct order *out,
    struct err *err)
{
	const uint8_t *payload;
	size_t payload_len;
	struct plan *plan = NULL;
	int rc;

	*out = (struct order){ 0 };
	if (wgkey_is_zero(&mesh->plan_key))
		return err_set(err,
		    "the mesh file has no PlanKey, so no plan can be trusted");
	rc = signed_open(&mesh->plan_key, bytes, len, &payload, &payload_len, err);
	if (rc < 0)
		return rc;
	rc = plan_from_json((const char *)payload, payload_len, &plan, err);
	if (rc == 0 && !plan->issue)
		rc = err_set(err, "plan: it was not published: it has no epoch");
	if (rc == 0)
		rc = order_from_plan(mesh, plan, out, err);
	if (rc < 0 && plan && plan->issue) {
		out->epoch = plan->issue->epoch;
		out->issued = plan->issue->issued;
	}
	plan_free(plan);
	return rc;
}

static int
load(struct follow *f, struct err *err)
{
	struct order order;
	struct wall written;
	uint8_t *bytes = NULL;
	size_t len;
	int rc;

	rc = keep_read(f->dir, FOLLOW_FILE, &bytes, &len, &written);
	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return err_code(err, -rc, "%s/" FOLLOW_FILE ": %s", f->dir,
		    strerror(-rc));
	rc = open_order(f->mesh, bytes, len, &order, err);
	if (order.epoch) {
		order_fini(&f->order);
		f->order = order;
		f->accepted = written;
		f->crc = crc32c(0, bytes, len);
		f->has = true;
		f->unfit = rc < 0;
	}
	free(bytes);
	return rc;
}

int
follow_load(struct follow *f, const struct mesh *mesh, const char *dir, struct err *err)
{
	*f = (struct follow){ .mesh = mesh, .dir = dir };
	return load(f, err);
}

int
follow_reload(struct follow *f, const struct mesh *mesh, struct err *err)
{
	/* Epochs are counted key by key: that of a stolen one may be any. */
	bool same = wgkey_compare(&f->mesh->plan_key, &mesh->plan_key) == 0;
	uint64_t epoch = same ? f->order.epoch : 0;
	int rc;

	f->mesh = mesh;
	f->unfit = true;
	f->has = f->has && same;
	/* Its indices are of the old roster. */
	order_fini(&f->order);
	rc = load(f, err);
	f->order.epoch = f->order.epoch > epoch ? f->order.epoch : epoch;
	return rc;
}

void
follow_fini(struct follow *f)
{
	order_fini(&f->order);
	f->has = false;
}

static bool
is_forced(const struct follow *f, uint64_t epoch)
{
	char text[32] = "";
	uint8_t *bytes = NULL;
	struct wall written;
	uint64_t allowed;
	size_t len;
	bool yes;

	if (keep_read(f->dir, FOLLOW_FORCE, &bytes, &len, &written) < 0)
		return false;
	if (len > 0 && len < sizeof(text))
		memcpy(text, bytes, len - (bytes[len - 1] == '\n'));
	yes = num_u64(text, 1, NUM_U64_MAX, &allowed) == 0 && allowed == epoch;
	free(bytes);
	return yes;
}

enum follow_verdict
follow_take(struct follow *f, const void *bytes, size_t len, struct wall now,
    struct err *err)
{
	struct guard_past past = { f->has ? &f->order : NULL, f->accepted };
	uint32_t crc = crc32c(0, bytes, len);
	struct order order;
	int rc;

	err->text[0] = '\0';
	if (f->has && !f->unfit && crc == f->crc)
		return FOLLOW_SAME;
	if (open_order(f->mesh, bytes, len, &order, err) < 0)
		return FOLLOW_REFUSED;
	if (guard_judge(f->mesh, &past, &order, now,
		f->unfit || is_forced(f, order.epoch), err) == GUARD_REFUSE) {
		order_fini(&order);
		return FOLLOW_REFUSED;
	}
	rc = keep_write(f->dir, FOLLOW_FILE, bytes, len);
	if (rc < 0) {
		(void)err_code(err, -rc, "plan: epoch %llu: %s: %s",
		    (unsigned long long)order.epoch, f->dir, strerror(-rc));
		order_fini(&order);
		return FOLLOW_REFUSED;
	}
	order_fini(&f->order);
	f->order = order;
	f->accepted = now;
	f->crc = crc;
	f->has = true;
	f->unfit = false;
	return FOLLOW_NEW;
}

int
follow_force(const char *dir, uint64_t epoch, struct err *err)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)epoch);
	int rc = keep_write(dir, FOLLOW_FORCE, text, (size_t)len);

	return rc < 0 ? err_code(err, -rc, "%s: %s", dir, strerror(-rc)) : 0;
}
