/* SPDX-License-Identifier: MIT */
/*
 * The dwell outlives the agent: killed, rebooted, on a disk that fails, and whatever
 * became of the file.
 *
 * links: optimizer/agent/dwell.c optimizer/agent/keep.c optimizer/agent/core.c
 * links: optimizer/agent/core_probe.c optimizer/agent/core_nat.c
 * links: optimizer/agent/way_place.c optimizer/agent/core_word.c optimizer/agent/way.c
 * links: optimizer/agent/way_nat.c optimizer/agent/way_watch.c optimizer/agent/live.c
 * links: optimizer/apply/pair.c
 * links: optimizer/agent/core_ask.c
 * links: optimizer/agent/way_hub.c
 */
#include "optimizer/agent/dwell.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/crc32c.h"
#include "optimizer/agent/keep.h"

#define S NS_PER_S

enum { HUB, SELF, A, B, NODES };

static char dir[] = "/tmp/dwell.XXXXXX";
static struct mesh *mesh;
static struct core *core;
static struct dwell d;
static struct mono now;

/* A hub, this node, and as many others; names begin with this letter. */
static struct mesh *
make_mesh(char letter)
{
	FILE *in = tmpfile();
	struct mesh *m = NULL;
	char text[WGKEY_TEXT_MAX];
	struct err err;

	fprintf(in, "[Mesh]\nName = dwell\n");
	for (int i = 0; i < NODES; i++) {
		struct wgkey key = { { 7, (uint8_t)i } };

		wgkey_format(&key, text);
		fprintf(in,
		    "[Node]\nName = %c%d\nRole = %s\nAddress = 10.9.%d.1/24\n"
		    "PublicKey = %s\nEndpoint = 192.0.2.%d:51820\n%s",
		    i == B ? letter : 'n', i, i ? "pop" : "hub", i, text, i + 1,
		    i ? "" : "AllowedIPs = 10.9.0.0/16\n");
	}
	rewind(in);
	if (mesh_read(in, "dwell", &m, &err) < 0)
		fail_msg("%s", err.text);
	(void)fclose(in); /* a temporary file */
	return m;
}

/* Another run of the agent, with this mesh file. */
static void
start_with(const struct mesh *m)
{
	dwell_fini(&d);
	core_free(core);
	core =
	    core_new(&(struct core_opts){ .mesh = m, .self = SELF, .full_bytes = 1372 },
		now);
	dwell_init(&d, dir);
	dwell_restore(&d, m, core, now);
}

static void
start(void)
{
	start_with(mesh);
}

static void
reboot(int64_t up_ns)
{
	char path[64], text[512];
	ssize_t len;
	char *boot;
	int fd;

	/* This boot becomes another one: its name in the file is changed. */
	(void)snprintf(path, sizeof(path), "%s/" DWELL_FILE, dir);
	fd = open(path, O_RDWR);
	len = read(fd, text, sizeof(text));
	assert_true(len > 0);
	boot = memmem(text, (size_t)len, d.boot, strlen(d.boot));
	assert_non_null(boot);
	boot[0] = boot[0] == 'x' ? 'y' : 'x';
	(void)snprintf(text + len - 9, 10, "%08x\n", crc32c(0, text, (size_t)len - 13));
	assert_int_equal(pwrite(fd, text, (size_t)len, 0), len);
	(void)close(fd); /* a test's file */
	now.ns = up_ns;
	start();
}

/* Seconds that a path dwells from now on. */
static int64_t
left(size_t node)
{
	int64_t ns = mono_diff(core_way(core, node)->hold_until, now);

	return ns > 0 ? ns / S : 0;
}

static void
hold(size_t node, int64_t ns)
{
	core_hold(core, node, mono_add(now, ns));
	dwell_keep(&d, mesh, core, now);
}

static int
set_up(void **state)
{
	char path[64];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/" DWELL_FILE, dir);
	(void)unlink(path); /* of a test before, or not there */
	now.ns = 100000 * S;
	start();
	return 0;
}

static void
first_start(void **state)
{
	(void)state;
	for (size_t i = 0; i < NODES; i++)
		assert_int_equal(left(i), 0);
}

static void
goes_on_after_a_restart(void **state)
{
	(void)state;
	hold(A, 900 * S);
	now = mono_add(now, 100 * S);
	hold(B, 900 * S);
	for (int i = 0; i < 3; i++) {
		now = mono_add(now, 200 * S);
		start();
		dwell_keep(&d, mesh, core, now);
		assert_int_equal(left(A), 600 - 200 * i);
		assert_int_equal(left(B), 700 - 200 * i);
	}
	now = mono_add(now, 250 * S);
	start();
	assert_int_equal(left(A), 0);
	assert_int_equal(left(B), 50);
}

/* It may have taken a second or a year, and no wall clock is believed. */
static void
begins_anew_after_a_reboot(void **state)
{
	static const int64_t ups[] = { 20 * S, 100000 * S, 100800 * S, 9000000 * S };

	(void)state;
	for (size_t i = 0; i < sizeof(ups) / sizeof(ups[0]); i++) {
		now.ns = 100000 * S;
		hold(A, 900 * S);
		reboot(ups[i]);
		assert_int_equal(left(A), 900);
		assert_int_equal(left(B), 0);
		/* But only once: from now on it is of this boot. */
		dwell_keep(&d, mesh, core, now);
		now = mono_add(now, 500 * S);
		start();
		assert_int_equal(left(A), 400);
		now = mono_add(now, 500 * S);
		start();
		assert_int_equal(left(A), 0);
	}
}

