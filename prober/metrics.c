/* SPDX-License-Identifier: MIT */
/*
 * libmicrohttpd in the prober's loop.  There is one page and it is made at once, so a
 * request never waits.
 */
#include "prober/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/mhd_loop.h"

#define CONNECTIONS_MAX	 16u
#define IDLE_TIMEOUT_S	 10u
#define CONNECTION_BYTES 4096u

struct metrics {
	struct MHD_Daemon *daemon;
	struct mhd_loop mhd;
	metrics_page_fn *page;
	void *ctx;
};

int
metrics_listen(const struct endpoint *at, struct err *err)
{
	struct sockaddr_storage name;
	socklen_t len = addr_to_sockaddr(&at->addr, at->port, 0, &name);
	int fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char text[ENDPOINT_TEXT_MAX];
	int one = 1, rc = 0;

	/* A restart must not wait for the connections of the last run to time out. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&name, len) < 0 ||
	    listen(fd, (int)CONNECTIONS_MAX) < 0)
		rc = -errno;
	if (rc == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd); /* nothing was sent */
	endpoint_format(at, text);
	return err_code(err, -rc, "--metrics %s: %s", text, strerror(-rc));
}

static enum MHD_Result
reply(struct MHD_Connection *c, unsigned status, const char *type, char *body,
    size_t len)
{
	/* The body is freed by MHD. */
	struct MHD_Response *r = MHD_create_response_from_buffer(len, body,
	    body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	enum MHD_Result rc;

	if (!r) {
		free(body);
		return MHD_NO; /* closes the connection */
	}
	/* Without these for want of memory it is still better than no answer. */
	if (type)
		(void)MHD_add_response_header(r, "Content-Type", type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		(void)MHD_add_response_header(r, "Allow", "GET, HEAD");
	rc = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return rc;
}

static enum MHD_Result
on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *piece, size_t *n, void **state)
{
	static int seen;
	struct metrics *m = ctx;
	size_t len = 0;
	char *page;

	(void)version;
	(void)piece;
	if (!*state) {
		*state = &seen; /* the head alone; MHD calls again */
		return MHD_YES;
	}
	if (*n > 0) {
		*n = 0; /* a body of a GET means nothing */
		return MHD_YES;
	}
	if (strcmp(url, "/metrics") != 0)
		return reply(c, MHD_HTTP_NOT_FOUND, NULL, NULL, 0);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return reply(c, MHD_HTTP_METHOD_NOT_ALLOWED, NULL, NULL, 0);
	page = m->page(&len, m->ctx);
	if (!page)
		return reply(c, MHD_HTTP_INTERNAL_SERVER_ERROR, NULL, NULL, 0);
	return reply(c, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", page,
	    len);
}

int
metrics_new(struct ev_loop *loop, int fd, metrics_page_fn *page, void *ctx,
    struct metrics **out)
{
	struct metrics *m = mem_alloc(sizeof(*m));

	m->page = page;
	m->ctx = ctx;
	m->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, m,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
	    MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_CONNECTION_TIMEOUT,
	    IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)CONNECTION_BYTES, MHD_OPTION_END);
	if (!m->daemon) {
		(void)close(fd); /* it only listened */
		free(m);
		return -ENOMEM;
	}
	mhd_loop_start(&m->mhd, loop, m->daemon);
	*out = m;
	return 0;
}

void
metrics_free(struct metrics *m)
{
	if (!m)
		return;
	mhd_loop_stop(&m->mhd);
	MHD_stop_daemon(m->daemon);
	free(m);
}
