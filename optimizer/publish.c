/* SPDX-License-Identifier: MIT */
#include "optimizer/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "optimizer/decide/plan_json.h"
#include "optimizer/feed_json.h"
#include "optimizer/fetch.h"
#include "optimizer/plan_file.h"

#define PLAN_PATH  "/api/v1/plan"
#define NODES_PATH "/api/v1/nodes"
/* Newest first; what was good before that, the plan in force remembers. */
#define EVENTS_PATH "/api/v1/events?since=24h&limit=10000"

int
publish_key(const char *path, struct signed_key *out, struct err *err)
{
	char text[WGKEY_TEXT_MAX + 1] = "";
	struct stat st;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return err_code(err, errno,
		    "%s: %s; meshopt keygen --plan makes the key that signs plans",
		    path, strerror(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077))
		rc = err_code(err, EPERM,
		    "%s: must be a file that nobody else may read: chmod 600 %s", path,
		    path);
	n = rc == 0 ? read(fd, text, sizeof(text) - 1) : 0;
	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
	if (rc == 0 && signed_key_parse(text, out) < 0)
		rc = err_set(err, "%s: not a key: one line of 44 characters of base64",
		    path);
	explicit_bzero(text, sizeof(text));
	(void)close(fd); /* only read from */
	return rc;
}

static int
open_key(struct publish *p, const struct mesh *mesh, struct err *err)
{
	int rc = publish_key(p->key_path, &p->key, err);

	if (rc == 0 && wgkey_compare(&p->key.public_key, &mesh->plan_key) != 0) {
		char text[WGKEY_TEXT_MAX];

		wgkey_format(&p->key.public_key, text);
		rc = err_code(err, EKEYREJECTED,
		    "%s: not the key of PlanKey in the mesh file, so every agent "
		    "would refuse the plan; its own is %s",
		    p->key_path, text);
	}
	return rc;
}

/* What somebody took from the collector before the key was changed: it is believed. */
static int
recall_after(struct publish *p, const struct mesh *mesh, struct err *err)
{
	int rc = plan_file_read(p->after, mesh, &p->present, err);

	if (rc == 0 && (!p->present->issue || strcmp(p->present->mesh, mesh->name)))
		rc = err_set(err, "%s: it is no published plan of the mesh %s",
		    p->after, mesh->name);
	return rc;
}

/* The plan in force; NULL if none was ever published. */
static int
recall_plan(struct publish *p, const struct mesh *mesh, struct err *err)
{
	const uint8_t *payload;
	struct err why = { "" };
	size_t len, n;
	char *text;
	int rc = fetch_maybe(p->url, PLAN_PATH, &text, &len, err);

	if (rc < 0 || !text)
		return rc == 0 && p->after ? recall_after(p, mesh, err) : rc;
	if (p->after) {
		free(text);
		return err_set(err,
		    "--after %s: a plan by the PlanKey is in force already: publish "
		    "without it",
		    p->after);
	}
	rc = signed_open(&mesh->plan_key, (const uint8_t *)text, len, &payload, &n,
	    &why);
	if (rc == 0)
		rc = plan_from_json((const char *)payload, n, &p->present, &why);
	if (rc == 0 && (!p->present->issue || strcmp(p->present->mesh, mesh->name)))
		rc =
		    err_set(&why, "it is no published plan of the mesh %s", mesh->name);
	if (rc < 0)
		(void)err_set(err, "%s%s: the plan in force: %s", p->url, PLAN_PATH,
		    why.text);
	free(text);
	return rc;
}

static int
recall_events(struct publish *p, const struct mesh *mesh, struct err *err)
{
	size_t len;
	char *text = fetch(p->url, EVENTS_PATH, &len, err);
	int rc = text ? feed_events(text, len, &p->events, err) : -EIO;

	if (rc == 0)
		rc = feed_hints(text, len, mesh->nodes[mesh->hub].name, &p->hints, err);
	hints_carry(&p->hints, p->present);

	free(text);
	return rc;
}

static int
check_reporting(struct publish *p, struct err *err)
{
	struct feed_nodes nodes;
	size_t len;
	char *text = fetch(p->url, NODES_PATH, &len, err);
	int rc = text ? feed_nodes(text, len, &nodes, err) : -EIO;

	free(text);
	if (rc < 0 || p->force || stage_sees(nodes.reporting, nodes.all))
		return rc;
	return err_code(err, ESTALE,
	    "%zu of %zu nodes report, which is under %d %%: nothing is published; "
	    "`meshopt report` names the silent ones, --force publishes all the same",
	    nodes.reporting, nodes.all, STAGE_REPORTING_PCT);
}

/* A pin is a wish: what cannot be now must not hold up the others. */
static void
unpin(enum mesh_pin *pin)
{
	if (*pin == MESH_PIN_DIRECT)
		*pin = MESH_FREE;
}

/* Both ends are behind NAT, and the hub's agent has not said where both are. */
static void
release_unseen(struct instance *in)
{
	for (size_t i = 0; i < in->n_pairs; i++) {
		struct pair *p = &in->pairs[i];

		if (p->pin != MESH_PIN_DIRECT || p->reachable)
			continue;
		log_info("%s-%s: stays by the hub, as neither has an Endpoint and the "
			 "hub's agent has not seen both",
		    in->nodes[p->a].name, in->nodes[p->b].name);
		unpin(&p->pin);
	}
	for (size_t i = 0; in->tunnels && i < in->n_tunnels; i++)
		in->tunnels[i].required &= in->tunnels[i].reachable;
}

