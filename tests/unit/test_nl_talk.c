/* SPDX-License-Identifier: MIT */
/*
 * Conversations with a kernel that is played here: who else may send, dumps that a
 * change overtakes, answers that do not come, and keys that must not stay in memory.
 * The sockets of libmnl and recvmsg() are this file's own.
 *
 * links: optimizer/apply/kernel_nl.c optimizer/apply/kernel_guard.c
 * links: optimizer/apply/kernel_place.c optimizer/apply/kernel_parse.c
 * links: optimizer/apply/kernel_parse_route.c
 */
#include "optimizer/apply/kernel_nl.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define PORT   4711
#define FAMILY 30
#define SECRET 0xee /* bytes of a key, and of nothing else here */

/* What is heard next. */
struct datagram {
	uint32_t from; /* 0: the kernel */
	uint16_t type;
	uint16_t flags;
	size_t secret; /* bytes of it */
	int error;     /* of recvmsg itself */
	int how;       /* MSG_TRUNC */
};

static const struct datagram *script;
static size_t n_script, heard;
static uint32_t asked; /* sequence number of the last request */
static const uint8_t *room;
static unsigned opened, closed, again, told;

struct mnl_socket {
	int unused;
};

struct mnl_socket *
mnl_socket_open2(int bus, int flags)
{
	static struct mnl_socket socket;

	(void)bus;
	(void)flags;
	opened++;
	return &socket;
}

int
mnl_socket_bind(struct mnl_socket *nl, unsigned groups, pid_t pid)
{
	(void)nl;
	(void)groups;
	(void)pid;
	return 0;
}

int
mnl_socket_close(struct mnl_socket *nl)
{
	(void)nl;
	closed++;
	return 0;
}

int
mnl_socket_get_fd(const struct mnl_socket *nl)
{
	(void)nl;
	return 0;
}

unsigned
mnl_socket_get_portid(const struct mnl_socket *nl)
{
	(void)nl;
	return PORT;
}

int
mnl_socket_setsockopt(const struct mnl_socket *nl, int type, void *buf, socklen_t len)
{
	(void)nl;
	(void)type;
	(void)buf;
	(void)len;
	return 0;
}

int
setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	(void)fd;
	(void)level;
	(void)name;
	(void)value;
	(void)len;
	return 0;
}

ssize_t
mnl_socket_sendto(const struct mnl_socket *nl, const void *buf, size_t len)
{
	(void)nl;
	asked = ((const struct nlmsghdr *)buf)->nlmsg_seq;
	return (ssize_t)len;
}

ssize_t
recvmsg(int fd, struct msghdr *msg, int flags)
{
	const struct datagram *d = &script[heard];
	struct sockaddr_nl *from = msg->msg_name;
	struct nlmsghdr *nlh = msg->msg_iov->iov_base;

	(void)fd;
	(void)flags;
	assert_true(heard < n_script);
	heard++;
	room = msg->msg_iov->iov_base;
	assert_int_equal(msg->msg_iov->iov_len, KERNEL_NL_BUFFER);
	if (d->error) {
		errno = d->error;
		return -1;
	}
	from->nl_pid = d->from;
	msg->msg_flags = d->how;
	nlh = mnl_nlmsg_put_header(nlh);
	nlh->nlmsg_type = d->type;
	nlh->nlmsg_flags = d->flags;
	nlh->nlmsg_seq = asked;
	nlh->nlmsg_pid = PORT;
	if (d->type == NLMSG_DONE)
		*(int *)mnl_nlmsg_put_extra_header(nlh, sizeof(int)) = 0;
	if (d->secret)
		memset(mnl_nlmsg_put_extra_header(nlh, d->secret), SECRET, d->secret);
	return (ssize_t)NLMSG_ALIGN(nlh->nlmsg_len);
}

static int
each(const struct nlmsghdr *nlh, void *ctx)
{
	(void)nlh;
	told++;
	return *(const int *)ctx;
}

static void
begin_again(void *ctx)
{
	(void)ctx;
	again++;
	told = 0;
}

static struct kernel *kernel;
static int verdict; /* of each */

static int
dump(enum kernel_nl_bus bus, const struct datagram *rows, size_t n)
{
	uint8_t buf[KERNEL_NL_REQUEST] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct kernel_nl_dump question = { bus,
		kernel_nl_request(buf, FAMILY, NLM_F_DUMP), each, begin_again,
		&verdict };

	script = rows;
	n_script = n;
	heard = again = told = opened = closed = 0;
	return kernel_nl_dump(kernel, &question);
}
#define DUMP(bus, rows) dump(bus, rows, sizeof(rows) / sizeof((rows)[0]))

static size_t
secrets(void)
{
	size_t n = 0;

	for (size_t i = 0; i < KERNEL_NL_BUFFER; i++)
		n += room[i] == SECRET;
	return n;
}

static int
set_up(void **unused)
{
	struct err err;

	(void)unused;
	verdict = 0;
	return kernel_open("wgd0", &kernel, &err);
}

static int
tear_down(void **unused)
{
	(void)unused;
	kernel_close(kernel);
	return 0;
}

