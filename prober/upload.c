/* SPDX-License-Identifier: MIT */
/*
 * libcurl asks for a timer and for its sockets to be watched, and is told what happened
 * (libcurl-multi(3), multi_socket).  One easy handle serves all requests, so that the
 * connection stays open between them.
 *
 * Words are for changes: the collector went away, the collector is back.  A failure
 * that repeats is silent.
 */
#include "prober/upload.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <curl/curl.h>
#include <ev.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "prober/retry.h"
#include "prober/spool.h"
#include "prober/upload_curl.h"

#define ANSWER_MAX 120 /* of the collector's own words, for the log */
#define SOCKETS	   4   /* one request: one socket, two during happy eyeballs */

#define URL_PATH "/api/v1/reports"

struct watch {
	ev_io io;
	bool on;
};

struct upload {
	struct ev_loop *loop;
	char *url;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	ev_timer curl_timer; /* when libcurl wants to be called */
	ev_timer retry;	     /* the pause after a failure */
	struct watch watches[SOCKETS];
	struct spool *spool;	   /* borrowed */
	struct spool_item sending; /* data NULL: nothing is under way */
	struct retry policy;
	bool away;
	uint64_t refused; /* reports dropped for a 4xx, in a row */
	uint64_t dropped; /* of the spool, when the collector went away */
	int disk;	  /* errno that the spool had when we last looked */
	char answer[ANSWER_MAX + 1];
	size_t answer_len;
};

static void start(struct upload *u);

static void
pause_ms(struct upload *u, uint32_t ms)
{
	ev_timer_stop(u->loop, &u->retry);
	ev_timer_set(&u->retry, ms / 1000.0, 0.);
	ev_timer_start(u->loop, &u->retry);
}

static void
log_away(struct upload *u, const char *why)
{
	const char *dir = spool_dir(u->spool);

	if (u->away)
		return;
	u->away = true;
	u->dropped = spool_stats(u->spool).dropped;
	log_warnx("collector %s: away: %s%s%s; reports wait %s%s", u->url, why,
	    u->answer[0] ? ": " : "", u->answer, dir ? "in " : "in memory",
	    dir ? dir : "");
}

static void
log_back(struct upload *u)
{
	struct spool_stats stats = spool_stats(u->spool);

	if (!u->away)
		return;
	u->away = false;
	/* This one waits until spool_done(), unless it was dropped meanwhile. */
	log_info("collector %s: back, %llu reports waiting, %llu lost meanwhile",
	    u->url, (unsigned long long)(stats.reports ? stats.reports - 1 : 0),
	    (unsigned long long)(stats.dropped - u->dropped));
}

static void
keep(struct upload *u, uint32_t ms, const char *why)
{
	free(u->sending.data); /* the spool has it */
	u->sending = (struct spool_item){ 0 };
	log_away(u, why);
	pause_ms(u, ms);
}

/* The first of a run, then each time that their number has doubled. */
static void
log_refused(struct upload *u, const char *why)
{
	uint64_t n = ++u->refused;

	if ((n & (n - 1)) == 0)
		log_warnx(
		    "collector %s: refuses a report: %s%s%s; dropped, %llu so far",
		    u->url, why, u->answer[0] ? ": " : "", u->answer,
		    (unsigned long long)n);
}

static void
finish(struct upload *u, CURLcode code)
{
	struct retry_verdict v;
	curl_off_t after_s = 0;
	long status = 0;
	char http[32];

	(void)curl_multi_remove_handle(u->multi, u->easy); /* it is in there */
	if (code == CURLE_OK) {
		/* Both are known to this libcurl, and 0 is right if they were not. */
		(void)curl_easy_getinfo(u->easy, CURLINFO_RESPONSE_CODE, &status);
		(void)curl_easy_getinfo(u->easy, CURLINFO_RETRY_AFTER, &after_s);
	} else {
		u->answer[0] = '\0';
	}
	v = retry_judge(&u->policy, status, after_s);
	(void)snprintf(http, sizeof(http), "HTTP %ld", status);
	if (v.fate == RETRY_KEEP) {
		keep(u, v.pause_ms, code == CURLE_OK ? http : curl_easy_strerror(code));
		return;
	}
	log_back(u);
	if (v.fate == RETRY_REFUSED)
		log_refused(u, http);
	else
		u->refused = 0;
	spool_done(u->spool, u->sending.id);
	free(u->sending.data);
	u->sending = (struct spool_item){ 0 };
	start(u);
}

static void
check_done(struct upload *u)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(u->multi, &left)))
		if (msg->msg == CURLMSG_DONE)
			finish(u, msg->data.result);
}

static void
act(struct upload *u, curl_socket_t fd, int events)
{
	int running;

	/* What goes wrong with a transfer is told by check_done(). */
	(void)curl_multi_socket_action(u->multi, fd, events, &running);
	check_done(u);
}

static void
on_io(struct ev_loop *loop, ev_io *w, int revents)
{
	struct upload *u = w->data;

	(void)loop;
	act(u, w->fd,
	    (revents & EV_READ ? CURL_CSELECT_IN : 0) |
		(revents & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void
on_curl_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	act(w->data, CURL_SOCKET_TIMEOUT, 0);
}

static void
on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct upload *u = w->data;

	(void)loop;
	(void)revents;
	start(u);
}

static int
set_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct upload *u = ctx;

	(void)multi;
	ev_timer_stop(u->loop, &u->curl_timer);
	if (timeout_ms < 0)
		return 0;
	ev_timer_set(&u->curl_timer, (double)timeout_ms / 1000., 0.);
	ev_timer_start(u->loop, &u->curl_timer);
	return 0;
}

