/* SPDX-License-Identifier: MIT */
/*
 * The agent's side of the collector's interface, against a server on loopback that sees
 * every request: the long poll, the ETag, and what is sent again.
 *
 * links: optimizer/agent/uplink.c optimizer/agent/http.c optimizer/agent/event_json.c
 */
#include "optimizer/agent/uplink.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/mhd_loop.h"

#define SEEN_MAX  512
#define BODY_MAX  2048
#define LIMIT_NS  (20 * NS_PER_S)
#define RETRY_S	  0.1
#define PLAN_ETAG "\"7-cafe\""

struct request {
	char method[8], path[32], wait[8], etag[32], type[32], body[BODY_MAX];
	unsigned status; /* of the answer */
};

static struct mesh_node nodes[] = { { .name = "dub" }, { .name = "hkg" },
	{ .name = "nrt" } };
static const struct mesh mesh = { .nodes = nodes, .n_nodes = 3 };

static struct ev_loop *loop;
static struct MHD_Daemon *daemon_;
static struct mhd_loop mhd;
static struct uplink *uplink;
static struct event_json *events;

/* What came, and what is answered: of events one status after the other, the last one
 * for good; of a plan the ETag's, unless it is another. */
static struct request plans[SEEN_MAX], posts[SEEN_MAX];
static size_t n_plans, n_posts, n_given, given_len;
static char given[64];
static bool follows;
static unsigned plan_status, post_status[8];
static const char *plan_etag, *refused_word;

static void
copy(char *into, size_t size, const char *text)
{
	(void)snprintf(into, size, "%s", text ? text : ""); /* a test's own words */
}

static enum MHD_Result
reply(struct MHD_Connection *c, unsigned status, const char *text, const char *etag)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(strlen(text),
	    (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result rc;

	if (etag)
		(void)MHD_add_response_header(r, "ETag", etag); /* ours is right */
	rc = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return rc;
}

static enum MHD_Result
answer_plan(struct MHD_Connection *c, struct request *r)
{
	r->status = plan_status			      ? plan_status
		    : strcmp(r->etag, plan_etag) == 0 ? 304
						      : 200;
	return reply(c, r->status, r->status == 200 ? "a signed plan" : "",
	    r->status < 400 ? plan_etag : NULL);
}

static enum MHD_Result
answer_post(struct MHD_Connection *c, struct request *r)
{
	size_t i = (size_t)(r - posts);

	if (i >= sizeof(post_status) / sizeof(post_status[0]) || !post_status[i])
		r->status = refused_word && strstr(r->body, refused_word) ? 400 : 204;
	else
		r->status = post_status[i];
	return reply(c, r->status, "in words\n", NULL);
}

static enum MHD_Result
on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *data, size_t *size, void **state)
{
	bool post = strcmp(method, "POST") == 0;
	struct request *r = *state;

	(void)ctx;
	(void)version;
	if (!r) {
		assert_true(n_plans < SEEN_MAX && n_posts < SEEN_MAX);
		r = *state = post ? &posts[n_posts++] : &plans[n_plans++];
		*r = (struct request){ 0 };
		copy(r->method, sizeof(r->method), method);
		copy(r->path, sizeof(r->path), url);
		copy(r->wait, sizeof(r->wait),
		    MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "wait"));
		copy(r->etag, sizeof(r->etag),
		    MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-None-Match"));
		copy(r->type, sizeof(r->type),
		    MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Type"));
		return MHD_YES;
	}
	if (*size) {
		assert_true(strlen(r->body) + *size < BODY_MAX);
		strncat(r->body, data, *size);
		*size = 0;
		return MHD_YES;
	}
	return post ? answer_post(c, r) : answer_plan(c, r);
}

static bool
on_plan(const void *bytes, size_t len, void *ctx)
{
	(void)ctx;
	assert_true(len < sizeof(given));
	memcpy(given, bytes, len);
	given_len = len;
	n_given++;
	return follows;
}

static void
on_beat(struct ev_loop *l, ev_timer *w, int revents)
{
	(void)l;
	(void)w;
	(void)revents;
}

/* Until so many have come and were answered, or, which is wrong, the limit is over. */
static void
run(const size_t *count, size_t want)
{
	struct mono end = mono_add(clock_mono(), LIMIT_NS);
	ev_timer beat;

	ev_timer_init(&beat, on_beat, 0., 0.02);
	ev_timer_start(loop, &beat);
	while (*count < want && mono_diff(end, clock_mono()) > 0)
		ev_run(loop, EVRUN_ONCE);
	ev_timer_stop(loop, &beat);
	assert_true(*count >= want);
}

static int
set_up(void **unused)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const union MHD_DaemonInfo *info;
	char url[64];
	struct uplink_opts opts = { .collector = url,
		.retry_s = RETRY_S,
		.plan = on_plan };
	struct err err;

	(void)unused;
	n_plans = n_posts = n_given = given_len = 0;
	plan_status = 0;
	memset(post_status, 0, sizeof(post_status));
	plan_etag = PLAN_ETAG;
	refused_word = NULL;
	follows = true;
	loop = ev_default_loop(EVFLAG_AUTO);
	daemon_ = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, NULL,
	    MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&at, MHD_OPTION_END);
	if (!loop || !daemon_)
		return -1;
	mhd_loop_start(&mhd, loop, daemon_);
	info = MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_BIND_PORT);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", info->port); /* fits */
	events = opts.events = event_json_new(&mesh, 1);
	return uplink_new(loop, &opts, &uplink, &err);
}

