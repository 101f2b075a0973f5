/* SPDX-License-Identifier: MIT */
#include "optimizer/netd/claim.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int
claim_take(const char *interface)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), rc;
	int n;

	if (fd < 0)
		return -errno;
	/* A name that begins with a zero byte is in no file system. */
	n = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "meshopt-netd.%s",
	    interface);
	if (bind(fd, (struct sockaddr *)&name,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) ==
	    0)
		return fd;
	rc = -errno;
	(void)close(fd); /* nothing was written */
	return rc;
}