static void
unwatch(struct upload *u, struct watch *w)
{
	if (w->on)
		ev_io_stop(u->loop, &w->io);
	w->on = false;
}

static struct watch *
free_watch(struct upload *u)
{
	for (size_t i = 0; i < SOCKETS; i++)
		if (!u->watches[i].on)
			return &u->watches[i];
	return NULL;
}

static int
set_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct upload *u = ctx;
	struct watch *w = socket_ctx;
	int events =
	    (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0);

	(void)easy;
	if (w)
		unwatch(u, w);
	if (what == CURL_POLL_REMOVE)
		return 0;
	if (!w)
		w = free_watch(u);
	if (!w)
		return -1; /* the transfer fails and is tried again */
	w->on = true;
	ev_io_init(&w->io, on_io, fd, events);
	w->io.data = u;
	ev_io_start(u->loop, &w->io);
	(void)curl_multi_assign(u->multi, fd, w); /* fails for an unknown fd only */
	return 0;
}

/* The beginning of the answer, in one printable line. */
static size_t
keep_answer(char *data, size_t size, size_t n, void *ctx)
{
	struct upload *u = ctx;

	for (size_t i = 0; i < size * n && u->answer_len < ANSWER_MAX; i++)
		u->answer[u->answer_len++] =
		    isprint((unsigned char)data[i]) ? data[i] : ' ';
	while (u->answer_len && u->answer[u->answer_len - 1] == ' ')
		u->answer_len--;
	u->answer[u->answer_len] = '\0';
	return size * n;
}

static void
start(struct upload *u)
{
	u->sending = spool_newest(u->spool);
	if (!u->sending.data)
		return;
	u->answer_len = 0;
	u->answer[0] = '\0';
	(void)curl_easy_setopt(u->easy, CURLOPT_POSTFIELDS, (char *)u->sending.data);
	(void)curl_easy_setopt(u->easy, CURLOPT_POSTFIELDSIZE, (long)u->sending.len);
	/* Fails only without memory; then the report waits for the next pause's end. */
	if (curl_multi_add_handle(u->multi, u->easy) != CURLM_OK)
		keep(u, retry_judge(&u->policy, 0, 0).pause_ms, "out of memory");
}

int
upload_new(struct ev_loop *loop, const char *url, struct spool *spool,
    struct upload **out, struct err *err)
{
	struct upload *u = mem_alloc(sizeof(*u));
	char full[MESH_COLLECTOR_MAX + sizeof(URL_PATH)];
	int rc = CURLE_FAILED_INIT;

	u->loop = loop;
	u->url = mem_strdup(url);
	u->spool = spool;
	(void)!getrandom(&u->policy.random, sizeof(u->policy.random),
	    0);		       /* cannot fail for 8 bytes */
	u->policy.random |= 1; /* 0 is a fixed point */
	ev_timer_init(&u->curl_timer, on_curl_timer, 0., 0.);
	ev_timer_init(&u->retry, on_retry, 0., 0.);
	u->curl_timer.data = u->retry.data = u;
	u->multi = curl_multi_init();
	u->easy = curl_easy_init();
	u->headers = upload_curl_headers();
	(void)snprintf(full, sizeof(full), "%s" URL_PATH,
	    url); /* length checked by main */
	if (u->multi && u->easy && u->headers)
		rc = upload_curl_options(u->easy, full, u->headers, keep_answer, u);
	if (rc != CURLE_OK) {
		upload_free(u);
		return err_code(err, ENOTSUP, "collector %s: libcurl: %s", url,
		    curl_easy_strerror((CURLcode)rc));
	}
	/* These options cannot fail: curl_multi_setopt(3). */
	(void)curl_multi_setopt(u->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	(void)curl_multi_setopt(u->multi, CURLMOPT_SOCKETDATA, u);
	(void)curl_multi_setopt(u->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	(void)curl_multi_setopt(u->multi, CURLMOPT_TIMERDATA, u);
	*out = u;
	return 0;
}

void
upload_free(struct upload *u)
{
	if (!u)
		return;
	if (u->multi && u->sending.data)
		(void)curl_multi_remove_handle(u->multi, u->easy); /* it is in there */
	curl_easy_cleanup(u->easy);
	(void)curl_multi_cleanup(u->multi); /* empty by now, may be NULL */
	curl_slist_free_all(u->headers);
	for (size_t i = 0; i < SOCKETS; i++)
		unwatch(u, &u->watches[i]);
	ev_timer_stop(u->loop, &u->curl_timer);
	ev_timer_stop(u->loop, &u->retry);
	free(u->sending.data);
	free(u->url);
	free(u);
}

/* Words when the disk begins to fail, and when it is well again. */
static void
watch_disk(struct upload *u)
{
	int code = spool_stats(u->spool).code;

	if (code && code != u->disk)
		log_warnx("spool %s: %s; reports wait in memory", spool_dir(u->spool),
		    strerror(code));
	else if (!code && u->disk)
		log_info("spool %s: can be written again", spool_dir(u->spool));
	u->disk = code;
}

void
upload_push(struct upload *u, const struct report *r)
{
	uint8_t *buf = mem_alloc(REPORT_BYTES_MAX);
	size_t len = report_encode(r, buf, REPORT_BYTES_MAX);

	if (len)
		spool_put(u->spool, buf, len);
	else
		log_warnx("report of %zu rows does not fit into %d bytes; dropped",
		    r->n_rows, REPORT_BYTES_MAX);
	free(buf);
	watch_disk(u);
	upload_start(u);
}

void
upload_start(struct upload *u)
{
	if (!u->sending.data && !ev_is_active(&u->retry))
		start(u);
}

bool
upload_is_idle(const struct upload *u)
{
	return (!u->sending.data && !spool_stats(u->spool).reports) || u->away;
}
