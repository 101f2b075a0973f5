/* SPDX-License-Identifier: MIT */
/*
 * The messages between the two halves of the agent: every field of a request is refused
 * out of its range, every byte that no field has must be 0, and answers are not trusted
 * either.
 *
 * links: optimizer/netd/netd.c
 */
#include "optimizer/netd/netd.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void
set(struct netd_request *r, uint32_t node, uint32_t via, uint32_t seconds)
{
	r->node = node;
	r->via = via;
	r->seconds = seconds;
}

static void
each_verb_takes_its_own_fields(void **unused)
{
	static const struct {
		enum netd_verb verb;
		uint32_t node, via, seconds, flags;
		uint64_t hash;
		int want;
	} rows[] = {
		{ NETD_HELLO, NETD_NONE, NETD_NONE, 0, 0, 7, 0 },
		{ NETD_HELLO, 0, NETD_NONE, 0, 0, 7, -EINVAL },
		{ NETD_STATE, NETD_NONE, NETD_NONE, 0, 0, 0, 0 },
		{ NETD_STATE, NETD_NONE, NETD_NONE, 0, 0, 1, -EINVAL },
		{ NETD_STATE, NETD_NONE, NETD_NONE, 1, 0, 0, -EINVAL },
		{ NETD_STAGE, 3, NETD_NONE, 0, 0, 0, 0 },
		{ NETD_STAGE, NETD_NONE, NETD_NONE, 0, 0, 0, -EINVAL },
		{ NETD_STAGE, 3, 4, 0, 0, 0, -EINVAL },
		{ NETD_STAGE_RELAY, 3, 4, 0, 0, 0, 0 },
		{ NETD_STAGE_RELAY, 3, NETD_NONE, 0, 0, 0, -EINVAL },
		{ NETD_LEASE, 3, NETD_NONE, 60, 0, 0, 0 },
		{ NETD_LEASE, 3, 4, 60, NETD_EMERGENCY, 0, 0 },
		{ NETD_LEASE, 3, 4, 60, 2, 0, -EINVAL },
		{ NETD_LEASE, 3, 4, NETD_LEASE_MIN_S - 1, 0, 0, -EINVAL },
		{ NETD_LEASE, 3, 4, NETD_LEASE_MAX_S + 1, 0, 0, -EINVAL },
		{ NETD_COMMIT, 3, NETD_NONE, 0, 0, 0, 0 },
		{ NETD_COMMIT, 3, NETD_NONE, 0, NETD_EMERGENCY, 0, -EINVAL },
		{ NETD_WITHDRAW, 3, NETD_NONE, 0, 0, 0, 0 },
		{ NETD_WITHDRAW, NETD_NONE, NETD_NONE, 0, 0, 0, -EINVAL },
		{ NETD_UNSTAGE, 3, NETD_NONE, 0, 0, 0, 0 },
		{ NETD_UNSTAGE, 3, 4, 0, 0, 0, 0 },
		{ NETD_PANIC, NETD_NONE, NETD_NONE, 0, 0, 0, 0 },
		{ NETD_PANIC, 1, NETD_NONE, 0, 0, 0, -EINVAL },
		{ NETD_ADOPT, 1, NETD_NONE, 0, 0, 0, 0 },
		{ NETD_ADOPT, NETD_NONE, NETD_NONE, 0, 0, 0, 0 },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct netd_request req, got;

		netd_request_init(&req, rows[i].verb);
		set(&req, rows[i].node, rows[i].via, rows[i].seconds);
		req.flags = rows[i].flags;
		req.hash = rows[i].hash;
		assert_int_equal(netd_request_check(&req, sizeof(req), &got),
		    rows[i].want);
	}
}

static void
hints_only_where_they_are_taken(void **unused)
{
	struct netd_request req, got;

	(void)unused;
	netd_request_init(&req, NETD_STAGE);
	req.node = 1;
	req.family = AF_INET;
	assert_int_equal(netd_request_check(&req, sizeof(req), &got), -EINVAL);
	req.port = 51821;
	req.addr[0] = 192;
	assert_int_equal(netd_request_check(&req, sizeof(req), &got), 0);
	req.addr[4] = 1; /* beyond an IPv4 address */
	assert_int_equal(netd_request_check(&req, sizeof(req), &got), -EINVAL);
	req.family = AF_INET6;
	assert_int_equal(netd_request_check(&req, sizeof(req), &got), 0);
	req.family = 77;
	assert_int_equal(netd_request_check(&req, sizeof(req), &got), -EINVAL);
	req.family = 0; /* an address without a family */
	assert_int_equal(netd_request_check(&req, sizeof(req), &got), -EINVAL);
	netd_request_init(&req, NETD_COMMIT);
	req.node = 1;
	req.family = AF_INET;
	req.port = 1;
	assert_int_equal(netd_request_check(&req, sizeof(req), &got), -EINVAL);
	req.family = AF_INET6;
	assert_int_equal(netd_request_check(&req, sizeof(req), &got), -EINVAL);
}

