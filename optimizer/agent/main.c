/* SPDX-License-Identifier: MIT */
/*
 * meshopt-agent: follows the plan on this node, in two halves: see part.h.
 * meshopt-agent(8) describes it.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>

#include "common/log.h"
#include "common/sdnotify.h"
#include "optimizer/agent/follow.h"
#include "optimizer/agent/loop.h"
#include "optimizer/agent/options.h"
#include "optimizer/agent/part.h"
#include "optimizer/agent/roster.h"

/* So that a fleet that starts together does not ask together. */
#define START_S 3.

static double
start_s(void)
{
	uint32_t r = 0;

	(void)!getrandom(&r, sizeof(r), 0); /* cannot fail for 4 bytes */
	return START_S * (double)r / (double)UINT32_MAX;
}

static int
find_collector(const struct options *o, const struct mesh *mesh, const char **out,
    struct err *err)
{
	*out = o->collector ? o->collector : mesh->collector;
	if (!**out)
		return err_set(err,
		    "%s: no Collector in [Mesh]; write it there or give --collector "
		    "URL",
		    o->mesh_path);
	return 0;
}

/*
 * The overlay may come up long after us, and to leave and be started again would soon
 * be taken for a crash loop.
 */
static int
await_roster(const struct options *o, struct work_opts *work, struct err *err)
{
	bool said = false;
	int rc;

	while ((rc = roster_load(o->mesh_path, o->node, &work->mesh, &work->self,
		    err)) == -EADDRNOTAVAIL) {
		if (!said)
			log_warnx("%s: waiting for it", err->text);
		said = true;
		/* Nobody may listen. */
		(void)sdnotify("READY=1\nSTATUS=no overlay address yet\nWATCHDOG=1");
		(void)sleep(1);
	}
	if (said && rc == 0)
		(void)sdnotify("STATUS="); /* likewise */
	return rc;
}

static int
run(const struct options *o, struct err *err)
{
	struct part part = { .punch_fd = -1, .word_fd = -1, .netd_fd = -1 };
	struct loop_opts opts = { .work = { .mesh_path = o->mesh_path,
				      .node = o->node,
				      .own_collector = o->collector,
				      .state_dir = o->state_dir,
				      .part = &part },
		.run_dir = o->run_dir,
		.start_s = start_s() };
	struct serve_opts netd = { .mesh_path = o->mesh_path,
		.node = o->node,
		.state_dir = o->state_dir,
		.freeze_path = o->freeze,
		.verbose = o->verbose,
		.burst = o->burst,
		.window_ns = o->window_ns };
	struct work_opts *work = &opts.work;
	struct loop *loop = NULL;
	int rc = await_roster(o, work, err);

	if (rc == 0)
		rc = find_collector(o, work->mesh, &opts.collector, err);
	if (rc == 0)
		rc = part_open(&part, work->mesh, work->self, err);
	if (rc == 0)
		rc = part_split(&part, &netd, err);
	if (rc < 0)
		goto out;
	log_info("%s of mesh %s, %s", work->mesh->nodes[work->self].name,
	    work->mesh->name, pinger_mode(part.pinger));
	rc = loop_new(&opts, &loop, err);
	work->mesh = NULL; /* the loop's now */
	if (rc == 0 && loop_run(loop) < 0)
		rc = err_code(err, EPIPE, "without netd there is nothing to do");
out:
	loop_free(loop);
	part_close(&part);
	mesh_free(work->mesh);
	return rc;
}

int
main(int argc, char **argv)
{
	struct options o;
	struct err err;
	int rc;

	log_init("meshopt-agent", false);
	options_read(&o, argc, argv);
	log_init("meshopt-agent", o.verbose);
	log_no_wait();
	(void)signal(SIGPIPE, SIG_IGN); /* a TLS library may write to a closed socket */
	rc = o.force ? follow_force(o.state_dir, o.force, &err) : run(&o, &err);
	if (rc < 0)
		log_warnx("%s", err.text);
	return rc < 0 ? 1 : 0;
}