static void
no_boot_is_another_boot(void **state)
{
	(void)state;
	d.boot[0] = '\0';
	hold(A, 900 * S);
	now = mono_add(now, 500 * S);
	core_hold(core, A, now);
	dwell_restore(&d, mesh, core, now); /* neither knows its boot */
	assert_int_equal(left(A), 900);
	now = mono_add(now, 100 * S);
	start();
	assert_int_equal(left(A), 900);
}

static void
never_longer_than_a_dwell(void **state)
{
	(void)state;
	hold(A, 90000 * S);
	start();
	assert_int_equal(left(A), 900);
}

static void
a_node_that_left_the_roster(void **state)
{
	struct mesh *other = make_mesh('x');

	(void)state;
	hold(A, 900 * S);
	hold(B, 900 * S);
	start_with(other);
	assert_int_equal(left(A), 900);
	assert_int_equal(left(B), 0);
	start();
	mesh_free(other);
}

static void
what_is_damaged_may_have_been_any(void **state)
{
	struct wall written;
	uint8_t *bytes;
	size_t len;

	(void)state;
	hold(A, 900 * S);
	now = mono_add(now, 600 * S);
	assert_int_equal(keep_read(dir, DWELL_FILE, &bytes, &len, &written), 0);
	for (size_t cut = 1; cut < len; cut++) {
		assert_int_equal(keep_write(dir, DWELL_FILE, bytes, cut), 0);
		start();
		assert_int_equal(left(A), 900);
		assert_int_equal(left(B), 900);
	}
	for (size_t i = 0; i < len; i++) {
		bytes[i] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(keep_write(dir, DWELL_FILE, bytes, len), 0);
		bytes[i] ^= (uint8_t)(1u << i % 8);
		start();
		assert_int_equal(left(A), 900);
		assert_int_equal(left(B), 900);
	}
	/* And it is mended by that. */
	dwell_keep(&d, mesh, core, now);
	now = mono_add(now, 100 * S);
	start();
	assert_int_equal(left(B), 800);
	free(bytes);
}

/* Whole lines with a good sum, but not ours. */
static void
what_others_wrote_is_damage(void **state)
{
	static const char *const texts[] = { "meshopt-dwell 2 boot\n", "n2 5000\n",
		"meshopt-dwell 1 boot\nn2\n", "meshopt-dwell 1 boot\nn2 -5\n",
		"meshopt-dwell 1 boot\nn2 5", "" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char text[128];
		int len;

		len = snprintf(text, sizeof(text), "%scrc %08x\n", texts[i],
		    crc32c(0, texts[i], strlen(texts[i])));
		assert_int_equal(keep_write(dir, DWELL_FILE, text, (size_t)len), 0);
		start();
		if (left(B) != 900)
			fail_msg("%s", text);
	}
}

static void
written_when_there_is_something_to_say(void **state)
{
	struct wall first, then;
	uint8_t *bytes;
	size_t len;

	(void)state;
	dwell_keep(&d, mesh, core, now);
	assert_true(keep_read(dir, DWELL_FILE, &bytes, &len, &first) < 0);
	hold(A, 900 * S);
	assert_int_equal(keep_read(dir, DWELL_FILE, &bytes, &len, &first), 0);
	free(bytes);
	/* As long as netd has not obeyed, it begins anew at each look. */
	for (int i = 0; i < 20; i++) {
		now = mono_add(now, NS_PER_S / 5);
		hold(A, 900 * S);
	}
	assert_int_equal(keep_read(dir, DWELL_FILE, &bytes, &len, &then), 0);
	free(bytes);
	assert_int_equal(first.ns, then.ns);
}

static void
a_disk_that_cannot_is_tried_again(void **state)
{
	char away[64];

	(void)state;
	(void)snprintf(away, sizeof(away), "%s.away", dir);
	assert_int_equal(rename(dir, away), 0);
	hold(A, 900 * S);
	assert_int_equal(rename(away, dir), 0);
	now = mono_add(now, 59 * S);
	dwell_keep(&d, mesh, core, now);
	assert_int_not_equal(d.said, 0);
	now = mono_add(now, 1 * S);
	dwell_keep(&d, mesh, core, now);
	assert_int_equal(d.said, 0);
	start();
	assert_int_equal(left(A), 840);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
	const struct CMUnitTest tests[] = {
		TEST(first_start),
		TEST(goes_on_after_a_restart),
		TEST(begins_anew_after_a_reboot),
		TEST(no_boot_is_another_boot),
		TEST(never_longer_than_a_dwell),
		TEST(a_node_that_left_the_roster),
		TEST(what_is_damaged_may_have_been_any),
		TEST(what_others_wrote_is_damage),
		TEST(written_when_there_is_something_to_say),
		TEST(a_disk_that_cannot_is_tried_again),
	};
	char path[64];
	int rc;

	if (!mkdtemp(dir))
		return 1;
	mesh = make_mesh('n');
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	dwell_fini(&d);
	core_free(core);
	mesh_free(mesh);
	(void)snprintf(path, sizeof(path), "%s/" DWELL_FILE, dir);
	(void)unlink(path); /* ours */
	(void)rmdir(dir);   /* likewise */
	return rc;
}
