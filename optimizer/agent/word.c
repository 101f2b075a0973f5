/* SPDX-License-Identifier: MIT */
#include "optimizer/agent/word.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/bigend.h"

#define WORD_ID	   0x6d77 /* "mw"; an echo id, as any */
#define HEARD_MOST 256	  /* at once; the rest on the next turn */

static const uint8_t magic[8] = "meshopt1";

int
word_open(int *fd)
{
	struct sock_filter ours[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4), /* there is no IP header here */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WORD_ID, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { sizeof(ours) / sizeof(ours[0]), ours };
	struct icmp6_filter types;
	int rc = 0;

	ICMP6_FILTER_SETBLOCKALL(&types);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REQUEST, &types);
	*fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
	if (*fd < 0)
		return -errno;
	if (setsockopt(*fd, IPPROTO_ICMPV6, ICMP6_FILTER, &types, sizeof(types)) < 0 ||
	    setsockopt(*fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0) {
		rc = -errno;
		(void)close(*fd); /* nothing was sent */
		*fd = -1;
	}
	return rc;
}

void
word_pack(const struct core_word *word, uint8_t out[WORD_BYTES])
{
	memset(out, 0, WORD_BYTES);
	out[0] = ICMP6_ECHO_REQUEST;
	bigend_put(out + 4, WORD_ID, 2);
	bigend_put(out + 6, word->no & UINT16_MAX, 2);
	memcpy(out + 8, magic, sizeof(magic));
	bigend_put(out + 16, word->no, 4);
	out[20] = (uint8_t)word->word;
}

int
word_parse(const void *buf, size_t len, struct core_word *out)
{
	const uint8_t *p = buf;

	if (len != WORD_BYTES || p[0] != ICMP6_ECHO_REQUEST || p[1] != 0 ||
	    bigend_get(p + 4, 2) != WORD_ID ||
	    memcmp(p + 8, magic, sizeof(magic)) != 0 || p[20] >= WAY_WORDS ||
	    p[21] | p[22] | p[23])
		return -EBADMSG;
	out->no = (uint32_t)bigend_get(p + 16, 4);
	out->word = (enum way_word)p[20];
	return 0;
}

void
word_say(int fd, const struct aim *aim, struct core *core, struct mono now)
{
	struct core_word word;

	while (fd >= 0 && core_word(core, &word, now)) {
		struct sockaddr_in6 to = { .sin6_family = AF_INET6,
			.sin6_scope_id = aim->direct };
		struct addr addr = wgkey_link_local(&aim->mesh->nodes[word.node].key);
		uint8_t buf[WORD_BYTES];

		memcpy(&to.sin6_addr, addr.b, sizeof(to.sin6_addr));
		word_pack(&word, buf);
		/* One that is lost on its way is repeated, and so is one that cannot
		 * leave. */
		(void)sendto(fd, buf, sizeof(buf), 0, (struct sockaddr *)&to,
		    sizeof(to));
	}
}

/* Whose link-local address is it, of those that have a tunnel? */
static size_t
sender(const struct aim *aim, const struct core *core, const struct sockaddr_in6 *from)
{
	if (from->sin6_scope_id == 0 || from->sin6_scope_id != aim->direct)
		return SIZE_MAX;
	for (size_t i = 0; i < aim->mesh->n_nodes; i++) {
		struct addr addr;

		if (core_way(core, i)->seen.staged == WAY_BY_HUB)
			continue;
		addr = wgkey_link_local(&aim->mesh->nodes[i].key);
		if (memcmp(addr.b, &from->sin6_addr, sizeof(from->sin6_addr)) == 0)
			return i;
	}
	return SIZE_MAX;
}

void
word_hear(int fd, const struct aim *aim, struct core *core, struct mono now)
{
	for (int i = 0; fd >= 0 && i < HEARD_MOST; i++) {
		struct sockaddr_in6 from;
		socklen_t size = sizeof(from);
		uint8_t buf[WORD_BYTES + 1]; /* what is too long is seen */
		struct core_word word = { .node = SIZE_MAX };
		ssize_t len =
		    recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &size);

		if (len < 0 && errno != EINTR)
			return; /* all were read, or the interface is gone */
		if (len < 0 || word_parse(buf, (size_t)len, &word) < 0)
			continue;
		word.node = sender(aim, core, &from);
		if (word.node != SIZE_MAX)
			core_heard(core, &word, now);
	}
}
