/* SPDX-License-Identifier: MIT */
/*
 * What status says of the agent: of this node's only, and when it has gone silent.
 * links: optimizer/cmd_status_agent.c
 */
#include "optimizer/cmd_status_agent.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW INT64_C(1795355600000000000) /* 2026-11-22T13:53:20Z */

static json_t *
load(const char *text, const char *node)
{
	char path[] = "/tmp/meshopt-agent.XXXXXX";
	int fd = mkstemp(path);
	json_t *agent;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
	agent = cmd_status_agent_load(path, node);
	assert_int_equal(unlink(path), 0);
	return agent;
}

static void
says(const char *text, const char *want)
{
	json_t *agent = load(text, "hkg");
	char *got = NULL;
	size_t len;
	FILE *out = open_memstream(&got, &len);

	assert_non_null(out);
	cmd_status_agent_print(agent, (struct wall){ NOW }, out);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(got, want);
	free(got);
	json_decref(agent);
}

static void
of_this_node_only(void **state)
{
	json_t *agent;

	(void)state;
	agent = cmd_status_agent_load("/nonexistent/agent.json", "hkg");
	assert_true(json_is_null(agent));
	agent = load("{\"node\": \"nrt\"}", "hkg");
	assert_true(json_is_null(agent));
	agent = load("{\"node\": \"hkg\"", "hkg");
	assert_true(json_is_null(agent));
	agent = load("{\"node\": \"hkg\"}", "hkg");
	assert_true(json_is_object(agent));
	json_decref(agent);
	says("[]", "");
}

static void
in_words(void **state)
{
	(void)state;
	says("{\"node\": \"hkg\", \"time\": \"2026-11-22T13:53:18Z\"}",
	    "agent: no plan yet, the hub does not answer\n");
	says("{\"node\": \"hkg\", \"time\": \"2026-11-22T13:53:18Z\","
	     " \"frozen\": true, \"plan\": {\"epoch\": 7, \"fresh\": true,"
	     " \"refused\": \"plan 8: empty\"}, \"hub\": {\"answers\": true},"
	     " \"netd\": {\"verdict\": \"\"}, \"collector\": \"\","
	     " \"pairs\": [{\"peer\": \"nrt\", \"text\": \"\"},"
	     " {\"peer\": \"fra\", \"text\": \"\", \"plan\": \"hub\", \"hold_s\": 9},"
	     " {\"peer\": \"syd\", \"text\": \"\", \"plan\": \"direct\","
	     " \"hold_s\": 842},"
	     " {\"peer\": \"sin\", \"text\": \"no handshake in 15 s\"},"
	     " {\"peer\": \"fra\", \"text\": \"fra2: by hand\"},"
	     " {\"peer\": \"nrt\", \"text\": \"nrt: 3 misses\"}]}",
	    "agent: plan 7, the hub answers\n"
	    "agent: frozen: no change until `meshopt freeze --off`\n"
	    "agent: plan 8: empty\n"
	    "agent: syd: stays by the hub for another 14 min 2 s, after a fault\n"
	    "agent: sin: no handshake in 15 s\n"
	    "agent: fra: fra2: by hand\n"
	    "agent: nrt: 3 misses\n");
	/* What it said then is told to nobody as if it were so. */
	says("{\"node\": \"hkg\", \"time\": \"2026-11-22T13:50:20Z\","
	     " \"frozen\": true, \"plan\": {\"refused\": \"plan 8: empty\"},"
	     " \"collector\": \"no answer\", \"pairs\": [{\"peer\": \"sin\","
	     " \"plan\": \"direct\", \"text\": \"3 misses\", \"hold_s\": 9}]}",
	    "agent: has said nothing for 180 s: systemctl status meshopt-agent\n");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_this_node_only),
		cmocka_unit_test(in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
