/* SPDX-License-Identifier: MIT */
/*
 * The agent's work with a netd that the test plays, on interfaces that are not there:
 * what becomes of it when the mesh file is read again.
 *
 * links: optimizer/agent/work.c optimizer/agent/drive.c optimizer/agent/aim.c
 * links: optimizer/agent/asker.c optimizer/agent/named.c optimizer/agent/punch.c
 * links: optimizer/agent/word.c optimizer/agent/dwell.c optimizer/agent/keep.c
 * links: optimizer/agent/event_json.c optimizer/agent/event_log.c
 * links: optimizer/agent/follow.c optimizer/agent/guard.c optimizer/agent/order.c
 * links: optimizer/agent/roster.c optimizer/agent/core.c optimizer/agent/core_ask.c
 * links: optimizer/agent/core_probe.c optimizer/agent/core_nat.c
 * links: optimizer/agent/core_word.c optimizer/agent/way.c optimizer/agent/way_nat.c
 * links: optimizer/agent/way_watch.c optimizer/agent/way_place.c optimizer/agent/live.c
 * links: optimizer/apply/pair.c optimizer/netd/netd.c
 * links: optimizer/decide/plan.c optimizer/decide/plan_json.c
 * links: optimizer/agent/way_hub.c
 */
#include "optimizer/agent/work.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "optimizer/agent/dwell.h"

static char dir[] = "/tmp/work.XXXXXX";
static char path[64];
static struct part part;
static struct work *work;
static int ends[2];
static int hello_rc;	   /* what netd says to a greeting */
static uint64_t hello;	   /* the mesh file of the last one */
static unsigned greetings; /* so far */
static uint32_t flags;	   /* of netd's state */
static int64_t ahead_ns;   /* seconds need not pass */

/* libcommon's clock, too, asks this one. */
int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	long rc = syscall(SYS_clock_gettime, clock, ts);

	ts->tv_sec += ahead_ns / NS_PER_S;
	return (int)rc;
}

/* names: of the nodes beside the hub, one letter each; more: lines of [Mesh]; public:
 * this node has an Endpoint. */
static void
write_mesh(const char *names, const char *more, bool public)
{
	FILE *out = fopen(path, "w");
	char text[WGKEY_TEXT_MAX];

	assert_non_null(out);
	fprintf(out, "[Mesh]\nName = work\n%s", more);
	for (size_t i = 0; i <= strlen(names); i++) {
		struct wgkey key = { { 7, (uint8_t)i } };

		wgkey_format(&key, text);
		fprintf(out,
		    "[Node]\nName = %c\nRole = %s\nAddress = 10.9.%zu.1/24\n"
		    "PublicKey = %s\n",
		    i ? names[i - 1] : 'h', i ? "pop" : "hub", i, text);
		if (i != 1 || public)
			fprintf(out, "Endpoint = 192.0.2.%zu:51820\n", i + 1);
		if (i == 0)
			fprintf(out, "AllowedIPs = 10.9.0.0/16\n");
	}
	assert_int_equal(fclose(out), 0);
}

static void
kick(void *ctx)
{
	(void)ctx;
}

static int
setup(void **state)
{
	struct work_opts opts = { .mesh_path = path,
		.node = "a",
		.state_dir = dir,
		.part = &part,
		.kick = kick };
	struct err err;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/mesh.conf", dir);
	write_mesh("ab", "", true);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends),
	    0);
	part = (struct part){ .punch_fd = -1, .word_fd = -1, .netd_fd = ends[0] };
	if (pinger_new(&(struct pinger_opts){ .timeout_ns = NS_PER_S }, &part.pinger,
		&err) < 0) {
		print_message("SKIP test_agent_work: %s\n", err.text);
		exit(0);
	}
	if (mesh_load(path, &opts.mesh, &err) < 0)
		fail_msg("%s", err.text);
	opts.self = 1;
	hello_rc = 0;
	greetings = flags = 0;
	work = work_new(&opts);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	work_free(work);
	pinger_free(part.pinger);
	(void)close(ends[0]); /* a test's sockets */
	(void)close(ends[1]);
	(void)unlink(path); /* a test's files */
	(void)snprintf(path, sizeof(path), "%s/" DWELL_FILE, dir);
	(void)unlink(path);
	(void)rmdir(dir); /* the same */
	memcpy(strrchr(dir, '.') + 1, "XXXXXX", 6);
	return 0;
}

static void
answer(enum netd_kind kind, uint32_t id, int rc)
{
	union netd_answer a;

	netd_answer_init(&a, kind, id);
	if (kind == NETD_SELF)
		a.self.flags = flags;
	else
		a.reply.error = rc;
	assert_true(send(ends[1], &a, netd_answer_size(kind), 0) > 0);
}

