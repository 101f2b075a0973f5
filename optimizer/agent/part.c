/* SPDX-License-Identifier: MIT */
#include "optimizer/agent/part.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/caps.h"
#include "common/log.h"
#include "optimizer/agent/punch.h"
#include "optimizer/agent/word.h"
#include "optimizer/apply/pair.h"

#define END_NAPS 500 /* of 10 ms: netd may have prefixes to take back first */

/* Without it nothing can be switched in place. */
static int
open_word(struct part *p, struct err *err)
{
	int rc = word_open(&p->word_fd);

	return rc < 0 ? err_code(err, -rc,
			    "Switching = in-place: no raw ICMPv6 socket to tell the "
			    "other end by: %s: run with CAP_NET_RAW",
			    strerror(-rc))
		      : 0;
}

int
part_open(struct part *p, const struct mesh *mesh, size_t self, struct err *err)
{
	struct pinger_opts opts = { .timeout_ns = PAIR_PROBE_TIMEOUT,
		.dont_fragment = true };
	int rc;

	*p = (struct part){ .punch_fd = -1, .word_fd = -1, .netd_fd = -1 };
	rc = pinger_new(&opts, &p->pinger, err);
	if (rc == 0 && mesh->in_place)
		rc = open_word(p, err);
	if (rc < 0 || mesh->nodes[self].endpoint.host[0])
		return rc;
	rc = punch_open(&p->punch_fd);
	if (rc < 0)
		log_warnx("no socket to open the NAT with: %s: tunnels to others "
			  "behind NAT may not come up",
		    strerror(-rc));
	return 0;
}

static int
no_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

/* The child's whole life. */
static void
be_netd(struct part *p, const struct serve_opts *netd)
{
	pinger_free(p->pinger); /* netd has no inet sockets */
	if (p->punch_fd >= 0)
		(void)close(p->punch_fd);
	if (p->word_fd >= 0)
		(void)close(p->word_fd);
	log_init("meshopt-netd", netd->verbose);
	/* ^C is for the asker, who may have something to take back yet. */
	(void)setpgid(0, 0); /* else both get it, and leases run out */
	/* Nobody would ask any more, and the next parent brings a netd of its own. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* the socket's end says it as well */
	exit(serve_run(netd));
}

int
part_split(struct part *p, struct serve_opts *netd, struct err *err)
{
	int ends[2], rc;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_code(err, errno, "socketpair: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		return err_code(err, errno, "fork: %s", strerror(errno));
	if (pid == 0) {
		(void)close(ends[0]); /* the parent's */
		netd->fd = ends[1];
		be_netd(p, netd);
	}
	(void)close(ends[1]); /* the child's */
	p->netd_fd = ends[0];
	p->netd = pid;
	rc = no_blocking(ends[0]);
	if (rc == 0)
		rc = caps_keep(0);
	return rc < 0 ? err_code(err, -rc, "dropping capabilities: %s", strerror(-rc))
		      : 0;
}

/* It ends with the socket, and how it has said; one that hangs is not waited for. */
static void
await_end(pid_t netd)
{
	const struct timespec nap = { 0, 10 * NS_PER_MS };

	for (int i = 0; i < END_NAPS && waitpid(netd, NULL, WNOHANG) == 0; i++)
		(void)nanosleep(&nap, NULL); /* cut is fine */
}

void
part_close(struct part *p)
{
	if (p->netd_fd >= 0) {
		(void)close(p->netd_fd);
		await_end(p->netd);
	}
	if (p->punch_fd >= 0)
		(void)close(p->punch_fd);
	if (p->word_fd >= 0)
		(void)close(p->word_fd);
	pinger_free(p->pinger);
	*p = (struct part){ .punch_fd = -1, .word_fd = -1, .netd_fd = -1 };
}
