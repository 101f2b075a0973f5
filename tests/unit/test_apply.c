/* SPDX-License-Identifier: MIT */
/*
 * What meshopt apply makes of a machine that is not fit, and what it ends with.  Who
 * carries the plan out is a stub that says what it is told.
 *
 * links: optimizer/cmd_apply.c optimizer/plan_file.c optimizer/agent/order.c
 * links: optimizer/decide/plan.c optimizer/decide/plan_json.c
 * links: optimizer/decide/plan_json_write.c
 * links: optimizer/operate/pending.c optimizer/operate/self.c
 * links: optimizer/netd/scene.c optimizer/netd/book.c
 * links: optimizer/apply/preflight.c optimizer/apply/pair.c
 * links: optimizer/apply/state.c
 * links: tests/fakes/kernel.c tests/fakes/kernel_change.c
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/stat.h>
#include <unistd.h>

#include "optimizer/cmd.h"
#include "optimizer/cmd_apply_run.h"
#include "optimizer/netd/claim.h"
#include "optimizer/undo.h"
#include "tests/unit/apply_node.h"

static struct {
	char dir[32], mesh[64], plan[64];
	int rc;		 /* of what carries it out, */
	bool undone;	 /* and did it leave the pair as it was? */
	unsigned runs;	 /* how often it was asked */
	char said[4096]; /* on standard error */
} w;

int
cmd_apply_run(const struct apply_run *run, struct apply_outcome *out, struct err *err)
{
	size_t nrt = mesh_find(run->mesh, "nrt");

	w.runs++;
	out[nrt].over = out[nrt].changed = !w.undone;
	out[nrt].rtt_us = 49000;
	return w.rc < 0 ? err_code(err, -w.rc, "netd has ended") : 0;
}

int
claim_take(const char *interface)
{
	(void)interface;
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int
undo(const struct undo *o)
{
	(void)o;
	return EXIT_FAILED;
}

static void
put(const char *path, const char *text)
{
	FILE *out = fopen(path, "we");

	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(path, 0644), 0);
}

static void
put_plan(const char *path, const char *self)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
	    "{\"mesh\": \"edgeproxy\", \"tunnels\": [], \"routes\": [{\"a\": \"%s\","
	    " \"b\": \"nrt\", \"path\": \"%s\", \"ms\": 49, \"hub_ms\": 492}]}",
	    self, path); /* fits */
	put(w.plan, text);
}

static int
begin(void **unused)
{
	memset(&w, 0, sizeof(w));
	strcpy(w.dir, "/tmp/meshopt-apply.XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	(void)snprintf(w.mesh, sizeof(w.mesh), "%s/mesh", w.dir); /* fits */
	(void)snprintf(w.plan, sizeof(w.plan), "%s/plan", w.dir); /* fits */
	put(w.mesh, world_mesh_text);
	put_plan("direct", "hkg");
	return set_up(unused);
}

static int
end(void **unused)
{
	assert_int_equal(unlink(w.mesh), 0);
	assert_int_equal(unlink(w.plan), 0);
	assert_int_equal(rmdir(w.dir), 0);
	return tear_down(unused);
}

/* The exit status of meshopt apply --yes on a node; w.said has its words. */
static int
apply(const char *self)
{
	const char *argv[] = { "apply", "--yes", "--mesh", w.mesh, "--node", self,
		w.plan, NULL };
	FILE *to = tmpfile();
	int real = dup(STDERR_FILENO), rc;
	size_t n;

	assert_true(to && real >= 0);
	assert_true(dup2(fileno(to), STDERR_FILENO) >= 0);
	optind = 0;
	rc = cmd_apply(7, (char **)(uintptr_t)argv);
	assert_true(dup2(real, STDERR_FILENO) >= 0);
	assert_int_equal(close(real), 0);
	rewind(to);
	n = fread(w.said, 1, sizeof(w.said) - 1, to);
	w.said[n] = '\0';
	assert_int_equal(fclose(to), 0);
	print_message("%s", w.said);
	return rc;
}

static void
ends_as_it_went(void **unused)
{
	(void)unused;
	assert_int_equal(apply("hkg"), EXIT_DONE);
	w.undone = true;
	assert_int_equal(apply("hkg"), EXIT_FAILED);
	w.rc = -EPIPE;
	assert_int_equal(apply("hkg"), EXIT_FAILED);
	assert_int_equal(w.runs, 3);
}

static void
says_that_a_relay_does_not_forward(void **unused)
{
	(void)unused;
	fake.hub.key = mesh->nodes[mesh_find(mesh, "sin")].key;
	put_plan("direct", "sin");
	fake.no_forward = true;
	assert_int_equal(apply("sin"), EXIT_DONE); /* its own pairs can do without */
	assert_non_null(strstr(w.said, "sin has Relay = yes, but forwards nothing"));
	fake.no_forward = false;
	assert_int_equal(apply("sin"), EXIT_DONE);
	assert_string_equal(w.said, "");
	assert_int_equal(w.runs, 2);
}

static void
is_not_done_if_netd_died_at_the_end(void **unused)
{
	(void)unused;
	w.rc = -EPIPE;
	assert_int_equal(apply("hkg"), EXIT_PARTIAL);
	assert_non_null(strstr(w.said, "netd has ended"));
}

/* Nobody would take its handshakes; who comes back to the hub needs none. */
static void
needs_a_clock_that_did_not_go_back(void **unused)
{
	(void)unused;
	stage("sin");
	fake.direct.peers[0].handshake.ns = INT64_MAX / 2;
	assert_int_equal(apply("hkg"), EXIT_FAILED);
	assert_non_null(strstr(w.said, "the clock went back"));
	assert_non_null(strstr(w.said, "nothing was touched"));
	assert_int_equal(w.runs, 0);
	put_plan("hub", "hkg");
	assert_int_equal(apply("hkg"), EXIT_DONE);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	static const struct CMUnitTest tests[] = {
		T(ends_as_it_went),
		T(needs_a_clock_that_did_not_go_back),
		T(says_that_a_relay_does_not_forward),
		T(is_not_done_if_netd_died_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
