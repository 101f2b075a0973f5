/* SPDX-License-Identifier: MIT */
/*
 * The conversation with a UAPI socket: connect, one operation, read to the empty line,
 * close.  Replies and requests hold private keys and are wiped.
 */
#include "optimizer/apply/kernel_uapi.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"

#define SOCKET_DIR     "/var/run/wireguard"
#define PROGRAM	       "wireguard-go"
#define ANSWER_TIMEOUT 5   /* s, as for netlink */
#define REQUEST_BYTES  512 /* one key and a few words */

extern char **environ;

static int
dial(const char *ifname)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT };
	int fd, n, code;

	n = snprintf(to.sun_path, sizeof(to.sun_path), SOCKET_DIR "/%s.sock", ifname);
	if (n < 0 || (size_t)n >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) == 0 &&
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	code = errno;
	(void)close(fd); /* nothing was said */
	return -code;
}

bool
kernel_uapi_serves(const char *ifname)
{
	int fd = dial(ifname);

	if (fd < 0)
		/* Somebody else's is served all the same, we only may not ask. */
		return fd == -EACCES || fd == -EPERM;
	(void)close(fd); /* nothing was said */
	return true;
}

static const char *
program(void)
{
	const char *name = getenv("WG_QUICK_USERSPACE_IMPLEMENTATION");

	return name && *name ? name : PROGRAM;
}

bool
kernel_uapi_installed(void)
{
	const char *name = program(), *path = getenv("PATH");
	char file[512];

	if (strchr(name, '/'))
		return access(name, X_OK) == 0;
	while (path && *path) {
		size_t len = strcspn(path, ":");
		int n = snprintf(file, sizeof(file), "%.*s/%s", (int)len, path, name);

		if (n > 0 && (size_t)n < sizeof(file) && access(file, X_OK) == 0)
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

/* It opens device and socket and then goes to the background: its end is the sign. */
int
kernel_uapi_start(const char *ifname)
{
	const char *name = program();
	char copy[IF_NAMESIZE], argv0[] = PROGRAM, *argv[] = { argv0, copy, NULL };
	posix_spawn_file_actions_t files;
	pid_t pid;
	int rc, status;

	/* What the kernel said then is still true. */
	if (!kernel_uapi_installed())
		return -EOPNOTSUPP;
	(void)snprintf(copy, sizeof(copy), "%s", ifname); /* a name of an interface */
	rc = posix_spawn_file_actions_init(&files);
	if (rc != 0)
		return -rc;
	for (int fd = 0; fd <= 2 && rc == 0; fd++)
		rc = posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR,
		    0);
	if (rc == 0)
		rc = posix_spawnp(&pid, name, &files, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&files); /* frees only */
	if (rc != 0)
		return -rc;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return -EIO;
	return kernel_uapi_serves(ifname) ? 0 : -ENOTCONN;
}

static int
say(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

struct reply {
	char *text;
	size_t len, cap;
};

static void
reply_fini(struct reply *r)
{
	if (r->text)
		explicit_bzero(r->text, r->cap);
	free(r->text);
	*r = (struct reply){ 0 };
}

static void
reply_grow(struct reply *r)
{
	struct reply wider = { .len = r->len, .cap = r->cap ? r->cap * 2 : 65536 };

	wider.text = mem_alloc(wider.cap); /* realloc() would leave the keys behind */
	if (r->len)
		memcpy(wider.text, r->text, r->len);
	reply_fini(r);
	*r = wider;
}

static int
hear(int fd, struct reply *r)
{
	while (r->len < 2 || memcmp(r->text + r->len - 2, "\n\n", 2) != 0) {
		ssize_t n;

		if (r->len == r->cap) {
			if (r->cap >= KERNEL_UAPI_REPLY_MAX)
				return -EMSGSIZE;
			reply_grow(r);
		}
		n = recv(fd, r->text + r->len, r->cap - r->len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (n == 0)
			return -EBADMSG;
		r->len += (size_t)n;
	}
	return 0;
}

/* Ask, and read the answer into *dev. */
static int
converse(const char *ifname, const char *request, struct kernel_device *dev,
    struct wgkey *secret)
{
	struct reply reply = { 0 };
	int fd = dial(ifname), rc;

	if (fd < 0)
		return fd;
	rc = say(fd, request, strlen(request));
	if (rc == 0)
		rc = hear(fd, &reply);
	if (rc == 0)
		rc = kernel_uapi_parse(reply.text, reply.len, dev, secret);
	reply_fini(&reply);
	(void)close(fd); /* the answer is here */
	return rc;
}

int
kernel_uapi_device(const char *ifname, struct kernel_device **out)
{
	struct kernel_device *dev = mem_alloc(sizeof(*dev));
	int rc = converse(ifname, "get=1\n\n", dev, NULL);

	*out = NULL;
	if (rc < 0) {
		kernel_uapi_parse_fini(dev);
		free(dev);
		return rc;
	}
	*out = dev;
	return 0;
}

int
kernel_uapi_secret(const char *ifname, struct wgkey *secret)
{
	struct kernel_device dev = { 0 };
	int rc = converse(ifname, "get=1\n\n", &dev, secret);

	if (rc == 0 && !dev.has_key)
		rc = -ENOKEY;
	kernel_uapi_parse_fini(&dev);
	return rc;
}

static int
change(const char *ifname, const char *request)
{
	struct kernel_device dev = { 0 };
	int rc = converse(ifname, request, &dev, NULL);

	kernel_uapi_parse_fini(&dev);
	return rc;
}

int
kernel_uapi_set_key(const char *ifname, const struct wgkey *secret, uint16_t port)
{
	char request[REQUEST_BYTES], hex[KERNEL_UAPI_HEX];
	int rc;

	kernel_uapi_hex(secret, hex);
	(void)snprintf(request, sizeof(request),
	    "set=1\nprivate_key=%s\nlisten_port=%u\n\n", hex, port); /* fits */
	rc = change(ifname, request);
	explicit_bzero(request, sizeof(request));
	explicit_bzero(hex, sizeof(hex));
	return rc;
}

int
kernel_uapi_peer_set(const char *ifname, const struct kernel_peer_change *c)
{
	char hex[KERNEL_UAPI_HEX], text[PREFIX_TEXT_MAX], *request = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&request, &len);
	int rc;

	if (!out)
		return -errno;
	kernel_uapi_hex(&c->key, hex);
	fprintf(out, "set=1\npublic_key=%s\n", hex);
	if (c->endpoint.family) {
		bool v6 = c->endpoint.family == AF_INET6;

		addr_format(&c->endpoint, text);
		fprintf(out, v6 ? "endpoint=[%s]:%u\n" : "endpoint=%s:%u\n", text,
		    c->port);
	}
	if (c->set_keepalive)
		fprintf(out, "persistent_keepalive_interval=%u\n", c->keepalive_s);
	for (size_t i = 0; i < c->n_allowed; i++) {
		prefix_format(&c->allowed[i], text);
		fprintf(out, "allowed_ip=%s\n", text);
	}
	fputs("\n", out);
	rc = fclose(out) == 0 ? change(ifname, request) : -ENOMEM;
	free(request);
	return rc;
}

int
kernel_uapi_peer_remove(const char *ifname, const struct wgkey *key)
{
	char request[REQUEST_BYTES], hex[KERNEL_UAPI_HEX];

	kernel_uapi_hex(key, hex);
	(void)snprintf(request, sizeof(request),
	    "set=1\npublic_key=%s\nupdate_only=true\nremove=true\n\n", hex); /* fits */
	return change(ifname, request);
}
