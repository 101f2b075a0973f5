/* SPDX-License-Identifier: MIT */
/*
 * [Region] sections: what lint says of them, which address comes next, and the age of
 * keys.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/mesh_alloc.h"
#include "common/mesh_lint.h"

#define KEY_A "bzM6rw/efq+75VGhBgkCRChDnKfFlXQY560ejhvKCQY="
#define KEY_B "GxuSsvO9/raKe5WctZQfX5tkHOrTf0PLJWmHEzrw1Go="
#define KEY_C "9ZK9FzSzihxrRX9gktc99Oj0WFSJMa0mf33pP2LJ/lU="
#define KEY_D "gcwoqaT950PGW1ZaUEV75VEV7HOdyYT5rwdYOUBQzR0="

#define HEAD "[Mesh]\nName = m\n"
#define HUB                                                        \
	"[Node]\nName = dub\nRole = hub\nAddress = 10.50.0.1/24\n" \
	"AllowedIPs = 10.50.0.0/16, fd50::/16\nPublicKey = " KEY_A \
	"\nEndpoint = 192.0.2.1:51820\n"
#define REGION(name, subnet) "[Region]\nName = " name "\nSubnet = " subnet "\n"
#define NODE(name, address, key)                                           \
	"[Node]\nName = " name "\nRole = backend\nAddress = " address "\n" \
	"PublicKey = " key "\n"

static struct mesh *
parse(const char *text)
{
	FILE *in = fmemopen((char *)(uintptr_t)text, strlen(text), "r");
	struct mesh *m;
	struct err err;

	assert_non_null(in);
	if (mesh_parse(in, "mesh.conf", &m, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(fclose(in), 0);
	return m;
}

/* One string of all faults, "E:" before hard ones and "W:" before warnings. */
static void
collect(const struct mesh_fault *f, void *ctx)
{
	char *all = ctx;
	size_t n = strlen(all);

	(void)snprintf(all + n, 4000 - n, "%s:%s\n", f->hard ? "E" : "W", f->text);
}

