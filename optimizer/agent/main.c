/* SPDX-License-Identifier: MIT */
/*
 * meshopt-agent: follows the plan on this node.  Here the two halves part: the child is
 * netd, which keeps CAP_NET_ADMIN and speaks to the kernel; the parent keeps nothing
 * and speaks to the network.  meshopt-agent(8) describes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/caps.h"
#include "common/log.h"
#include "common/sdnotify.h"
#include "optimizer/agent/follow.h"
#include "optimizer/agent/loop.h"
#include "optimizer/agent/options.h"
#include "optimizer/agent/punch.h"
#include "optimizer/agent/roster.h"
#include "optimizer/agent/word.h"
#include "optimizer/netd/serve.h"

/* So that a fleet that starts together does not ask together. */
#define START_S 3.

static double
start_s(void)
{
	uint32_t r = 0;

	(void)!getrandom(&r, sizeof(r), 0); /* cannot fail for 4 bytes */
	return START_S * (double)r / (double)UINT32_MAX;
}

/* The child's whole life. */
static int
be_netd(const struct options *o, int fd)
{
	struct serve_opts opts = { .fd = fd,
		.mesh_path = o->mesh_path,
		.node = o->node,
		.state_dir = o->state_dir,
		.freeze_path = o->freeze,
		.burst = o->burst,
		.window_ns = o->window_ns };

	log_init("meshopt-netd", o->verbose);
	/* Nobody would ask any more, and the next parent brings a netd of its own. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* the socket's end says it as well */
	return serve_run(&opts);
}

static int
no_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

/* In the child this does not return. */
static int
part(const struct options *o, struct work_opts *work, struct err *err)
{
	int ends[2], rc;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_code(err, errno, "socketpair: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		return err_code(err, errno, "fork: %s", strerror(errno));
	if (pid == 0) {
		(void)close(ends[0]);	   /* the parent's */
		pinger_free(work->pinger); /* netd has no inet sockets */
		if (work->punch_fd >= 0)
			(void)close(work->punch_fd);
		if (work->word_fd >= 0)
			(void)close(work->word_fd);
		exit(be_netd(o, ends[1]));
	}
	(void)close(ends[1]); /* the child's */
	work->netd_fd = ends[0];
	rc = no_blocking(ends[0]);
	if (rc == 0)
		rc = caps_keep(0);
	return rc < 0 ? err_code(err, -rc, "dropping capabilities: %s", strerror(-rc))
		      : 0;
}

/* Only a node behind NAT needs it. */
static void
open_punch(struct work_opts *work)
{
	int rc;

	if (work->mesh->nodes[work->self].endpoint.host[0])
		return;
	rc = punch_open(&work->punch_fd);
	if (rc < 0)
		log_warnx("no socket to open the NAT with: %s: tunnels to others "
			  "behind NAT may not come up",
		    strerror(-rc));
}

/* Without it nothing can be switched in place. */
static int
open_word(struct work_opts *work, struct err *err)
{
	int rc = work->mesh->in_place ? word_open(&work->word_fd) : 0;

	return rc < 0 ? err_code(err, -rc,
			    "Switching = in-place: no raw ICMPv6 socket to tell the "
			    "other end by: %s: run with CAP_NET_RAW",
			    strerror(-rc))
		      : 0;
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
	struct loop_opts opts = { .work = { .mesh_path = o->mesh_path,
				      .node = o->node,
				      .state_dir = o->state_dir,
				      .netd_fd = -1,
				      .punch_fd = -1,
				      .word_fd = -1 },
		.run_dir = o->run_dir,
		.start_s = start_s() };
	struct pinger_opts pinger = { .timeout_ns = PAIR_PROBE_TIMEOUT,
		.dont_fragment = true };
	struct work_opts *work = &opts.work;
	struct loop *loop = NULL;
	int rc = await_roster(o, work, err);

	if (rc == 0)
		rc = find_collector(o, work->mesh, &opts.collector, err);
	if (rc == 0)
		rc = pinger_new(&pinger, &work->pinger, err);
	if (rc == 0)
		open_punch(work);
	if (rc == 0)
		rc = open_word(work, err);
	if (rc == 0)
		rc = part(o, work, err);
	if (rc < 0)
		goto out;
	log_info("%s of mesh %s, %s", work->mesh->nodes[work->self].name,
	    work->mesh->name, pinger_mode(work->pinger));
	rc = loop_new(&opts, &loop, err);
	work->mesh = NULL; /* the loop's now */
	if (rc == 0 && loop_run(loop) < 0)
		rc = err_code(err, EPIPE, "without netd there is nothing to do");
out:
	loop_free(loop);
	if (work->netd_fd >= 0)
		(void)close(work->netd_fd); /* netd leaves */
	if (work->punch_fd >= 0)
		(void)close(work->punch_fd);
	if (work->word_fd >= 0)
		(void)close(work->word_fd);
	mesh_free(work->mesh);
	pinger_free(work->pinger);
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
