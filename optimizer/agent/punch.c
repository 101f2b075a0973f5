/* SPDX-License-Identifier: MIT */
#include "optimizer/agent/punch.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define IP_HEADER 20

int
punch_open(int *fd)
{
	/* IPPROTO_RAW: we write the IP header, and nothing is ever received.  A UDP
	 * socket could not have the port: the kernel's WireGuard holds it. */
	*fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	return *fd < 0 ? -errno : 0;
}

static void
put16(uint8_t *at, uint16_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

int
punch_datagram(const struct addr *to, uint16_t port, uint16_t from,
    uint8_t out[PUNCH_BYTES])
{
	if (to->family != AF_INET)
		return -EAFNOSUPPORT;
	memset(out, 0, PUNCH_BYTES);
	out[0] = 0x45;
	put16(out + 2, PUNCH_BYTES);
	out[8] = PUNCH_TTL;
	out[9] = IPPROTO_UDP;
	/* Its source (0) and checksums are the kernel's: raw(7).  UDP's may be 0. */
	memcpy(out + 16, to->b, 4);
	put16(out + IP_HEADER, from);
	put16(out + IP_HEADER + 2, port);
	put16(out + IP_HEADER + 4, PUNCH_BYTES - IP_HEADER);
	return 0;
}

int
punch_send(int fd, const struct addr *to, uint16_t port, uint16_t from)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	uint8_t datagram[PUNCH_BYTES];
	int rc = punch_datagram(to, port, from, datagram);

	if (rc < 0)
		return rc;
	memcpy(&sin.sin_addr, to->b, 4);
	return sendto(fd, datagram, sizeof(datagram), 0, (struct sockaddr *)&sin,
		   sizeof(sin)) < 0
		   ? -errno
		   : 0;
}
