/* SPDX-License-Identifier: MIT */
/*
 * What the core asks as netd hears it, and what netd says as the core sees it.
 *
 * links: optimizer/agent/asker.c optimizer/netd/netd.c
 */
#include "optimizer/agent/asker.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { NODES = 5 };

static struct asker a;
static int ends[2];
static struct mesh mesh;
static struct mesh_node nodes[NODES];

static int
setup(void **state)
{
	(void)state;
	memset(nodes, 0, sizeof(nodes));
	mesh = (struct mesh){ .nodes = nodes, .n_nodes = NODES };
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends),
	    0);
	asker_init(&a, ends[0], &mesh);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	asker_fini(&a);
	(void)close(ends[0]); /* a test's sockets */
	(void)close(ends[1]);
	return 0;
}

static struct netd_request
heard(void)
{
	struct netd_request req;
	uint8_t buf[256];
	ssize_t n = recv(ends[1], buf, sizeof(buf), 0);

	assert_true(n > 0);
	assert_int_equal(netd_request_check(buf, (size_t)n, &req), 0);
	return req;
}

static void
say(union netd_answer *answer)
{
	size_t size = netd_answer_size(answer->head.kind);

	assert_int_equal(send(ends[1], answer, size, 0), (ssize_t)size);
}

static void
reply(uint32_t id, int error, const char *text)
{
	union netd_answer answer;

	netd_answer_init(&answer, NETD_REPLY, id);
	answer.reply.error = error;
	(void)snprintf(answer.reply.text, sizeof(answer.reply.text), "%s", text);
	say(&answer);
}

static int
news(int *rc)
{
	char text[NETD_TEXT_MAX];

	return asker_receive(&a, rc, text);
}

static void
greet(void)
{
	struct netd_request req;
	int rc;

	assert_int_equal(asker_greet(&a), 0);
	req = heard();
	assert_int_equal(req.verb, NETD_HELLO);
	assert_int_equal(req.hash, netd_roster_hash(&mesh));
	assert_int_equal(asker_greet(&a), 0); /* and not twice */
	assert_int_equal(recv(ends[1], &req, sizeof(req), 0), -1);
	reply(req.id, 0, "");
	assert_int_equal(news(&rc), ASKER_GREETED);
	assert_true(a.greeted);
}

static void
each_verb(void **state)
{
	static const struct {
		struct core_ask ask;
		enum netd_verb verb;
		uint32_t node, via, seconds, flags;
	} rows[] = {
		{ { CORE_LOOK, SIZE_MAX, SIZE_MAX, false, { 0 }, 0 }, NETD_STATE,
		    NETD_NONE, NETD_NONE, 0, 0 },
		{ { CORE_STAGE, 3, SIZE_MAX, false, { AF_INET, { 192, 0, 2, 9 } }, 7 },
		    NETD_STAGE, 3, NETD_NONE, 0, 0 },
		{ { CORE_STAGE, 3, 2, false, { AF_INET, { 192, 0, 2, 9 } }, 7 },
		    NETD_STAGE_RELAY, 3, 2, 0, 0 },
		{ { CORE_LEASE, 3, SIZE_MAX, false, { 0 }, 0 }, NETD_LEASE, 3,
		    NETD_NONE, 60, 0 },
		{ { CORE_LEASE, 3, 2, true, { 0 }, 0 }, NETD_LEASE, 3, 2, 60,
		    NETD_EMERGENCY },
		{ { CORE_COMMIT, 3, 2, false, { 0 }, 0 }, NETD_COMMIT, 3, NETD_NONE, 0,
		    0 },
		{ { CORE_WITHDRAW, 3, 2, false, { 0 }, 0 }, NETD_WITHDRAW, 3, NETD_NONE,
		    0, 0 },
		{ { CORE_UNSTAGE, 3, 2, false, { 0 }, 0 }, NETD_UNSTAGE, 3, 2, 0, 0 },
	};

	(void)state;
	greet();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct netd_request req;
		int rc = 1;

		assert_int_equal(asker_send(&a, &rows[i].ask), 0);
		req = heard();
		assert_int_equal(req.verb, rows[i].verb);
		assert_int_equal(req.node, rows[i].node);
		assert_int_equal(req.via, rows[i].via);
		assert_int_equal(req.seconds, rows[i].seconds);
		assert_int_equal(req.flags, rows[i].flags);
		assert_int_equal(req.port, req.verb == NETD_STAGE ? 7 : 0);
		reply(req.id, -EBUSY, "later");
		assert_int_equal(news(&rc), ASKER_TOLD);
		assert_int_equal(rc, -EBUSY);
	}
}

