/* SPDX-License-Identifier: MIT */
/*
 * A message is its head and a run of zeros that all share, so the batch is small
 * whatever the size of the probes.
 */
#include "common/pinger_outbox.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* Source and interface, and the traffic class. */
#define CONTROL_BYTES (CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)))
/*
 * An error that the network reported for an earlier packet is told to the next who
 * sends, once; so what the kernel says only counts when it says it again.
 */
#define TRIES 2

struct letter {
	struct echo echo;
	uint8_t head[ECHO_HEAD];
	struct iovec iovs[2];
	struct sockaddr_in6 name; /* room for either family */
	_Alignas(struct cmsghdr) uint8_t control[CONTROL_BYTES];
};

struct pinger_outbox {
	unsigned n;
	struct mmsghdr msgs[PINGER_OUTBOX_BATCH];
	struct letter letters[PINGER_OUTBOX_BATCH];
};

struct pinger_outbox *
pinger_outbox_new(void)
{
	return mem_alloc(sizeof(struct pinger_outbox));
}

void
pinger_outbox_free(struct pinger_outbox *out)
{
	free(out);
}

unsigned
pinger_outbox_count(const struct pinger_outbox *out)
{
	return out->n;
}

void
pinger_outbox_clear(struct pinger_outbox *out)
{
	out->n = 0;
}

const struct echo *
pinger_outbox_get(const struct pinger_outbox *out, unsigned i)
{
	return &out->letters[i].echo;
}

struct control {
	struct msghdr *msg;
	uint8_t *bytes;
};

static void
add_control(struct control *c, int level, int type, const void *data, size_t len)
{
	struct cmsghdr header = { .cmsg_len = CMSG_LEN(len),
		.cmsg_level = level,
		.cmsg_type = type };
	uint8_t *at = c->bytes + c->msg->msg_controllen;

	memcpy(at, &header, sizeof(header));
	memcpy(at + CMSG_LEN(0), data, len);
	c->msg->msg_control = c->bytes;
	c->msg->msg_controllen += CMSG_SPACE(len);
}

static void
put_control(struct control *c, const struct pinger_probe *probe)
{
	struct in6_pktinfo info6 = { .ipi6_ifindex = probe->ifindex };
	struct in_pktinfo info4 = { .ipi_ifindex = (int)probe->ifindex };
	bool v4 = probe->to.family == AF_INET;
	int tos = probe->tos;

	if (probe->source.family == AF_INET)
		memcpy(&info4.ipi_spec_dst, probe->source.b,
		    sizeof(info4.ipi_spec_dst));
	else
		memcpy(&info6.ipi6_addr, probe->source.b, sizeof(info6.ipi6_addr));
	if ((probe->source.family || probe->ifindex) && v4)
		add_control(c, IPPROTO_IP, IP_PKTINFO, &info4, sizeof(info4));
	else if (probe->source.family || probe->ifindex)
		add_control(c, IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
	if (tos)
		add_control(c, v4 ? IPPROTO_IP : IPPROTO_IPV6,
		    v4 ? IP_TOS : IPV6_TCLASS, &tos, sizeof(tos));
}

void
pinger_outbox_put(struct pinger_outbox *out, const struct echo_key *key,
    const struct echo *echo, const struct pinger_probe *probe)
{
	static uint8_t zeros[ECHO_PAYLOAD_MAX]; /* never written */
	struct letter *l = &out->letters[out->n];
	struct msghdr *h = &out->msgs[out->n].msg_hdr;
	struct sockaddr_storage name;

	assert(out->n < PINGER_OUTBOX_BATCH);
	assert(!probe->source.family || probe->source.family == probe->to.family);
	l->echo = *echo;
	echo_build_head(key, echo, l->head, ECHO_HEADER + probe->payload);
	l->iovs[0] = (struct iovec){ l->head, ECHO_HEAD };
	l->iovs[1] = (struct iovec){ zeros, probe->payload - ECHO_PAYLOAD_MIN };
	*h = (struct msghdr){
		.msg_name = &l->name,
		.msg_namelen = addr_to_sockaddr(&probe->to, 0, probe->scope, &name),
		.msg_iov = l->iovs,
		.msg_iovlen = probe->payload > ECHO_PAYLOAD_MIN ? 2 : 1,
	};
	memcpy(&l->name, &name, sizeof(l->name));
	put_control(&(struct control){ h, l->control }, probe);
	out->n++;
}

int
pinger_outbox_send(struct pinger_outbox *out, int fd, unsigned i, unsigned n)
{
	int rc = -1;

	assert(i + n <= out->n);
	for (int tries = 0; rc < 0 && tries < TRIES; tries++)
		rc = sendmmsg(fd, out->msgs + i, n, 0);
	return rc < 0 ? -errno : rc;
}
