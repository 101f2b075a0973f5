/* SPDX-License-Identifier: MIT */
/*
 * The plan on disk: taken once, there after a restart, never an older one, and a file
 * that is cut or changed anywhere is no plan.
 *
 * links: optimizer/agent/follow.c optimizer/agent/keep.c optimizer/agent/guard.c
 * links: optimizer/agent/order.c
 * links: optimizer/decide/plan.c optimizer/decide/plan_json.c
 */
#include "optimizer/agent/follow.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/signed.h"

static char dir[] = "/tmp/follow.XXXXXX";
static struct signed_key key;
static struct mesh *mesh;
static struct follow f;

/* What was done to the disk, in order: a file or a directory synced, a file renamed. */
static char disk[64];

static void
note(const char *what)
{
	size_t at = strlen(disk);

	(void)snprintf(disk + at, sizeof(disk) - at, "%s ", what); /* cut is fine */
}

int
fsync(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	note(S_ISDIR(st.st_mode) ? "directory" : "file");
	return (int)syscall(SYS_fsync, fd);
}

int
rename(const char *from, const char *to)
{
	note("rename");
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

static struct mesh *
make_mesh(void)
{
	FILE *in = tmpfile();
	struct mesh *m = NULL;
	char text[WGKEY_TEXT_MAX];
	struct err err;

	wgkey_format(&key.public_key, text);
	fprintf(in, "[Mesh]\nName = follow\nPlanKey = %s\n", text);
	for (int i = 0; i < 5; i++) {
		struct wgkey node = { { 7, (uint8_t)i } };

		wgkey_format(&node, text);
		fprintf(in,
		    "[Node]\nName = n%d\nRole = %s\nAddress = 10.9.%d.1/24\n"
		    "PublicKey = %s\nEndpoint = 192.0.2.%d:51820\n%s",
		    i, i ? "pop" : "hub", i, text, i + 1,
		    i ? "" : "AllowedIPs = 10.9.0.0/16\n");
	}
	rewind(in);
	if (mesh_read(in, "follow", &m, &err) < 0)
		fail_msg("%s", err.text);
	(void)fclose(in); /* a temporary file */
	return m;
}

/* *out is for free(). */
static size_t
make_plan(unsigned epoch, const char *routes, uint8_t **out)
{
	char text[512], when[WALL_TEXT_MAX];
	size_t len;
	int n;

	wall_format(clock_wall(), when);
	n = snprintf(text, sizeof(text),
	    "{\"mesh\":\"follow\",\"epoch\":%u,\"issued\":\"%s\",\"ttl_s\":900,"
	    "\"tunnels\":[],\"routes\":[%s]}",
	    epoch, when, routes);
	assert_int_equal(signed_seal(&key, text, (size_t)n, out, &len), 0);
	return len;
}

/* Signed, but never published: it has no epoch. */
static void
a_plan_without_an_epoch_is_not_followed(void **state)
{
	static const char text[] = "{\"mesh\":\"follow\",\"tunnels\":[],\"routes\":[]}";
	uint8_t *bytes;
	size_t len;
	struct err err;

	(void)state;
	assert_int_equal(follow_load(&f, mesh, dir, &err), 0);
	assert_int_equal(signed_seal(&key, text, strlen(text), &bytes, &len), 0);
	assert_int_equal(follow_take(&f, bytes, len, clock_wall(), &err),
	    FOLLOW_REFUSED);
	assert_non_null(strstr(err.text, "not published"));
	free(bytes);
	follow_fini(&f);
}

#define ROUTE(a, b) "{\"a\":\"" a "\",\"b\":\"" b "\",\"path\":\"direct\",\"ms\":5}"

static enum follow_verdict
take(unsigned epoch, const char *routes, struct err *err)
{
	uint8_t *bytes;
	size_t len = make_plan(epoch, routes, &bytes);
	enum follow_verdict v = follow_take(&f, bytes, len, clock_wall(), err);

	free(bytes);
	return v;
}

static void
plan_path(char path[64])
{
	(void)snprintf(path, 64, "%s/" FOLLOW_FILE, dir);
}

static void
unlink_plan(void)
{
	char path[64];

	plan_path(path);
	assert_int_equal(unlink(path), 0);
}

static void
taken_once_and_kept(void **state)
{
	uint8_t *bytes;
	size_t len;
	struct err err;

	(void)state;
	assert_int_equal(follow_load(&f, mesh, dir, &err), 0);
	assert_false(f.has);
	len = make_plan(5, ROUTE("n1", "n2"), &bytes);
	disk[0] = '\0';
	assert_int_equal(follow_take(&f, bytes, len, clock_wall(), &err), FOLLOW_NEW);
	assert_string_equal(disk, "file rename directory ");
	assert_int_equal(follow_take(&f, bytes, len, clock_wall(), &err), FOLLOW_SAME);
	follow_fini(&f);
	/* Another run. */
	assert_int_equal(follow_load(&f, mesh, dir, &err), 0);
	assert_true(f.has);
	assert_int_equal(f.order.epoch, 5);
	assert_int_equal(f.order.n, 1);
	assert_int_equal(follow_take(&f, bytes, len, clock_wall(), &err), FOLLOW_SAME);
	free(bytes);
	assert_int_equal(take(4, ROUTE("n1", "n2"), &err), FOLLOW_REFUSED);
	assert_int_equal(take(5, ROUTE("n1", "n3"), &err), FOLLOW_REFUSED);
	assert_non_null(strstr(err.text, "epoch 5 was followed already"));
	assert_int_equal(take(6, "", &err), FOLLOW_REFUSED);
	assert_int_equal(f.order.epoch, 5);
	/* Somebody on this node allows it, and this one only. */
	assert_int_equal(follow_force(dir, 7, &err), 0);
	assert_int_equal(take(6, "", &err), FOLLOW_REFUSED);
	assert_int_equal(take(7, "", &err), FOLLOW_NEW);
	follow_fini(&f);
}

/* A node has left the mesh file, and with it the plan that was followed. */
static void
another_roster_forgets_no_epoch(void **state)
{
	static const char two[] = ROUTE("n1", "n2") "," ROUTE("n1", "n4");
	static const char four[] = ROUTE("n1", "n2") "," ROUTE("n1",
	    "n3") "," ROUTE("n2", "n3") "," ROUTE("n3", "n4");
	struct mesh *small = make_mesh(), *all = mesh;
	uint8_t *bytes;
	struct err err;
	size_t len;

	(void)state;
	small->n_nodes--;
	assert_int_equal(follow_load(&f, mesh, dir, &err), 0);
	assert_int_equal(follow_force(dir, 20, &err), 0);
	len = make_plan(20, two, &bytes);
	assert_int_equal(follow_take(&f, bytes, len, clock_wall(), &err), FOLLOW_NEW);
	for (int row = 0; row < 2; row++) {
		/* Read again, or started again. */
		if (row == 0) {
			assert_true(follow_reload(&f, small, &err) < 0);
		} else {
			follow_fini(&f);
			assert_true(follow_load(&f, small, dir, &err) < 0);
		}
		assert_int_equal(f.order.n, 0);
		/* Not the one that we have: it is said what is wrong with it. */
		assert_int_equal(follow_take(&f, bytes, len, clock_wall(), &err),
		    FOLLOW_REFUSED);
		assert_non_null(strstr(err.text, "no such node"));
		assert_int_equal(guard_fresh_ns(&f.order, clock_wall()), 0);
		assert_int_equal(take(19, ROUTE("n1", "n2"), &err), FOLLOW_REFUSED);
		assert_non_null(strstr(err.text, "epoch 20 was followed already"));
		assert_int_equal(take(20, ROUTE("n1", "n2"), &err), FOLLOW_REFUSED);
	}
	/* Of what there was nothing is known, so that no size is too large. */
	f.mesh = mesh = all;
	assert_int_equal(take(21, four, &err), FOLLOW_NEW);
	follow_fini(&f);
	unlink_plan();
	free(bytes);
	small->n_nodes++;
	mesh_free(small);
}

static void
another_key_or_none(void **state)
{
	struct signed_key other = key;
	struct err err;

	(void)state;
	assert_int_equal(follow_load(&f, mesh, dir, &err), 0);
	signed_key_make(&key);
	assert_int_equal(take(50, ROUTE("n1", "n2"), &err), FOLLOW_REFUSED);
	key = other;
	memset(&mesh->plan_key, 0, sizeof(mesh->plan_key));
	assert_int_equal(take(50, ROUTE("n1", "n2"), &err), FOLLOW_REFUSED);
	assert_non_null(strstr(err.text, "no PlanKey"));
	mesh->plan_key = key.public_key;
	follow_fini(&f);
}

/* The mesh file brings another PlanKey: epochs of the old one say nothing any more. */
static void
the_key_is_changed(void **state)
{
	struct signed_key old = key;
	struct mesh *before = mesh, *fresh;
	struct err err;

	(void)state;
	assert_int_equal(follow_load(&f, mesh, dir, &err), 0);
	assert_int_equal(take(4000000000u, ROUTE("n1", "n2"), &err), FOLLOW_NEW);
	/* Read again with the same key, the plan file gone: what was followed counts.
	 */
	unlink_plan();
	assert_int_equal(follow_reload(&f, mesh, &err), 0);
	assert_int_equal(take(3999999999u, ROUTE("n1", "n2"), &err), FOLLOW_REFUSED);
	assert_int_equal(take(4000000001u, ROUTE("n1", "n2"), &err), FOLLOW_NEW);
	signed_key_make(&key);
	fresh = make_mesh();
	assert_true(follow_reload(&f, fresh, &err) < 0);
	assert_false(f.has);
	assert_int_equal(f.order.n, 0);
	assert_int_equal(f.order.epoch, 0);
	assert_int_equal(take(7, ROUTE("n1", "n2"), &err), FOLLOW_NEW);
	assert_int_equal(take(6, ROUTE("n1", "n2"), &err), FOLLOW_REFUSED);
	/* The old key does not come back, whatever its epoch. */
	key = old;
	assert_int_equal(take(4100000000u, ROUTE("n1", "n2"), &err), FOLLOW_REFUSED);
	assert_non_null(strstr(err.text, "PlanKey"));
	follow_fini(&f);
	unlink_plan();
	mesh = before;
	mesh_free(fresh);
}

static void
what_cannot_be_kept_is_refused(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(follow_load(&f, mesh, "/tmp/follow.no/such", &err), 0);
	assert_int_equal(take(60, ROUTE("n1", "n2"), &err), FOLLOW_REFUSED);
	assert_non_null(strstr(err.text, "No such file"));
	assert_false(f.has);
	follow_fini(&f);
}

static void
write_raw(const uint8_t *bytes, size_t len)
{
	char path[64];
	int fd;

	plan_path(path);
	fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0600);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	(void)close(fd); /* a test's file */
}