static void
node(uint32_t id, uint32_t i, struct netd_node is)
{
	union netd_answer answer;

	netd_answer_init(&answer, NETD_NODE, id);
	is.head = answer.head;
	is.node = i;
	answer.node = is;
	say(&answer);
}

static void
state_is_read(void **state)
{
	const struct netd_node none = { .via = NETD_NONE,
		.holder = NETD_NONE,
		.handshake_age_ms = -1 };
	union netd_answer self;
	struct netd_request req;
	struct netd_node r;
	int rc;

	(void)state;
	greet();
	assert_int_equal(asker_send(&a, &(struct core_ask){ CORE_LOOK, SIZE_MAX,
					    SIZE_MAX, false, { 0 }, 0 }),
	    0);
	req = heard();
	r = none; /* a relay path, before its relay is told of */
	r.path = NETD_LEASED;
	r.via = r.holder = 3;
	node(req.id, 1, r);
	assert_int_equal(news(&rc), ASKER_MORE);
	r = none; /* a peer, and no path */
	r.peer = NETD_RIGHT;
	r.holder = 2;
	r.handshake_age_ms = 1500;
	r.rx_bytes = 77;
	node(req.id, 2, r);
	r.path = NETD_DIRECT; /* the relay's own */
	r.holder = 3;
	r.handshake_age_ms = 2500;
	node(req.id, 3, r);
	r = none; /* somebody's hand */
	r.peer = NETD_DIFFERS;
	r.holder = 4;
	r.flags = NETD_OPERATOR;
	(void)snprintf(r.foreign, sizeof(r.foreign), "allowed-ips changed");
	node(req.id, 4, r);
	netd_answer_init(&self, NETD_SELF, req.id);
	self.self.flags = NETD_FREEZE_FILE;
	self.self.hub_handshake_age_ms = -1;
	(void)snprintf(self.self.verdict, sizeof(self.self.verdict), "rp_filter");
	say(&self);
	reply(req.id, 0, "");
	while ((rc = news(&(int){ 0 })) == ASKER_MORE)
		;
	assert_int_equal(rc, ASKER_SAW);
	assert_int_equal(a.seen[0].staged, WAY_BY_HUB);
	assert_int_equal(a.seen[1].staged, WAY_BY_RELAY);
	assert_int_equal(a.seen[1].via, 3);
	assert_int_equal(a.seen[1].route, WAY_LEASE_ROUTE);
	assert_int_equal(a.seen[1].handshake_age_ns, 2500 * NS_PER_MS);
	assert_int_equal(a.seen[2].staged, WAY_BY_TUNNEL);
	assert_int_equal(a.seen[2].route, WAY_NO_ROUTE);
	assert_int_equal(a.seen[2].rx_bytes, 77);
	assert_int_equal(a.seen[3].route, WAY_FIRM_ROUTE);
	assert_true(a.seen[4].foreign);
	assert_int_equal(a.seen[4].staged, WAY_BY_HUB);
	assert_string_equal(a.seen[4].words, "allowed-ips changed");
	assert_true(a.node.frozen);
	assert_string_equal(a.node.verdict, "rp_filter");
}

static void
another_mesh_file(void **state)
{
	int rc;

	(void)state;
	greet();
	assert_int_equal(asker_send(&a, &(struct core_ask){ CORE_COMMIT, 3, SIZE_MAX,
					    false, { 0 }, 0 }),
	    0);
	reply(heard().id, -ESTALE, "another mesh file");
	assert_int_equal(news(&rc), ASKER_TOLD);
	assert_false(a.greeted);
	assert_int_equal(asker_greet(&a), 0);
	reply(heard().id, -ESTALE, "still");
	assert_int_equal(news(&rc), ASKER_SPURNED);
	assert_int_equal(rc, -ESTALE);
	assert_int_equal(asker_greet(&a), 0);
	assert_int_equal(heard().verb, NETD_HELLO);
}

static void
netd_ends(void **state)
{
	int rc;

	(void)state;
	greet();
	assert_int_equal(news(&rc), -EAGAIN);
	(void)shutdown(ends[1], SHUT_RDWR); /* as when it dies */
	assert_int_equal(news(&rc), -EPIPE);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(each_verb),
		TEST(state_is_read),
		TEST(another_mesh_file),
		TEST(netd_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
