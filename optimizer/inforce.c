/* SPDX-License-Identifier: MIT */
#include "optimizer/inforce.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/signed.h"
#include "optimizer/decide/plan_json.h"
#include "optimizer/fetch.h"

#define AGE_MAX 24

static void
take_plan(const struct plan *plan, struct inforce *out)
{
	bool swap = strcmp(out->ends[0], out->ends[1]) > 0;
	const struct plan_route *r =
	    plan_route_off_hub(plan, out->ends[swap], out->ends[!swap]);

	out->epoch = plan->issue->epoch;
	out->issued = plan->issue->issued;
	if (!r)
		return;
	out->path = r->path;
	out->since = r->since;
	out->good = r->good;
	if (r->path == PLAN_RELAY)
		memcpy(out->via, plan->names[r->via], sizeof(out->via));
}

/* *plan: owned by the caller; NULL if there is none. */
static int
load_plan(const char *url, const struct mesh *mesh, struct plan **plan, struct err *err)
{
	const uint8_t *payload;
	size_t len, n;
	char *text;
	int rc = fetch_maybe(url, "/api/v1/plan", &text, &len, err);

	if (rc < 0 || !text)
		return rc;
	rc =
	    signed_open(&mesh->plan_key, (const uint8_t *)text, len, &payload, &n, err);
	if (rc == 0)
		rc = plan_from_json((const char *)payload, n, plan, err);
	if (rc == 0 && !(*plan)->issue)
		rc = err_set(err, "plan: it has no epoch");
	free(text);
	return rc;
}

static int
load_events(const char *url, const struct plan *plan, struct inforce *out,
    struct err *err)
{
	bool swap = strcmp(out->ends[0], out->ends[1]) > 0;
	struct stage_events events = { 0 };
	const struct stage_past past = { plan, &events, out->now };
	struct wall failed;
	char path[128 + MESH_NAME_MAX];
	size_t len;
	char *text;
	int rc;

	/* As long as the collector keeps them by itself. */
	(void)snprintf(path, sizeof(path),
	    "/api/v1/events?since=720h&limit=10000&node=%s", out->ends[0]); /* fits */
	text = fetch(url, path, &len, err);
	rc = text ? feed_words(text, len, out->ends, out->said, err) : -EIO;
	if (rc == 0)
		rc = feed_events(text, len, &events, err);
	if (rc == 0 &&
	    stage_left_out(&past, out->ends[swap], out->ends[!swap], &failed))
		out->left_out_ns = failed.ns + STAGE_LEFT_OUT_NS - out->now.ns;
	stage_events_fini(&events);
	free(text);
	return rc;
}

bool
inforce_ask(const struct input_opts *input, const struct mesh *mesh,
    const char *const ends[2], struct inforce *out)
{
	struct plan *plan = NULL;
	const char *url;
	struct err err;
	int rc;

	if (input->rtt || !mesh || wgkey_is_zero(&mesh->plan_key))
		return false;
	*out = (struct inforce){ .ends = { ends[0], ends[1] }, .now = clock_wall() };
	url = input->collector ? input->collector : mesh->collector;
	rc = load_plan(url, mesh, &plan, &err);
	if (rc == 0 && plan)
		take_plan(plan, out);
	if (rc == 0)
		rc = load_events(url, plan, out, &err);
	plan_free(plan);
	if (rc < 0)
		log_warnx("%s; so without what is in force", err.text);
	return rc == 0;
}

static const char *
age(int64_t ns, char text[AGE_MAX])
{
	long long s = ns > 0 ? ns / NS_PER_S : 0;

	if (s < 120)
		(void)snprintf(text, AGE_MAX, "%lld s", s); /* fits, as all of them */
	else if (s < 120 * 60)
		(void)snprintf(text, AGE_MAX, "%lld min", s / 60);
	else if (s < 48 * 3600)
		(void)snprintf(text, AGE_MAX, "%lld h", s / 3600);
	else
		(void)snprintf(text, AGE_MAX, "%lld d", s / 86400);
	return text;
}

static void
print_plan(const struct inforce *f, FILE *out)
{
	char text[AGE_MAX];

	if (!f->epoch) {
		fprintf(out, "  in force  nothing: no plan was published yet\n");
		return;
	}
	fprintf(out, "  in force  plan %llu of %s ago: ", (unsigned long long)f->epoch,
	    age(f->now.ns - f->issued.ns, text));
	if (f->path == PLAN_HUB) {
		fprintf(out, "through the hub\n");
		return;
	}
	fprintf(out, "%s%s", f->path == PLAN_RELAY ? "through " : "direct", f->via);
	if (f->since.ns)
		fprintf(out, " for %s", age(f->now.ns - f->since.ns, text));
	fprintf(out, ", %s\n",
	    f->good ? "stands at both ends" : "not yet said to stand by both ends");
}

void
inforce_print(const struct inforce *f, FILE *out)
{
	char text[AGE_MAX];

	print_plan(f, out);
	for (int i = 0; i < 2; i++) {
		const struct feed_word *w = &f->said[i];

		fprintf(out, "  %-9s %s: ", i ? "" : "agents", f->ends[i]);
		if (w->at.ns)
			fprintf(out, "%s %s ago: %s\n", w->kind,
			    age(f->now.ns - w->at.ns, text), w->text);
		else
			fprintf(out, "nothing yet\n");
	}
	if (f->left_out_ns > 0)
		fprintf(out,
		    "  dwell     left out of plans for %s yet, as its tunnel did not "
		    "stand\n",
		    age(f->left_out_ns, text));
}
