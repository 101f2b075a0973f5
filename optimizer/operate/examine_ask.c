/* SPDX-License-Identifier: MIT */
/*
 * What is asked of the network and the system besides probes.
 */
#include "optimizer/operate/examine_ask.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define UDP_WAIT_MS 1000 /* for an ICMP error about a datagram */

int
examine_ask_udp(const struct addr *to, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(to, port, 0, &ss);
	int fd = socket(to->family, SOCK_DGRAM | SOCK_CLOEXEC, 0), code = 0;
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	socklen_t size = sizeof(code);

	if (fd < 0)
		return 0;
	if (connect(fd, (struct sockaddr *)&ss, len) < 0 || send(fd, "", 1, 0) < 0)
		code = errno;
	else if (poll(&wait, 1, UDP_WAIT_MS) > 0 &&
		 getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0)
		code = 0;
	(void)close(fd); /* one byte was sent, and meant nothing */
	return code;
}

void
examine_ask_name(const struct endpoint *endpoint, struct doctor_peer *p)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	struct addrinfo *found = NULL;

	if (!endpoint->host[0])
		return;
	if (endpoint->addr.family) {
		p->resolved[p->n_resolved++] = endpoint->addr;
		return;
	}
	p->unresolved = getaddrinfo(endpoint->host, NULL, &hints, &found) != 0;
	for (struct addrinfo *i = p->unresolved ? NULL : found;
	     i && p->n_resolved < DOCTOR_RESOLVED; i = i->ai_next) {
		if (addr_from_sockaddr(i->ai_addr, &p->resolved[p->n_resolved]))
			p->n_resolved++;
	}
	if (found)
		freeaddrinfo(found);
}

bool
examine_ask_rp_drops(uint64_t *out)
{
	FILE *in = fopen("/proc/net/netstat", "re");
	char names[8192], values[8192], *n, *v, *n_rest, *v_rest;
	bool found = false;

	if (!in)
		return false;
	while (!found && fgets(names, sizeof(names), in) &&
	       fgets(values, sizeof(values), in)) {
		n = strtok_r(names, " \n", &n_rest);
		v = strtok_r(values, " \n", &v_rest);
		for (; n && v; n = strtok_r(NULL, " \n", &n_rest),
			       v = strtok_r(NULL, " \n", &v_rest)) {
			if (strcmp(n, "IPReversePathFilter") != 0)
				continue;
			*out = strtoull(v, NULL, 10);
			found = true;
			break;
		}
	}
	(void)fclose(in); /* only read from */
	return found;
}
