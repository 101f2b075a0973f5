/* SPDX-License-Identifier: MIT */
#include "collector/listen.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* 1,000 probers that come back at once after a restart of the collector. */
#define BACKLOG 1024

static int
bind_fault(const char *what, const char *device, int code, struct err *err)
{
	switch (code) {
	case EADDRNOTAVAIL:
		return err_code(err, code,
		    "%s: not an address of this machine: run the collector on the node "
		    "that has it, bring up its interface, or give --listen ADDR:PORT",
		    what);
	case EADDRINUSE:
		return err_code(err, code,
		    "%s: in use by another program: stop that one, or give --listen "
		    "another port",
		    what);
	case EACCES:
		return err_code(err, code,
		    "%s: not allowed: choose a port above 1023 with --listen", what);
	case ENODEV:
		return err_code(err, code,
		    "--device %s: no such interface: bring it up first", device);
	case EPERM:
		return err_code(err, code,
		    "--device %s: not allowed: Linux before 5.7 needs CAP_NET_RAW for "
		    "it",
		    device);
	default:
		return err_code(err, code, "listen on %s: %s", what, strerror(code));
	}
}

static int
set_up(int fd, const struct addr *addr, uint16_t port, const char *device)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(addr, port, 0, &ss);
	int one = 1;

	/* A restart must not wait for the connections of the last run to time out. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -errno;
	/* Else "::" would take IPv4 as well, in addresses that no node has. */
	if (addr->family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
		return -errno;
	if (device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device,
			  (socklen_t)strlen(device)) < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&ss, len) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return 0;
}

int
listen_open(const struct addr *addr, uint16_t port, const char *device, struct err *err)
{
	struct endpoint ep = { .addr = *addr, .port = port };
	char what[ENDPOINT_TEXT_MAX];
	int fd, r;

	addr_format(addr, ep.host);
	endpoint_format(&ep, what);
	fd = socket(addr->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return bind_fault(what, device, errno, err);
	r = set_up(fd, addr, port, device);
	if (r < 0) {
		(void)close(fd); /* nothing was sent on it */
		return bind_fault(what, device, -r, err);
	}
	return fd;
}

unsigned
listen_files(unsigned max, unsigned spare)
{
	struct rlimit limit = { .rlim_cur = 256, .rlim_max = 256 };
	rlim_t want = max + spare;

	(void)getrlimit(RLIMIT_NOFILE, &limit); /* fails on a bad address only */
	if (limit.rlim_cur < want) {
		limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
		/* If that fails the old limit stands, and is read again. */
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur >= want)
		return max;
	return limit.rlim_cur > 2 * spare ? (unsigned)limit.rlim_cur - spare
					  : spare / 2;
}