static void
lint_judges(void **state)
{
	static const struct {
		const char *text, *want; /* "" = nothing at all */
	} rows[] = {
		{ HEAD REGION("asia", "10.50.4.0/24")
			HUB NODE("nrt", "10.50.4.1/24", KEY_B) "Region = asia\n",
		    "" },
		{ HEAD REGION("a", "10.50.4.0/24") REGION("a", "10.50.5.0/24") HUB,
		    "E:region a is there twice" },
		{ HEAD REGION("a", "10.50.4.0/22") REGION("b", "10.50.5.0/24") HUB,
		    "E:the Subnet of region b overlaps that of a (line 3)" },
		{ HEAD REGION("a", "10.60.0.0/24") HUB,
		    "W:region a: 10.60.0.0/24 is outside the AllowedIPs of the hub" },
		{ HEAD REGION("a", "10.50.4.0/24")
			HUB NODE("x", "10.50.4.1/24", KEY_B) "Region = b\n",
		    "W:x: there is no [Region] b" },
		{ HEAD REGION("a", "10.50.4.0/24")
			HUB NODE("x", "10.50.5.1/24", KEY_B) "Region = a\n",
		    "W:x: its Address is outside 10.50.4.0/24" },
		{ HEAD HUB NODE("x", "10.50.5.1/24", KEY_B) "Keepalive = 0\n",
		    "W:x: Keepalive = 0 behind NAT" },
		{ HEAD
		    "MTU = 1420\n" HUB NODE("x", "10.50.5.1/24", KEY_B) "MTU = 1380\n",
		    "W:x: MTU = 1380, but dub has 1420" },
		{ HEAD HUB NODE("x", "10.50.5.1/24", KEY_B) "NextPublicKey = " KEY_A
							    "\n",
		    "E:x: its NextPublicKey is a key of dub" },
		{ HEAD HUB NODE("x", "10.50.5.1/24", KEY_B) "NextPublicKey = " KEY_B
							    "\n",
		    "E:x: its NextPublicKey is a key of x" },
		{ HEAD HUB NODE("x", "10.50.5.1/24", KEY_B) "NextPublicKey = " KEY_C
							    "\n",
		    "" },
		{ HEAD HUB NODE("x", "10.50.5.1/24", KEY_B) "ListenPort = 51821\n",
		    "E:x: its ListenPort is DirectPort" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mesh *m = parse(rows[i].text);
		char all[4000] = "";

		(void)mesh_lint(m, collect, all);
		if (*rows[i].want ? !strstr(all, rows[i].want) : *all != '\0')
			fail_msg("row %zu says \"%s\", not \"%s\"", i, all,
			    rows[i].want);
		mesh_free(m);
	}
}

static void
next_address_is_the_lowest_free(void **state)
{
	static const struct {
		const char *subnet, *nodes, *want; /* "" = none */
	} rows[] = {
		{ "10.50.6.0/24", "", "10.50.6.1/24" },
		{ "10.50.0.0/24", "", "10.50.0.2/24" }, /* the hub has the first */
		{ "10.50.4.0/24",
		    NODE("x", "10.50.4.1/24", KEY_B) NODE("y", "10.50.4.3/24", KEY_C),
		    "10.50.4.2/24" },
		/* What a node answers for is taken, and jumped over in one step. */
		{ "10.50.4.0/24",
		    NODE("x", "10.50.4.1/24", KEY_B) "AllowedIPs = 10.50.4.0/25\n",
		    "10.50.4.128/24" },
		{ "10.50.4.0/24",
		    NODE("x", "10.50.4.1/24", KEY_B) "AllowedIPs = 10.50.4.0/24\n",
		    "" },
		{ "10.50.4.0/24",
		    NODE("x", "10.50.4.1/24", KEY_B) "AllowedIPs = 10.50.4.0/22\n",
		    "" },
		{ "10.50.4.0/30",
		    NODE("x", "10.50.4.1/30", KEY_B) NODE("y", "10.50.4.2/30", KEY_C),
		    "" }, /* .0 and .3 are the edges */
		{ "10.50.4.0/31", NODE("x", "10.50.4.0/31", KEY_B), "10.50.4.1/31" },
		{ "255.255.255.254/31",
		    NODE("x", "255.255.255.254/31", KEY_B)
			NODE("y", "255.255.255.255/31", KEY_C),
		    "" },
		{ "fd50:4::/64", NODE("x", "fd50:4::1/64", KEY_B), "fd50:4::2/64" },
		{ "0.0.0.0/0", NODE("x", "0.0.0.1/8", KEY_B) "AllowedIPs = 0.0.0.0/1\n",
		    "128.0.0.0/0" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[2000], got[PREFIX_TEXT_MAX] = "";
		struct prefix p;
		struct mesh *m;
		struct err err;
		int r;

		(void)snprintf(text, sizeof(text),
		    HEAD HUB "[Region]\nName = r\nSubnet = %s\n%s", rows[i].subnet,
		    rows[i].nodes);
		m = parse(text);
		r = mesh_alloc_next(m, "r", &p, &err);
		if (r == 0)
			prefix_format(&p, got);
		else
			assert_int_equal(r, -ENOSPC);
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("row %zu: \"%s\", not \"%s\"", i, got, rows[i].want);
		/* What is given out may be had, what is not may not. */
		if (r == 0 && strncmp(got, "10.50.", 6) == 0)
			assert_int_equal(mesh_alloc_check(m, "r", &p.addr, &err), 0);
		assert_int_equal(mesh_alloc_next(m, "s", &p, &err), -ENOENT);
		assert_non_null(strstr(err.text, "no [Region] s"));
		mesh_free(m);
	}
}

static void
conflicts_are_refused(void **state)
{
	static const struct {
		const char *region, *address, *why;
		int rc;
	} rows[] = {
		{ "asia", "10.50.4.7", "", 0 },
		{ "", "10.50.9.9", "", 0 },
		{ "asia", "10.50.4.1", "is the Address of x", -EADDRINUSE },
		{ "", "10.50.4.1", "is the Address of x", -EADDRINUSE },
		{ "asia", "10.50.4.65", "inside the AllowedIPs of x", -EADDRINUSE },
		{ "asia", "10.50.4.0", "first or last", -ERANGE },
		{ "asia", "10.50.4.255", "first or last", -ERANGE },
		{ "asia", "10.50.5.1", "outside 10.50.4.0/24", -ERANGE },
		{ "", "10.60.0.1", "outside the AllowedIPs of the hub", -ERANGE },
		{ "", "10.50.0.1", "is the Address of dub", -EADDRINUSE },
		{ "mars", "10.50.4.7", "no [Region] mars", -ENOENT },
	};
	struct mesh *m = parse(HEAD REGION("asia", "10.50.4.0/24") HUB NODE("x",
	    "10.50.4.1/24", KEY_B) "AllowedIPs = 10.50.4.1/32, 10.50.4.64/26\n");

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr a;
		struct err err = { "" };

		assert_int_equal(addr_parse(rows[i].address, &a), 0);
		assert_int_equal(mesh_alloc_check(m, rows[i].region, &a, &err),
		    rows[i].rc);
		if (!strstr(err.text, rows[i].why))
			fail_msg("row %zu: %s", i, err.text);
	}
	mesh_free(m);
}

static void
old_keys_are_warned_of(void **state)
{
	static const struct {
		const char *created, *now, *want;
	} rows[] = {
		{ "2026-11-01", "2026-11-22", "" },
		{ "2025-11-22", "2026-11-21", "" },
		{ "2025-11-22", "2026-11-22", "W:dub: its key is 365 days old" },
		{ "2026-11-23", "2026-11-22", "W:dub: KeyCreated lies in the future" },
	};
	struct wall now;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[1000], all[4000] = "";
		struct mesh *m;

		(void)snprintf(text, sizeof(text), HEAD HUB "KeyCreated = %s\n",
		    rows[i].created);
		m = parse(text);
		assert_int_equal(wall_parse_date(rows[i].now, &now), 0);
		mesh_lint_age(m, now, collect, all);
		if (*rows[i].want ? !strstr(all, rows[i].want) : *all != '\0')
			fail_msg("row %zu says \"%s\"", i, all);
		mesh_free(m);
	}
}

static void
dates_are_read_strictly(void **state)
{
	static const char *const bad[] = { "", "2026-1-1", "2026-02-30", "2026-13-01",
		"2026-00-01", "2026-01-00", "26-01-01", "2026/01/01", "2026-01-01 ",
		"+026-01-01", "2026-01-0x" };
	struct wall t = { 7 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(wall_parse_date(bad[i], &t) < 0);
		assert_true(t.ns == 7);
	}
	assert_int_equal(wall_parse_date("1970-01-02", &t), 0);
	assert_true(t.ns == 86400 * NS_PER_S);
	assert_int_equal(wall_parse_date("2024-02-29", &t), 0);
	assert_true(t.ns == 1709164800 * NS_PER_S);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lint_judges),
		cmocka_unit_test(next_address_is_the_lowest_free),
		cmocka_unit_test(conflicts_are_refused),
		cmocka_unit_test(old_keys_are_warned_of),
		cmocka_unit_test(dates_are_read_strictly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