static void
only_the_kernel_is_heard(void **unused)
{
	static const struct datagram rows[] = {
		{ .from = 99, .type = FAMILY },
		{ .from = 99, .type = NLMSG_DONE },
		{ .type = FAMILY },
		{ .type = NLMSG_DONE },
	};

	(void)unused;
	assert_int_equal(DUMP(KERNEL_NL_ROUTE, rows), 0);
	assert_int_equal(heard, 4);
	assert_int_equal(told, 1);
}

static void
a_dump_that_was_overtaken_is_read_again(void **unused)
{
	static const struct datagram rows[] = {
		{ .type = FAMILY },
		{ .type = FAMILY, .flags = NLM_F_DUMP_INTR },
		{ .type = FAMILY },
		{ .type = FAMILY },
		{ .type = NLMSG_DONE },
	};

	(void)unused;
	assert_int_equal(DUMP(KERNEL_NL_GENERIC, rows), 0);
	assert_int_equal(again, 2);
	assert_int_equal(told, 2); /* nothing of the first one */
	/* What it still had to say would be read as the next answer. */
	assert_int_equal(closed, 1);
	assert_int_equal(opened, 2);
}

static void
one_that_always_is_is_an_error(void **unused)
{
	static const struct datagram rows[] = {
		{ .type = FAMILY, .flags = NLM_F_DUMP_INTR },
		{ .type = NLMSG_DONE, .flags = NLM_F_DUMP_INTR },
		{ .type = FAMILY, .flags = NLM_F_DUMP_INTR },
		{ .type = FAMILY, .flags = NLM_F_DUMP_INTR },
		{ .type = FAMILY, .flags = NLM_F_DUMP_INTR },
	};

	(void)unused;
	assert_int_equal(DUMP(KERNEL_NL_ROUTE, rows), -EINTR);
	assert_int_equal(again, 5);
}

static void
answers_that_are_none(void **unused)
{
	static const struct datagram silent[] = { { .error = EINTR },
		{ .error = EAGAIN } };
	static const struct datagram cut[] = { { .type = FAMILY, .how = MSG_TRUNC } };
	static const struct datagram broken[] = { { .error = ENOBUFS } };

	(void)unused;
	assert_int_equal(DUMP(KERNEL_NL_ROUTE, silent), -ETIMEDOUT);
	assert_int_equal(heard, 2);
	assert_int_equal(closed, 1);
	assert_int_equal(DUMP(KERNEL_NL_ROUTE, cut), -EMSGSIZE);
	assert_int_equal(DUMP(KERNEL_NL_ROUTE, broken), -ENOBUFS);
}

/* Cut within its padding it would be the end, and well. */
static void
an_end_that_is_cut_is_none(void **unused)
{
	struct nlmsghdr end[2] = { { .nlmsg_type = NLMSG_DONE } };

	(void)unused;
	end->nlmsg_len = sizeof(*end) + 1;
	assert_int_equal(kernel_nl_walk(end, sizeof(*end) + 1, end, NULL, NULL),
	    -EBADMSG);
	assert_int_equal(kernel_nl_walk(end, sizeof(*end) + 4, end, NULL, NULL), 0);
}

static void
a_change_of_anything_else_is_not_sent(void **unused)
{
	uint8_t buf[KERNEL_NL_REQUEST] __attribute__((aligned(NLMSG_ALIGNTO)));

	(void)unused;
	opened = 0;
	assert_int_equal(kernel_nl_change(kernel, KERNEL_NL_ROUTE,
			     kernel_nl_request(buf, RTM_NEWLINK, 0)),
	    -EXDEV);
	assert_int_equal(opened, 0);
	assert_int_equal(kernel_changes(kernel), 0);
}

/* GET_DEVICE hands out private and preshared keys. */
static void
keys_do_not_stay(void **unused)
{
	static const struct datagram whole[] = {
		{ .type = FAMILY, .secret = 30000 },
		{ .type = FAMILY, .secret = 32 }, /* over the beginning of the first */
		{ .type = NLMSG_DONE },
	};
	static const struct datagram half[] = {
		{ .type = FAMILY, .secret = 60000 },
		{ .error = EAGAIN },
	};
	static const struct datagram cut[] = {
		{ .type = FAMILY, .secret = 60000, .how = MSG_TRUNC },
	};

	(void)unused;
	assert_int_equal(DUMP(KERNEL_NL_GENERIC, whole), 0);
	assert_int_equal(told, 2);
	assert_int_equal(secrets(), 0);
	assert_int_equal(DUMP(KERNEL_NL_GENERIC, half), -ETIMEDOUT);
	assert_int_equal(secrets(), 0);
	assert_int_equal(DUMP(KERNEL_NL_GENERIC, cut), -EMSGSIZE);
	assert_int_equal(secrets(), 0);
	verdict = -EBADMSG;
	assert_int_equal(DUMP(KERNEL_NL_GENERIC, half), -EBADMSG);
	assert_int_equal(secrets(), 0);
	/* Nothing of the kind is in routes: that they stay shows that we would see it.
	 */
	verdict = 0;
	assert_int_equal(DUMP(KERNEL_NL_ROUTE, whole), 0);
	assert_true(secrets() > 0);
}

#define TALK(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TALK(only_the_kernel_is_heard),
		TALK(a_dump_that_was_overtaken_is_read_again),
		TALK(one_that_always_is_is_an_error),
		TALK(answers_that_are_none),
		TALK(an_end_that_is_cut_is_none),
		TALK(a_change_of_anything_else_is_not_sent),
		TALK(keys_do_not_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