static void
damage_is_seen(void **state)
{
	uint8_t *bytes;
	size_t len = make_plan(70, ROUTE("n1", "n2"), &bytes);
	struct err err;

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		write_raw(bytes, cut);
		if (follow_load(&f, mesh, dir, &err) == 0 && f.has)
			fail_msg("cut at %zu of %zu", cut, len);
		follow_fini(&f);
	}
	for (size_t i = 0; i < len; i++) {
		bytes[i] ^= 0x10;
		write_raw(bytes, len);
		if (follow_load(&f, mesh, dir, &err) == 0 && f.has)
			fail_msg("changed at %zu of %zu", i, len);
		follow_fini(&f);
		bytes[i] ^= 0x10;
	}
	write_raw(bytes, len);
	assert_int_equal(follow_load(&f, mesh, dir, &err), 0);
	assert_true(f.has);
	follow_fini(&f);
	free(bytes);
}

/* Whatever became of the file meanwhile, what was followed was followed. */
static void
reading_again_forgets_no_epoch(void **state)
{
	static const uint8_t junk[] = "junk";
	char path[64];
	struct err err;

	(void)state;
	plan_path(path);
	(void)unlink(path); /* of the tests before, or not there */
	assert_int_equal(follow_load(&f, mesh, dir, &err), 0);
	for (unsigned row = 0; row < 2; row++) {
		unsigned epoch = 100 + 10 * row;

		assert_int_equal(take(epoch, ROUTE("n1", "n2"), &err), FOLLOW_NEW);
		if (row == 0)
			write_raw(junk, sizeof(junk));
		else
			assert_int_equal(unlink(path), 0);
		assert_int_equal(follow_reload(&f, mesh, &err) < 0, row == 0);
		assert_int_equal(take(epoch - 1, ROUTE("n1", "n2"), &err),
		    FOLLOW_REFUSED);
		assert_int_equal(take(epoch, ROUTE("n1", "n3"), &err), FOLLOW_REFUSED);
	}
	assert_int_equal(take(120, ROUTE("n1", "n2"), &err), FOLLOW_NEW);
	assert_int_equal(follow_reload(&f, mesh, &err), 0);
	assert_int_equal(f.order.epoch, 120);
	assert_int_equal(f.order.n, 1);
	follow_fini(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_without_an_epoch_is_not_followed),
		cmocka_unit_test(taken_once_and_kept),
		cmocka_unit_test(another_roster_forgets_no_epoch),
		cmocka_unit_test(another_key_or_none),
		cmocka_unit_test(the_key_is_changed),
		cmocka_unit_test(what_cannot_be_kept_is_refused),
		cmocka_unit_test(damage_is_seen),
		cmocka_unit_test(reading_again_forgets_no_epoch),
	};
	char path[64];
	int rc;

	if (!mkdtemp(dir))
		return 1;
	signed_key_make(&key);
	mesh = make_mesh();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	plan_path(path);
	(void)unlink(path); /* ours */
	(void)snprintf(path, sizeof(path), "%s/" FOLLOW_FORCE, dir);
	(void)unlink(path); /* ours */
	(void)rmdir(dir);   /* likewise */
	mesh_free(mesh);
	return rc;
}
