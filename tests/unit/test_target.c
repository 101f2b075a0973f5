/* SPDX-License-Identifier: MIT */
/*
 * Whom each kind of node probes.
 *
 * links: prober/target.c
 */
#include "prober/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char file[] =
    "[Mesh]\nName = t\n"
    "[Node]\nName = hub\nRole = hub\nAddress = 10.50.0.1/24\n"
    "AllowedIPs = 10.50.0.0/16\n"
    "PublicKey = bzM6rw/efq+75VGhBgkCRChDnKfFlXQY560ejhvKCQY=\n"
    "Endpoint = 198.51.100.1:51820\n"
    "[Node]\nName = pop\nRole = pop\nAddress = 10.50.5.1/24\n"
    "PublicKey = GxuSsvO9/raKe5WctZQfX5tkHOrTf0PLJWmHEzrw1Go=\n"
    "Endpoint = pop.example.net:51820\n"
    "[Node]\nName = nat1\nRole = backend\nAddress = 10.50.1.1/24\n"
    "PublicKey = He2jX3+iEl7hUaaJG/i3YcSnStEFAcW/rs/lP0Pw+nc=\n"
    "[Node]\nName = nat2\nRole = backend\nAddress = 10.50.2.1/24\n"
    "PublicKey = rImgzxPu9MuhqLpcvXQ9xckSSA+AGbDOpBGvTUOwaHQ=\n";

static struct mesh *
load(void)
{
	FILE *in = fmemopen((void *)(uintptr_t)file, sizeof(file) - 1, "r");
	struct mesh *mesh = NULL;
	struct err err;

	assert_non_null(in);
	if (mesh_read(in, "t", &mesh, &err) < 0)
		fail_msg("%s", err.text);
	(void)fclose(in);
	return mesh;
}

/* "pop overlay 10.50.5.1, ..." */
static void
describe(const struct mesh *mesh, const char *self, char *out, size_t cap)
{
	struct target *t = NULL;
	size_t n = target_list(mesh, mesh_find(mesh, self), &t);
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		char text[ADDR_TEXT_MAX];

		addr_format(&t[i].addr, text);
		len +=
		    (size_t)snprintf(out + len, cap - len, "%s%s %s %s", i ? ", " : "",
			mesh->nodes[t[i].node].name, target_kind_name(t[i].kind),
			t[i].kind == TARGET_TUNNEL ? "ll" : text);
		assert_true(len < cap);
	}
	free(t);
}

static void
test_lists(void **state)
{
	static const struct {
		const char *self, *want;
	} rows[] = {
		{ "hub", "pop overlay 10.50.5.1, pop public none, "
			 "nat1 overlay 10.50.1.1, nat2 overlay 10.50.2.1" },
		{ "pop", "hub overlay 10.50.0.1, hub public 198.51.100.1, "
			 "nat1 overlay 10.50.1.1, nat1 tunnel ll, "
			 "nat2 overlay 10.50.2.1, nat2 tunnel ll" },
		/* nat1 and nat2 cannot reach each other, so no tunnel may be staged. */
		{ "nat1", "hub overlay 10.50.0.1, hub public 198.51.100.1, "
			  "pop overlay 10.50.5.1, pop public none, pop tunnel ll, "
			  "nat2 overlay 10.50.2.1" },
	};
	struct mesh *mesh = load();
	char got[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		describe(mesh, rows[i].self, got, sizeof(got));
		assert_string_equal(got, rows[i].want);
	}
	mesh_free(mesh);
}

/* Both ends must come to the same address, or the tunnel is never measured. */
static void
test_tunnel_address_is_the_peers(void **state)
{
	struct mesh *mesh = load();
	size_t pop = mesh_find(mesh, "pop");
	struct addr want = wgkey_link_local(&mesh->nodes[pop].key);
	struct target *t = NULL;
	size_t n = target_list(mesh, mesh_find(mesh, "nat1"), &t), found = 0;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		if (t[i].kind != TARGET_TUNNEL)
			continue;
		found++;
		assert_true(t[i].node == pop && addr_equal(&t[i].addr, &want));
	}
	assert_int_equal(found, 1);
	free(t);
	mesh_free(mesh);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_tunnel_address_is_the_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
