/* SPDX-License-Identifier: MIT */
/*
 * The process around a keeper: privileges, descriptors, the clock.  It opens nothing
 * but netlink sockets, the mesh file and the journal, and runs no program.
 */
#include "optimizer/netd/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/caps.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "optimizer/netd/claim.h"
#include "optimizer/netd/keeper.h"

/* A flush deletes routes one by one: wait until nothing more is told, but not for ever.
 */
#define SETTLE	   (300 * NS_PER_MS)
#define SETTLE_MAX (2 * NS_PER_S)
#define AGAIN	   (1 * NS_PER_S) /* when a lease that ran out cannot be taken back */

/* A netd whose other half has just gone may have a request to end. */
#define HANDOVER (5 * NS_PER_S)

struct server {
	const struct serve_opts *opts;
	int lock; /* the state directory: its journal has one writer */
	struct kernel *kernel;
	struct keeper *keeper;
	char interface[IF_NAMESIZE]; /* the direct one */
	int monitor;
	int claim;	  /* see claim.h; -1 = somebody else has it, for now */
	struct mono told; /* the first news that was not looked at; 0 = none */
	struct mono due;  /* of the next look: by the clock, or by the news */
	struct mono looked;
};

static volatile sig_atomic_t stopped;

static void
on_signal(int sig)
{
	(void)sig; /* there is one */
	stopped = 1;
}

static struct keeper_now
now_is(const struct server *s)
{
	const char *freeze = s->opts->freeze_path ? s->opts->freeze_path : SERVE_FREEZE;

	/* What cannot be looked at counts as there: the safe side. */
	return (struct keeper_now){ clock_mono(), clock_wall(),
		access(freeze, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR) };
}

static void
send_cb(const void *message, size_t len, void *ctx)
{
	const struct server *s = ctx;

	/* Whoever does not read gets no answer; its next request is served all the
	 * same. */
	if (send(s->opts->fd, message, len, MSG_NOSIGNAL) < 0 && errno != EPIPE)
		log_warn("netd: send");
}

static int
find_self(const struct server *s, const struct mesh *mesh, size_t *self,
    struct err *err)
{
	struct kernel_addr *addrs = NULL;
	struct addr *list;
	size_t n;
	int rc;

	if (s->opts->node) {
		*self = mesh_find(mesh, s->opts->node);
		return *self == SIZE_MAX
			   ? err_set(err, "%s: not in the mesh file", s->opts->node)
			   : 0;
	}
	rc = kernel_addrs(s->kernel, 0, &addrs, &n);
	if (rc < 0)
		return err_code(err, -rc, "reading addresses: %s", strerror(-rc));
	list = mem_array(n, sizeof(*list));
	for (size_t i = 0; i < n; i++)
		list[i] = addrs[i].prefix.addr;
	free(addrs);
	rc = mesh_find_self(mesh, list, n, self, err);
	free(list);
	return rc;
}

static struct mesh *
load_cb(size_t *self, struct err *err, void *ctx)
{
	const struct server *s = ctx;
	struct mesh *mesh = NULL;

	if (mesh_load(s->opts->mesh_path, &mesh, err) == 0 &&
	    find_self(s, mesh, self, err) == 0)
		return mesh;
	mesh_free(mesh);
	return NULL;
}

/* 36 characters: 16 bytes in hex, and dashes.  Without them every boot is the same. */
static void
read_boot(uint8_t boot[BOOK_BOOT])
{
	char text[37] = "";
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	size_t n = 0;

	if (fd >= 0)
		(void)close(fd); /* was only read */
	memset(boot, 0, BOOK_BOOT);
	for (ssize_t i = 0; i < len && n < 2 * BOOK_BOOT; i++) {
		const char *digit = strchr("0123456789abcdef", text[i]);

		if (!digit || !text[i])
			continue;
		boot[n / 2] =
		    (uint8_t)(boot[n / 2] << 4 | (digit - "0123456789abcdef"));
		n++;
	}
}

static int
harden(struct err *err)
{
	const struct rlimit none = { 0 };
	struct sigaction stop = { .sa_handler = on_signal };
	int rc;

	/* Dumps of WireGuard's devices have passed through this memory. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
	    sigaction(SIGTERM, &stop, NULL) < 0 || sigaction(SIGINT, &stop, NULL) < 0 ||
	    signal(SIGHUP, SIG_IGN) == SIG_ERR)
		return err_code(err, errno, "hardening: %s", strerror(errno));
	rc = caps_keep(CAPS_BIT(CAP_NET_ADMIN));
	return rc < 0 ? err_code(err, -rc, "capabilities: %s", strerror(-rc)) : 0;
}

static int
hold_state(struct server *s, struct err *err)
{
	const char *dir = s->opts->state_dir;
	struct mono until = mono_add(clock_mono(), HANDOVER);

	s->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->lock < 0)
		return err_code(err, errno, "%s: %s", dir, strerror(errno));
	while (flock(s->lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_code(err, errno, "%s: %s", dir, strerror(errno));
		if (stopped || mono_diff(clock_mono(), until) >= 0)
			return err_code(err, EBUSY,
			    "%s: another meshopt-agent is at work here, and one is "
			    "enough for a node",
			    dir);
		(void)poll(NULL, 0, 50); /* in ms; a signal ends it early */
	}
	return 0;
}

