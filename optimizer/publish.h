/* SPDX-License-Identifier: MIT */
/*
 * meshopt plan --publish: what is in force and how it went, from the collector, before
 * planning; the next stage, signed, to the collector, after it.  The collector keeps
 * what it is given and cannot make one: the key stays here.
 */
#ifndef OPTIMIZER_PUBLISH_H
#define OPTIMIZER_PUBLISH_H

#include "common/signed.h"
#include "optimizer/ask.h"
#include "optimizer/decide/stage.h"
#include "optimizer/hints.h"

#define PUBLISH_KEY_PATH "/etc/meshopt/plan.key"
#define PUBLISH_TTL_S	 900

struct publish {
	const char *key_path;  /* borrowed */
	const char *collector; /* borrowed; NULL: the mesh file's */
	const char *after;     /* borrowed; NULL, or the file of a plan that another
				  key signed and that was in force until now */
	bool force;	       /* though few report, or many got worse */
	/* Found by publish_recall(). */
	char url[MESH_COLLECTOR_MAX];
	struct signed_key key;
	struct plan *present; /* owned; NULL before the first */
	struct stage_events events;
	struct hints hints;
	struct policy_state *states; /* owned; one a pair */
	size_t left_out;
};

/*
 * Before the instance is planned for: sets which tunnels are there, bars what went bad,
 * and remembers when each pair changed.  -ESTALE: too few nodes report.
 */
int publish_recall(struct publish *p, const struct mesh *mesh, struct instance *in,
    struct wall now, struct err *err);

/*
 * After: target becomes the plan of the next stage, is signed and put.
 */
int publish_send(struct publish *p, struct plan *target, struct wall now,
    struct stage *out, struct err *err);

/* Forgets all but the options. */
void publish_fini(struct publish *p);

/* A key file as `meshopt keygen --plan` makes it; refused if others may read it. */
int publish_key(const char *path, struct signed_key *out, struct err *err);

#endif