static void
frames_of_another_size_or_version(void **unused)
{
	struct netd_request req, got;
	uint8_t buf[sizeof(req) + 1] = { 0 };

	(void)unused;
	netd_request_init(&req, NETD_PANIC);
	memcpy(buf, &req, sizeof(req));
	for (size_t len = 0; len <= sizeof(buf); len++)
		assert_int_equal(netd_request_check(buf, len, &got),
		    len == sizeof(req) ? 0 : -EBADMSG);
	req.version++;
	assert_int_equal(netd_request_check(&req, sizeof(req), &got), -EBADMSG);
	netd_request_init(&req, NETD_PANIC);
	req.magic++;
	assert_int_equal(netd_request_check(&req, sizeof(req), &got), -EBADMSG);
	for (unsigned verb = 0; verb <= UINT16_MAX; verb++) {
		netd_request_init(&req, (enum netd_verb)verb);
		if (verb == 0 || verb >= NETD_VERBS)
			assert_int_equal(netd_request_check(&req, sizeof(req), &got),
			    -EBADMSG);
	}
	netd_request_init(&req, NETD_PANIC);
	req.zero = 1;
	assert_int_equal(netd_request_check(&req, sizeof(req), &got), -EBADMSG);
	req.zero = 0;
	req.reserved = 1;
	assert_int_equal(netd_request_check(&req, sizeof(req), &got), -EBADMSG);
}

static void
answers_are_checked(void **unused)
{
	union netd_answer a, got;

	(void)unused;
	netd_answer_init(&a, NETD_REPLY, 5);
	assert_int_equal(netd_answer_check(&a, sizeof(a.reply), 3, &got), 0);
	assert_int_equal(netd_answer_check(&a, sizeof(a.reply) - 1, 3, &got), -EBADMSG);
	a.head.magic++;
	assert_int_equal(netd_answer_check(&a, sizeof(a.reply), 3, &got), -EBADMSG);
	a.head.magic--;
	a.head.version++;
	assert_int_equal(netd_answer_check(&a, sizeof(a.reply), 3, &got), -EBADMSG);
	a.head.version--;
	a.reply.error = 1;
	assert_int_equal(netd_answer_check(&a, sizeof(a.reply), 3, &got), -EBADMSG);
	a.reply.error = -EPERM;
	memset(a.reply.text, 'x', sizeof(a.reply.text));
	assert_int_equal(netd_answer_check(&a, sizeof(a.reply), 3, &got), -EBADMSG);
	memset(a.reply.text, 0, sizeof(a.reply.text));
	a.reply.text[9] = 'x'; /* behind the end */
	assert_int_equal(netd_answer_check(&a, sizeof(a.reply), 3, &got), -EBADMSG);

	netd_answer_init(&a, NETD_NODE, 5);
	a.node.via = a.node.holder = NETD_NONE;
	a.node.node = 2;
	a.node.handshake_age_ms = -1;
	assert_int_equal(netd_answer_check(&a, sizeof(a.node), 3, &got), 0);
	assert_int_equal(netd_answer_check(&a, sizeof(a.node), 2, &got), -EBADMSG);
	a.node.via = 3;
	assert_int_equal(netd_answer_check(&a, sizeof(a.node), 3, &got), -EBADMSG);
	a.node.via = 1;
	a.node.path = NETD_PATHS;
	assert_int_equal(netd_answer_check(&a, sizeof(a.node), 3, &got), -EBADMSG);
	a.node.path = 0;
	a.node.flags = NETD_NODE_FLAGS + 1;
	assert_int_equal(netd_answer_check(&a, sizeof(a.node), 3, &got), -EBADMSG);
	a.node.flags = 0;
	a.node.holder = 3;
	assert_int_equal(netd_answer_check(&a, sizeof(a.node), 3, &got), -EBADMSG);
	a.node.holder = 1;
	a.node.peer = NETD_PEERS;
	assert_int_equal(netd_answer_check(&a, sizeof(a.node), 3, &got), -EBADMSG);
	a.node.peer = 0;
	a.node.reserved = 1;
	assert_int_equal(netd_answer_check(&a, sizeof(a.node), 3, &got), -EBADMSG);
	a.node.reserved = 0;
	a.node.family = 77;
	assert_int_equal(netd_answer_check(&a, sizeof(a.node), 3, &got), -EBADMSG);
	a.node.family = AF_INET6;
	a.node.handshake_age_ms = -2;
	assert_int_equal(netd_answer_check(&a, sizeof(a.node), 3, &got), -EBADMSG);
	a.node.handshake_age_ms = 0;
	assert_int_equal(netd_answer_check(&a, sizeof(a.node), 3, &got), 0);

	netd_answer_init(&a, NETD_SELF, 5);
	a.self.flags = NETD_SELF_FLAGS;
	assert_int_equal(netd_answer_check(&a, sizeof(a.self), 3, &got), 0);
	a.self.flags = NETD_SELF_FLAGS + 1;
	assert_int_equal(netd_answer_check(&a, sizeof(a.self), 3, &got), -EBADMSG);
	a.self.flags = 0;
	a.self.hub_handshake_age_ms = -2;
	assert_int_equal(netd_answer_check(&a, sizeof(a.self), 3, &got), -EBADMSG);
	netd_answer_init(&a, NETD_KINDS, 5);
	assert_int_equal(netd_answer_check(&a, sizeof(a.self), 3, &got), -EBADMSG);
}