static int
start(struct server *s, struct err *err)
{
	struct keeper_opts opts = { .limit = { s->opts->burst, s->opts->window_ns },
		.send = send_cb,
		.load = load_cb,
		.ctx = s };
	char path[PATH_MAX];
	struct mesh *mesh = NULL;
	int rc = harden(err);

	if (rc == 0 && s->opts->state_dir)
		rc = hold_state(s, err);
	if (rc == 0)
		rc = mesh_load(s->opts->mesh_path, &mesh, err);
	if (rc == 0)
		rc = kernel_open(mesh->direct_interface, &s->kernel, err);
	if (rc == 0)
		rc = find_self(s, mesh, &opts.self, err);
	if (rc == 0) {
		rc = kernel_monitor(s->kernel, &s->monitor);
		if (rc < 0)
			(void)err_code(err, -rc, "netlink: %s", strerror(-rc));
	}
	if (rc < 0) {
		mesh_free(mesh);
		return rc;
	}
	if (s->opts->state_dir)
		(void)snprintf(path, sizeof(path), "%s/%s", s->opts->state_dir,
		    SERVE_JOURNAL); /* what is too long is not there */
	(void)snprintf(s->interface, sizeof(s->interface), "%s",
	    mesh->direct_interface); /* fits */
	opts.kernel = s->kernel;
	opts.mesh = mesh; /* the keeper's, whether it opens or not */
	opts.journal = s->opts->state_dir ? path : NULL;
	read_boot(opts.boot);
	return keeper_open(&opts, now_is(s), &s->keeper, err);
}

/* False when the other half is gone. */
static bool
request(struct server *s)
{
	uint8_t buf[sizeof(struct netd_request) + 1]; /* what is too long is seen */
	ssize_t len = recv(s->opts->fd, buf, sizeof(buf), 0);

	if (len < 0)
		return errno == EINTR || errno == EAGAIN;
	if (len == 0)
		return false;
	keeper_handle(s->keeper, buf, (size_t)len, now_is(s));
	return true;
}

static void
news(struct server *s)
{
	int rc = kernel_monitor_read(s->kernel, keeper_ifindex(s->keeper));
	struct mono now = clock_mono();

	if (rc == 0)
		return;
	/* An overrun is news as well: what was lost is found by looking. */
	if (s->told.ns == 0)
		s->told = now;
	s->due = mono_add(now, SETTLE);
	if (mono_diff(s->due, s->told) > SETTLE_MAX)
		s->due = mono_add(s->told, SETTLE_MAX);
}

static void
look(struct server *s)
{
	if (s->claim < 0)
		s->claim = claim_take(s->interface);
	keeper_poll(s->keeper, now_is(s));
	s->told.ns = 0;
	s->looked = clock_mono();
	s->due = mono_add(s->looked, KEEPER_POLL);
}

static int64_t
wait_ns(const struct server *s)
{
	struct mono lease = keeper_wake(s->keeper);
	struct mono soonest = mono_add(s->looked, AGAIN);

	if (lease.ns < soonest.ns)
		lease = soonest;
	return mono_diff(lease.ns < s->due.ns ? lease : s->due, clock_mono());
}

static void
loop(struct server *s)
{
	bool there = true;

	look(s);
	while (there && !stopped) {
		struct pollfd fds[2] = { { .fd = s->opts->fd, .events = POLLIN },
			{ .fd = s->monitor, .events = POLLIN } };
		int64_t ns = wait_ns(s);
		int n = poll(fds, 2, ns <= 0 ? 0 : (int)(ns / NS_PER_MS) + 1);

		if (n < 0 && errno != EINTR) {
			log_warn("netd: poll");
			return;
		}
		if (n > 0 && fds[1].revents)
			news(s);
		if (n > 0 && fds[0].revents)
			there = request(s);
		if (wait_ns(s) <= 0)
			look(s);
	}
}

int
serve_run(const struct serve_opts *opts)
{
	struct server s = { .opts = opts, .lock = -1, .monitor = -1, .claim = -1 };
	struct err err;
	int rc = start(&s, &err);

	if (rc < 0) {
		log_warnx("netd: %s", err.text);
	} else {
		if (keeper_words(s.keeper)[0])
			log_warnx("netd: %s", keeper_words(s.keeper));
		loop(&s);
		keeper_leave(s.keeper, now_is(&s));
		keeper_close(s.keeper);
	}
	kernel_close(s.kernel);
	if (s.lock >= 0)
		(void)close(s.lock); /* nothing was written to it */
	if (s.claim >= 0)
		(void)close(s.claim); /* nothing was written */
	return rc < 0 ? 1 : 0;
}