/* What was asked is answered, and read. */
static void
netd(void)
{
	struct netd_request req;
	uint8_t buf[256];
	ssize_t n;

	while ((n = recv(ends[1], buf, sizeof(buf), 0)) > 0) {
		assert_int_equal(netd_request_check(buf, (size_t)n, &req), 0);
		greetings += req.verb == NETD_HELLO;
		if (req.verb == NETD_HELLO)
			hello = req.hash;
		if (req.verb == NETD_STATE)
			answer(NETD_SELF, req.id, 0);
		answer(NETD_REPLY, req.id, req.verb == NETD_HELLO ? hello_rc : 0);
	}
	assert_int_equal(work_netd(work), 0);
}

static int
turn(void)
{
	struct mono wake;

	return work_turn(work, &wake);
}

/* A second, in which all that comes is answered. */
static int
second(void)
{
	int rc = 0;

	ahead_ns += NS_PER_S;
	for (int i = 0; i < 4 && rc == 0; i++) {
		rc = turn();
		netd();
	}
	return rc;
}

/* SIGHUP, while netd looks: what it says is told and kept all the same. */
static void
a_reload_loses_nothing_that_was_learnt(void **state)
{
	char *body;

	(void)state;
	assert_int_equal(second(), 0);
	assert_true(work_is_ready(work));
	ahead_ns += 10 * NS_PER_S;
	assert_int_equal(turn(), 0);
	work_reload(work);
	assert_int_equal(turn(), 0);
	flags = NETD_FREEZE_FILE;
	netd();
	assert_int_equal(turn(), 0);
	body = event_json_body(work_events(work));
	assert_non_null(body);
	assert_non_null(strstr(body, "frozen"));
	free(body);
}

static const struct mesh *
mesh(void)
{
	struct status_json status;

	work_status(work, &status);
	return status.mesh;
}

/* What this half and netd hold on to from their start. */
static void
what_cannot_be_exchanged_is_refused(void **state)
{
	static const char *const rows[] = { "Switching = in-place\n",
		"Interface = wg7\n", "DirectInterface = wgd7\n" };

	(void)state;
	assert_int_equal(second(), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_mesh("abc", rows[i], true);
		work_reload(work);
		assert_int_equal(second(), 0);
		assert_int_equal(mesh()->n_nodes, 3);
		assert_int_equal(greetings, 1);
	}
	write_mesh("abc", "Collector = http://10.9.0.1:80\n", false);
	work_reload(work);
	assert_int_equal(second(), 0);
	assert_int_equal(mesh()->n_nodes, 4);
	assert_int_equal(greetings, 2);
	assert_int_equal(hello, netd_roster_hash(mesh()));
}

/* netd was a moment later, and the file another one by then. */
static void
the_file_that_netd_has_is_read(void **state)
{
	(void)state;
	hello_rc = -ESTALE;
	assert_int_equal(second(), 0);
	write_mesh("abc", "", true);
	assert_int_equal(second(), 0);
	assert_int_equal(mesh()->n_nodes, 4);
	hello_rc = 0;
	assert_int_equal(second(), 0);
	assert_int_equal(hello, netd_roster_hash(mesh()));
	assert_true(work_is_ready(work));
	/* A greeting that is refused for anything else is no reason to read it. */
	hello_rc = -EIO;
	work_reload(work);
	for (int i = 0; i < 20; i++)
		assert_int_equal(second(), 0);
}

/* Blind, and nothing is guarded: to be started anew is better. */
static void
another_file_for_good_is_the_end(void **state)
{
	int rc = 0;

	(void)state;
	hello_rc = -ESTALE;
	for (int i = 0; i < 10 && rc == 0; i++)
		rc = second();
	assert_int_equal(rc, -EPIPE);
	assert_int_equal(greetings, 6);
}

/* But not with a file that nobody could start with. */
static void
a_file_that_cannot_be_read_is_waited_for(void **state)
{
	(void)state;
	assert_int_equal(truncate(path, 0), 0);
	hello_rc = -ESTALE;
	for (int i = 0; i < 20; i++)
		assert_int_equal(second(), 0);
	hello_rc = 0;
	assert_int_equal(second(), 0);
	assert_true(work_is_ready(work));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_reload_loses_nothing_that_was_learnt),
		TEST(what_cannot_be_exchanged_is_refused),
		TEST(the_file_that_netd_has_is_read),
		TEST(another_file_for_good_is_the_end),
		TEST(a_file_that_cannot_be_read_is_waited_for),
	};

	log_init("test_agent_work", false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