/* Memory for the pairs, and in `worse` how many are slower than they were promised. */
static void
remember_pairs(struct publish *p, struct instance *in, struct wall now, size_t *worse)
{
	const struct stage_past past = { p->present, &p->events, now };
	struct wall failed;

	p->states = mem_array(in->n_pairs, sizeof(*p->states));
	for (size_t i = 0; i < in->n_pairs; i++) {
		struct pair *pair = &in->pairs[i];
		const char *a = in->nodes[pair->a].name, *b = in->nodes[pair->b].name;
		const struct plan_route *r = plan_route_off_hub(p->present, a, b);

		pair->present = r && r->path == PLAN_DIRECT;
		if (r && r->since.ns) {
			p->states[i].changed = r->since;
			p->states[i].has_changed = true;
		}
		*worse += r && stage_slower(r->hub_us, pair->hub_us);
		if (stage_left_out(&past, a, b, &failed)) {
			log_info("%s-%s: left out, as its tunnel did not stand", a, b);
			/* By no relay either: it may be that way that failed. */
			pair->pin = MESH_PIN_HUB;
			pair->present = false;
			p->left_out++;
		}
	}
}

static void
remember_tunnels(struct publish *p, struct instance *in, struct wall now)
{
	const struct stage_past past = { p->present, &p->events, now };
	struct wall failed;

	for (size_t i = 0; in->tunnels && i < in->n_tunnels; i++) {
		struct tunnel *t = &in->tunnels[i];
		const char *a = in->nodes[t->a].name, *b = in->nodes[t->b].name;
		const struct plan_route *r = plan_route_off_hub(p->present, a, b);

		t->present = r && r->path == PLAN_DIRECT;
		if (stage_left_out(&past, a, b, &failed)) {
			t->denied = true;
			t->required = false;
			t->present = false;
		}
	}
}

int
publish_recall(struct publish *p, const struct mesh *mesh, struct instance *in,
    struct wall now, struct err *err)
{
	size_t worse = 0, off_hub;
	int rc;

	if (!mesh)
		return err_set(err, "--publish needs the mesh file; see --mesh");
	if (wgkey_is_zero(&mesh->plan_key))
		return err_set(err,
		    "the mesh file has no PlanKey: meshopt keygen --plan makes one");
	if (!p->collector && !mesh->collector[0])
		return err_set(err,
		    "where to? The mesh file has no Collector; give --collector");
	(void)snprintf(p->url, sizeof(p->url), "%s",
	    p->collector ? p->collector : mesh->collector); /* was judged by fetch */
	rc = open_key(p, mesh, err);
	if (rc == 0)
		rc = check_reporting(p, err);
	if (rc == 0)
		rc = recall_plan(p, mesh, err);
	if (rc == 0)
		rc = recall_events(p, mesh, err);
	if (rc < 0)
		return rc;
	hints_reach(&p->hints, in);
	release_unseen(in);
	remember_pairs(p, in, now, &worse);
	remember_tunnels(p, in, now);
	off_hub = stage_off_hub(p->present);
	if (!p->force && stage_doubts(worse, off_hub))
		return err_code(err, ESTALE,
		    "%zu of %zu pairs in force became slower at once, which is "
		    "rather the observer's fault: nothing is published; --force "
		    "publishes all the same",
		    worse, off_hub);
	return 0;
}

int
publish_send(struct publish *p, struct plan *target, struct wall now, struct stage *out,
    struct err *err)
{
	struct fetch_body body = { .media_type = SIGNED_MEDIA_TYPE };
	struct plan_issue *issue = mem_alloc(sizeof(*issue));
	uint8_t *sealed = NULL;
	char *text;
	int rc;

	*issue = (struct plan_issue){
		/* Seconds, to begin with: above what was ever published, though the
		 * collector has lost it, as that grows by one in ten seconds. */
		.epoch = p->present && !p->after ? p->present->issue->epoch + 1
						 : (uint64_t)(now.ns / NS_PER_S),
		.issued = { now.ns - now.ns % NS_PER_MS },
		.ttl_s = PUBLISH_TTL_S,
	};
	if (target->issue)
		free(target->issue->hints);
	free(target->issue);
	target->issue = issue;
	stage_make(target, p->present, &p->events, issue->issued, out);
	hints_write(&p->hints, target);
	text = plan_to_json(target);
	rc = signed_seal(&p->key, text, strlen(text), &sealed, &body.len);
	free(text);
	if (rc < 0)
		return err_code(err, -rc, "the plan is too large to be published");
	body.data = sealed;
	rc = fetch_put(p->url, PLAN_PATH, &body, err);
	free(sealed);
	return rc;
}

void
publish_fini(struct publish *p)
{
	signed_key_wipe(&p->key);
	plan_free(p->present);
	p->present = NULL;
	stage_events_fini(&p->events);
	hints_fini(&p->hints);
	free(p->states);
	p->states = NULL;
	p->left_out = 0;
}
