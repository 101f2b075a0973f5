/* SPDX-License-Identifier: MIT */
/*
 * T2 is the kernel's, T3 is read right before each sendmsg(): so the time that a packet
 * waits for this process is in T3 - T2, which the sender takes off.
 */
#include "common/stamp_reflector.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/stamp_gate.h"
#include "common/stamp_socket.h"

#define SERVE_MAX 256 /* packets a call and socket: others want the loop, too */

struct stamp_reflector {
	uint16_t port;
	bool secured;
	struct stamp_key key;
	int fds[2]; /* IPv4, IPv6; -1: the host lacks it */
	struct stamp_gate *gate;
	struct stamp_reflector_counts counts;
};

int
stamp_reflector_new(uint16_t port, const struct stamp_key *key,
    struct stamp_reflector **out, struct err *err)
{
	static const sa_family_t families[2] = { AF_INET, AF_INET6 };
	struct stamp_reflector *r = mem_alloc(sizeof(*r));
	bool tx = false;

	r->port = port;
	r->secured = key != NULL;
	if (key)
		r->key = *key;
	r->gate = stamp_gate_new();
	r->fds[0] = r->fds[1] = -1;
	for (int i = 0; i < 2; i++) {
		int fd = stamp_socket_open(families[i], port, &tx);

		r->fds[i] = fd;
		if (fd >= 0 || fd == -EAFNOSUPPORT)
			continue;
		stamp_reflector_free(r);
		return err_code(err, -fd, "stamp: UDP port %u: %s%s", port,
		    strerror(-fd),
		    fd == -EADDRINUSE ? "; give the mesh another StampPort"
		    : fd == -EACCES
			? "; run with CAP_NET_BIND_SERVICE, or give the mesh a "
			  "StampPort above 1023"
			: "");
	}
	*out = r;
	return 0;
}

void
stamp_reflector_free(struct stamp_reflector *r)
{
	if (!r)
		return;
	for (int i = 0; i < 2; i++)
		if (r->fds[i] >= 0)
			(void)close(r->fds[i]); /* nothing buffered that could fail */
	stamp_gate_free(r->gate);
	free(r);
}

void
stamp_reflector_roster(struct stamp_reflector *r, const struct addr *addrs, size_t n)
{
	stamp_gate_set(r->gate, addrs, n);
}

size_t
stamp_reflector_fds(const struct stamp_reflector *r, int fds[2])
{
	size_t n = 0;

	for (int i = 0; i < 2; i++)
		if (r->fds[i] >= 0)
			fds[n++] = r->fds[i];
	return n;
}

static bool
is_link_local(const struct addr *a)
{
	return a->family == AF_INET6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

static void
answer(struct stamp_reflector *r, int fd, uint8_t *packet, size_t len,
    const struct stamp_meta *meta)
{
	const struct stamp_key *key = r->secured ? &r->key : NULL;
	unsigned scope = is_link_local(&meta->from) ? meta->ifindex : 0;
	struct stamp_way way = { meta->to, scope, meta->tos };
	struct sockaddr_storage to;
	socklen_t to_len = addr_to_sockaddr(&meta->from, meta->from_port, scope, &to);
	struct stamp_request request;
	struct stamp_reply reply;

	if (stamp_get_request(packet, len, key, &request) < 0) {
		r->counts.malformed++;
		return;
	}
	reply = (struct stamp_reply){ .seq = request.seq,
		.error = STAMP_ERROR_GUESS,
		.received = stamp_time(meta->when),
		.sender_seq = request.seq,
		.sender_when = request.when,
		.sender_error = request.error,
		.ttl = meta->ttl };
	reply.when = stamp_time(clock_wall());
	stamp_put_reply(&reply, key, packet);
	if (stamp_socket_send(fd, &to, to_len, &way, packet, len) < 0)
		r->counts.unsent++;
	else
		r->counts.answered++;
}

/* Whether this packet deserves a look at its bytes. */
static bool
is_welcome(struct stamp_reflector *r, const struct stamp_meta *meta, struct mono now)
{
	/* From a reflector's port it may be an answer to a forged request, and ours
	 * would be answered in turn, for ever. */
	if (meta->from_port == r->port || !meta->from_port || !meta->when.ns) {
		r->counts.malformed++;
		return false;
	}
	switch (stamp_gate_try(r->gate, &meta->from, now)) {
	case STAMP_GATE_OPEN:
		return true;
	case STAMP_GATE_LIMITED:
		r->counts.limited++;
		return false;
	default:
		r->counts.strangers++;
		return false;
	}
}

void
stamp_reflector_serve(struct stamp_reflector *r, struct mono now)
{
	uint8_t packet[STAMP_BYTES_MAX];
	struct stamp_meta meta;

	for (int i = 0; i < 2; i++) {
		for (int n = 0; n < SERVE_MAX && r->fds[i] >= 0; n++) {
			ssize_t len = stamp_socket_receive(r->fds[i], packet,
			    sizeof(packet), &meta);

			if (len == -EMSGSIZE)
				r->counts.malformed++;
			else if (len < 0)
				break;
			else if (is_welcome(r, &meta, now))
				answer(r, r->fds[i], packet, (size_t)len, &meta);
		}
	}
}

struct stamp_reflector_counts
stamp_reflector_counts(const struct stamp_reflector *r)
{
	return r->counts;
}