static int
tear_down(void **unused)
{
	(void)unused;
	uplink_free(uplink);
	event_json_free(events);
	mhd_loop_stop(&mhd);
	MHD_stop_daemon(daemon_);
	ev_loop_destroy(loop);
	return 0;
}

static void
a_plan_is_waited_for(void **unused)
{
	(void)unused;
	run(&n_given, 1);
	assert_memory_equal(given, "a signed plan", given_len);
	assert_int_equal(given_len, 13);
	run(&n_plans, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(plans[i].method, "GET");
		assert_string_equal(plans[i].path, "/api/v1/plan");
		assert_string_equal(plans[i].wait, "30");
		assert_string_equal(plans[i].etag, i ? PLAN_ETAG : "");
	}
	/* It is there already, and is not handed on once more. */
	assert_int_equal(plans[1].status, 304);
	assert_int_equal(n_given, 1);
	plan_etag = "\"8-cafe\"";
	run(&n_given, 2);
	run(&n_plans, n_plans + 1);
	assert_string_equal(plans[n_plans - 1].etag, "\"8-cafe\"");
}

static void
a_plan_is_asked_for_as_if_there_were_none(void **unused)
{
	(void)unused;
	run(&n_given, 1);
	run(&n_plans, 2);
	uplink_again(uplink);
	run(&n_given, 2);
	assert_string_equal(plans[n_plans - 1].etag, "");
	/* By itself when it was not followed; the mesh file may be another soon. */
	follows = false;
	plan_etag = "\"8-cafe\"";
	run(&n_given, 3);
	run(&n_given, 4);
	assert_string_equal(plans[n_plans - 1].etag, "");
}

static void
a_collector_that_is_away_is_asked_again(void **unused)
{
	(void)unused;
	run(&n_given, 1);
	plan_status = 503;
	run(&n_plans, 4);
	assert_string_equal(uplink_trouble(uplink), "HTTP status 503");
	plan_status = 0;
	run(&n_plans, n_plans + 2);
	assert_string_equal(uplink_trouble(uplink), "");
	/* What was followed is what there is. */
	assert_string_equal(plans[n_plans - 1].etag, PLAN_ETAG);
	assert_int_equal(n_given, 1);
	plan_status = 404; /* its store is a new one, and nothing was published yet */
	run(&n_plans, n_plans + 3);
	assert_string_equal(uplink_trouble(uplink), "");
	plan_status = 0;
	plan_etag = "\"9-cafe\"";
	run(&n_given, 2);
}

static void
add(const char *text)
{
	struct core_event e = { .kind = CORE_FAULT, .node = SIZE_MAX, .rtt_us = -1 };

	copy(e.text, sizeof(e.text), text);
	event_json_add(events, &e, 1, clock_wall());
	uplink_kick(uplink);
}

static void
events_are_sent_until_they_are_taken(void **unused)
{
	static const unsigned status[] = { 503, 403, 404, 429, 500 };
	char *left;

	(void)unused;
	memcpy(post_status, status, sizeof(status));
	add("first");
	add("second");
	run(&n_posts, 6);
	for (size_t i = 0; i < 6; i++) {
		assert_string_equal(posts[i].path, "/api/v1/events");
		assert_string_equal(posts[i].type, "application/json");
		assert_non_null(strstr(posts[i].body, "\"first\""));
		assert_non_null(strstr(posts[i].body, "\"second\""));
		assert_string_equal(posts[i].body, posts[0].body);
	}
	assert_int_equal(posts[5].status, 204);
	run(&n_plans,
	    n_plans + 2); /* time for the answer, and for more that is wrong */
	left = event_json_body(events);
	assert_null(left);
	assert_int_equal(n_posts, 6);
	add("third");
	run(&n_posts, 7);
	assert_null(strstr(posts[6].body, "\"first\""));
}

static void
a_bad_event_takes_no_other_with_it(void **unused)
{
	static const char *const text[] = { "one", "two", "bad", "four", "five" };
	unsigned taken;

	(void)unused;
	refused_word = "bad";
	for (size_t i = 0; i < 5; i++)
		add(text[i]);
	/* 5, 2, 2: bad and four, bad alone, four and five */
	run(&n_posts, 5);
	run(&n_plans, n_plans + 20);
	assert_int_equal(n_posts, 5);
	for (size_t i = 0; i < 5; i++) {
		taken = 0;
		for (size_t k = 0; k < n_posts; k++)
			taken += posts[k].status == 204 &&
				 strstr(posts[k].body, text[i]) != NULL;
		assert_int_equal(taken, strcmp(text[i], "bad") != 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_plan_is_waited_for),
		TEST(a_plan_is_asked_for_as_if_there_were_none),
		TEST(a_collector_that_is_away_is_asked_again),
		TEST(events_are_sent_until_they_are_taken),
		TEST(a_bad_event_takes_no_other_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