static void
one_request_at_a_time(void **unused)
{
	struct netd_request req, got;
	struct netd_client c;
	union netd_answer a, back;
	int fd[2];

	(void)unused;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd), 0);
	netd_client_init(&c, fd[0], 4);
	netd_request_init(&req, NETD_STATE);
	assert_int_equal(netd_client_send(&c, &req), 0);
	assert_int_equal(netd_client_send(&c, &req), -EBUSY);
	assert_int_equal(recv(fd[1], &req, sizeof(req), 0), sizeof(req));
	assert_int_equal(netd_request_check(&req, sizeof(req), &got), 0);
	assert_int_equal(netd_client_receive(&c, &back), -EAGAIN);
	netd_answer_init(&a, NETD_SELF, got.id);
	assert_int_equal(send(fd[1], &a, sizeof(a.self), 0), sizeof(a.self));
	netd_answer_init(&a, NETD_REPLY, got.id);
	assert_int_equal(send(fd[1], &a, sizeof(a.reply), 0), sizeof(a.reply));
	assert_int_equal(netd_client_receive(&c, &back), 1);
	assert_int_equal(back.head.kind, NETD_SELF);
	assert_int_equal(netd_client_receive(&c, &back), 0);
	/* The same once more, that nobody waits for. */
	assert_int_equal(send(fd[1], &a, sizeof(a.reply), 0), sizeof(a.reply));
	assert_int_equal(netd_client_receive(&c, &back), -EBADMSG);
	assert_int_equal(netd_client_send(&c, &req), 0);
	/* An answer to another request. */
	netd_answer_init(&a, NETD_REPLY, got.id);
	assert_int_equal(send(fd[1], &a, sizeof(a.reply), 0), sizeof(a.reply));
	assert_int_equal(netd_client_receive(&c, &back), -EBADMSG);
	(void)close(fd[1]); /* netd dies */
	assert_int_equal(netd_client_receive(&c, &back), -EPIPE);
	(void)close(fd[0]); /* of the test alone */
}

static void
the_hash_is_of_what_decides(void **unused)
{
	struct prefix prefix = { .len = 32 };
	struct mesh_node nodes[2] = { { .name = "a" }, { .name = "b" } };
	struct mesh mesh = { .name = "m", .nodes = nodes, .n_nodes = 2 };
	uint8_t *const decides[] = { (uint8_t *)mesh.name, (uint8_t *)mesh.collector,
		(uint8_t *)mesh.interface, (uint8_t *)mesh.direct_interface,
		(uint8_t *)&mesh.direct_port, (uint8_t *)&mesh.in_place,
		(uint8_t *)nodes[1].name, (uint8_t *)&nodes[1].role,
		&nodes[1].address.addr.b[3], &prefix.addr.b[3], &prefix.len,
		(uint8_t *)nodes[1].endpoint.host, (uint8_t *)&nodes[1].endpoint.port };
	uint64_t first;

	(void)unused;
	nodes[1].prefixes = &prefix;
	nodes[1].n_prefixes = 1;
	first = netd_roster_hash(&mesh);
	for (size_t i = 0; i < sizeof(decides) / sizeof(decides[0]); i++) {
		*decides[i] ^= 1;
		assert_false(netd_roster_hash(&mesh) == first);
		*decides[i] ^= 1;
	}
	assert_true(netd_roster_hash(&mesh) == first);
	nodes[1].weight = 7; /* decides nothing here */
	assert_true(netd_roster_hash(&mesh) == first);
	nodes[1].key.b[31] = 1;
	assert_false(netd_roster_hash(&mesh) == first);
	nodes[1].key.b[31] = 0;
	nodes[1].relay = true;
	assert_false(netd_roster_hash(&mesh) == first);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_verb_takes_its_own_fields),
		cmocka_unit_test(hints_only_where_they_are_taken),
		cmocka_unit_test(frames_of_another_size_or_version),
		cmocka_unit_test(answers_are_checked),
		cmocka_unit_test(one_request_at_a_time),
		cmocka_unit_test(the_hash_is_of_what_decides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
