/* SPDX-License-Identifier: MIT */
/*
 * The mesh file: what is read, and one row for each thing that is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mesh_lint.h"
#include "common/mesh_write.h"

#define KEY_A "bzM6rw/efq+75VGhBgkCRChDnKfFlXQY560ejhvKCQY="
#define KEY_B "GxuSsvO9/raKe5WctZQfX5tkHOrTf0PLJWmHEzrw1Go="
#define KEY_C "9ZK9FzSzihxrRX9gktc99Oj0WFSJMa0mf33pP2LJ/lU="

#define HEAD "[Mesh]\nName = m\n"
#define HUB                                                        \
	"[Node]\nName = dub\nRole = hub\nAddress = 10.50.0.1/24\n" \
	"AllowedIPs = 10.50.0.0/16\nPublicKey = " KEY_A            \
	"\nEndpoint = 192.0.2.1:51820\n"
#define HKG                                                                          \
	"[Node]\nName = hkg\nRole = pop\nAddress = 10.50.5.1/24\nPublicKey = " KEY_B \
	"\n"
#define NRT                                                                      \
	"[Node]\nName = nrt\nRole = backend\nAddress = 10.50.4.1/24\nPublicKey " \
	"= " KEY_C "\n"

static int
read_text(const char *text, struct mesh **mesh, struct err *err)
{
	FILE *in = fmemopen((char *)(uintptr_t)text, strlen(text), "r");
	int r;

	assert_non_null(in);
	r = mesh_read(in, "mesh.conf", mesh, err);
	assert_int_equal(fclose(in), 0);
	return r;
}

static void
whole_file_is_read(void **state)
{
	static const char text[] =
	    "\xef\xbb\xbf# a comment\r\n[mesh]\nname=m # and one here\n"
	    "Collector = http://10.50.0.1:8650//\nInterface = wg1\nDirectPort = 7\n"
	    "Budget = 20\nMethod = Both\nStampPort = 8620\nDSCP = 46\n" HUB
	    "Method = icmp\nDSCP = 0\n" HKG "allowedips = 10.50.5.0/24, 10.50.6.7/32\n"
	    "Endpoint = hkg.example.net:51820\nRelay = yes\nWeight = 4\nMaxTunnels = "
	    "9\n"
	    "Region = asia\n" NRT
	    "[Pair]\nNodes = nrt, hkg\nWeight = 3\nPath = direct\n";
	struct mesh *m;
	struct err err;
	const struct mesh_pair *pair;

	(void)state;
	assert_int_equal(read_text(text, &m, &err), 0);
	assert_string_equal(m->collector, "http://10.50.0.1:8650");
	assert_string_equal(m->interface, "wg1");
	assert_string_equal(m->direct_interface, "wgd0");
	assert_int_equal(m->direct_port, 7);
	assert_int_equal(m->budget, 20);
	assert_int_equal(m->stamp_port, 8620);
	assert_int_equal(m->nodes[0].method, MESH_ICMP);
	assert_int_equal(m->nodes[0].dscp, 0);
	assert_int_equal(m->nodes[1].method, MESH_BOTH);
	assert_int_equal(m->nodes[1].dscp, 46);
	assert_int_equal(m->n_nodes, 3);
	assert_int_equal(m->hub, 0);
	assert_int_equal(m->nodes[1].n_prefixes, 2);
	assert_int_equal(m->nodes[1].prefixes[1].len, 32);
	assert_true(m->nodes[1].relay);
	assert_int_equal(m->nodes[1].max_tunnels, 9);
	assert_int_equal(m->nodes[2].prefixes[0].len, 32);
	assert_int_equal(m->nodes[2].weight, 1);
	pair = mesh_pair(m, 2, 1);
	assert_non_null(pair);
	assert_int_equal(pair->weight, 3);
	assert_int_equal(pair->pin, MESH_PIN_DIRECT);
	assert_null(mesh_pair(m, 0, 1));
	assert_int_equal(mesh_find(m, "nrt"), 2);
	assert_true(mesh_find(m, "lhr") == SIZE_MAX);
	/* hkg has an endpoint, nrt is behind NAT: nrt starts. */
	assert_int_equal(mesh_initiator(m, 1, 2), 2);
	mesh_free(m);
}

static void
smaller_key_starts(void **state)
{
	struct mesh *m;
	struct err err;

	(void)state;
	assert_int_equal(read_text(HEAD HUB HKG "Endpoint = 192.0.2.2:1\n" NRT
						"Endpoint = 192.0.2.3:1\n",
			     &m, &err),
	    0);
	/* KEY_B begins 0x1b, KEY_C 0xf5. */
	assert_int_equal(mesh_initiator(m, 1, 2), 1);
	assert_int_equal(mesh_initiator(m, 2, 1), 1);
	mesh_free(m);
}

static void
in_place_needs_no_second_port(void **state)
{
	char written[2048] = "";
	FILE *out = fmemopen(written, sizeof(written), "w");
	struct mesh *m, *again;
	struct err err;

	(void)state;
	assert_int_equal(read_text(HEAD
			     "Interface = wg7\nSwitching = in-place\n" HUB HKG
			     "Endpoint = 192.0.2.2:51821\nListenPort = 51821\n" NRT,
			     &m, &err),
	    0);
	assert_true(m->in_place);
	assert_string_equal(m->direct_interface, "wg7");
	assert_int_equal(mesh_direct_port(m, &m->nodes[1]), 51821);
	assert_int_equal(mesh_direct_port(m, &m->nodes[2]), MESH_LISTEN_PORT);
	mesh_write(m, out);
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(written, "Switching = in-place\n"));
	assert_null(strstr(written, "DirectInterface"));
	assert_int_equal(read_text(written, &again, &err), 0);
	assert_true(again->in_place);
	mesh_free(again);
	mesh_free(m);
	assert_int_equal(read_text(HEAD "Switching = side-by-side\n" HUB HKG, &m, &err),
	    0);
	assert_false(m->in_place);
	assert_int_equal(mesh_direct_port(m, &m->nodes[1]), MESH_DIRECT_PORT);
	mesh_free(m);
}

static void
faults_name_line_and_field(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "no [Mesh]" },
		{ "Name = m\n", "mesh.conf:1: Name stands before" },
		{ "[Mesh]\nName\n", "mesh.conf:2: expected [Section] or Key = Value" },
		{ "[Mesh\n", "mesh.conf:1: no ']'" },
		{ "[Mash]\n", "mesh.conf:1: [Mash] is not a section" },
		{ HEAD "[Mesh]\nName = n\n", "mesh.conf:3: a second [Mesh]" },
		{ HEAD "Budget = -1\n", "mesh.conf:3: Budget: \"-1\" is not" },
		{ HEAD "Budget = 1\nBudget = 2\n",
		    "mesh.conf:4: Budget is said twice" },
		{ HEAD "Bugdet = 1\n", "mesh.conf:3: Bugdet is not a key of [Mesh]" },
		{ HEAD "Collector = 10.50.0.1\n",
		    "Collector: \"10.50.0.1\" is not a URL" },
		{ HEAD "DirectPort = 70000\n", "a port" },
		{ HEAD "StampPort = 0\n", "StampPort: \"0\" is not a port" },
		{ HEAD "StampPort = 51821\n" HUB,
		    "StampPort and DirectPort are both 51821" },
		{ HEAD "Method = stamp\nStampPort = 51820\n" HUB,
		    "its Endpoint is StampPort" },
		{ HEAD "Method = udp\n", "Method: \"udp\" is not icmp, stamp or both" },
		{ HEAD "DSCP = 64\n", "DSCP: \"64\" is not a DSCP, 0 to 63" },
		{ HEAD HUB HKG "Method =\n", "Method has no value" },
		{ HEAD HUB HKG "DSCP = ef\n", "0 to 63" },
		{ HEAD "Interface = wg 0\n", "interface name" },
		{ HEAD "PlanKey = short\n", "PlanKey" },
		{ "[Mesh]\nBudget = 3\n", "mesh.conf:1: [Mesh] has no Name" },
		{ HEAD "[Node]\nName = Hkg\n",
		    "mesh.conf:4: Name: \"Hkg\" is not a name" },
		{ HEAD "[Node]\nName = a\nRole = boss\n", "hub, pop or backend" },
		{ HEAD "[Node]\nName = a\nRole = pop\nAddress = 10.50.5.1/33\n",
		    "mesh.conf:6: Address" },
		{ HEAD "[Node]\nName = a\nRole = pop\nAddress = 10.50.5.1/24\n",
		    "mesh.conf:3: [Node] has no PublicKey" },
		{ HEAD "[Node]\nPublicKey = abc=\n", "44 characters of base64" },
		{ HEAD HUB HKG "Endpoint = 192.0.2.2\n", "Endpoint: \"192.0.2.2\"" },
		{ HEAD HUB HKG "Endpoint = ::1:51820\n", "[address]:port" },
		{ HEAD HUB HKG "Weight = 1.5\n", "a traffic weight" },
		{ HEAD HUB HKG "Relay = maybe\n", "yes or no" },
		{ HEAD HUB HKG "AllowedIPs = 10.50.5.0/24,\n", "prefixes such as" },
		{ HEAD HUB HKG "[Pair]\nNodes = hkg, nrt\n", "there is no node nrt" },
		{ HEAD HUB HKG "[Pair]\nNodes = hkg\n", "two names" },
		{ HEAD HUB HKG "[Pair]\nWeight = 2\n", "[Pair] has no Nodes" },
		{ HEAD HUB HKG "[Pair]\nNodes = hkg, hkg\n", "with itself" },
		/* what lint refuses */
		{ HEAD HKG, "no [Node] has Role = hub" },
		{ HEAD HUB HKG
		    "[Node]\nName = hkg\nRole = pop\nAddress = 10.50.6.1/32\n"
		    "PublicKey = " KEY_C "\n",
		    "hkg has the same name as hkg (line 10)" },
		{ HEAD HUB HKG "[Node]\nName = b\nRole = pop\nAddress = 10.50.5.1/32\n"
			       "PublicKey = " KEY_C "\n",
		    "b has the same overlay address as hkg" },
		{ HEAD HUB HKG "[Node]\nName = b\nRole = pop\nAddress = 10.50.6.1/32\n"
			       "PublicKey = " KEY_B "\n",
		    "b has the same PublicKey as hkg" },
		{ HEAD HUB HKG "Endpoint = 192.0.2.1:51820\n", "same Endpoint as dub" },
		{ HEAD HUB HKG "AllowedIPs = 10.50.5.0/24, 10.50.4.0/24\n" NRT,
		    "nrt: 10.50.4.1/32 overlaps 10.50.4.0/24 of hkg" },
		{ HEAD HUB HKG "AllowedIPs = 10.50.5.1/32, 0.0.0.0/0\n", "everything" },
		{ HEAD HUB HKG "AllowedIPs = 10.50.5.1/32, 10.60.0.0/24\n",
		    "not inside a shorter prefix of the hub" },
		{ HEAD HUB HKG "AllowedIPs = 10.50.0.0/16\n",
		    "not inside a shorter prefix of the hub" },
		{ HEAD HUB HKG "AllowedIPs = 10.50.9.0/24\n",
		    "its Address is outside its own AllowedIPs" },
		{ HEAD HUB HKG "Endpoint = 10.50.7.7:51820\n",
		    "lies inside the overlay" },
		{ HEAD HUB HKG "Endpoint = 192.0.2.2:51821\n", "DirectPort" },
		{ HEAD HUB "[Node]\nName = h2\nRole = hub\nAddress = 10.50.9.1/32\n"
			   "PublicKey = " KEY_B "\nEndpoint = 192.0.2.9:51820\n",
		    "second hub" },
		{ HEAD HUB HKG "[Pair]\nNodes = hkg, dub\nPath = direct\n",
		    "the hub has its tunnel" },
		{ HEAD HUB HKG "[Pair]\nNodes = hkg, dub\n[Pair]\nNodes = dub, hkg\n",
		    "there twice" },
		{ HEAD "DirectInterface = wg0\n" HUB HKG, "both wg0" },
		{ HEAD "Switching = inplace\n" HUB,
		    "Switching: \"inplace\" is not side-by-side or in-place" },
		{ HEAD "Switching = in-place\n" HUB HKG "Relay = yes\n",
		    "hkg: Relay = yes, but Switching = in-place" },
		{ HEAD "[Node]\nName = dub\nRole = hub\nAddress = 10.50.0.1/24\n"
		       "AllowedIPs = 10.50.0.0/16\nPublicKey = " KEY_A "\n",
		    "a hub needs an Endpoint" },
		{ HEAD HUB "[Node]\nName = a\nRole = pop\nAddress = 10.50.5.1/24\n"
			   "PublicKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
		    "all zero" },
	};
	struct mesh *m;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!*rows[i].text) /* fmemopen() refuses an empty buffer */
			assert_true(read_text("\n", &m, &err) < 0);
		else if (read_text(rows[i].text, &m, &err) == 0)
			fail_msg("row %zu is accepted; it should say \"%s\"", i,
			    rows[i].why);
		assert_null(m);
		if (!strstr(err.text, rows[i].why))
			fail_msg("row %zu: \"%s\" does not say \"%s\"", i, err.text,
			    rows[i].why);
	}
}

/* Every key there is, said once with a value that is not its default. */
static void
what_is_written_is_read_again(void **state)
{
	static const char all[] =
	    "[Mesh]\nName = m\nCollector = https://c.example:1\nPlanKey = " KEY_C "\n"
	    "Interface = wg7\nDirectInterface = wg8\nDirectPort = 7\nBudget = 0\n"
	    "Method = both\nStampPort = 8620\nDSCP = 46\nMTU = 1380\n\n"
	    "[Region]\nName = r\nSubnet = 10.50.5.0/24\n\n"
	    "[Node]\nName = dub\nRole = hub\nAddress = 10.50.0.1/24\n"
	    "AllowedIPs = 10.50.0.0/16, fd50::/16\nPublicKey = " KEY_A
	    "\nEndpoint = [2001:db8::1]:51820\n\n"
	    "[Node]\nName = hkg\nRole = pop\nRegion = r\nAddress = 10.50.5.1/24\n"
	    "AllowedIPs = 10.50.5.0/24\nPublicKey = " KEY_B "\nNextPublicKey = " KEY_C
	    "\nKeyCreated = 2026-11-01\nEndpoint = hkg.example.net:1\n"
	    "ListenPort = 2\nKeepalive = 0\nMTU = 1400\nRelay = yes\nWeight = 0\n"
	    "MaxTunnels = 0\nMethod = icmp\nDSCP = 0\n\n"
	    "[Pair]\nNodes = dub, hkg\nWeight = 3\nPath = hub\n";
	char text[sizeof(all) + 100] = "";
	struct mesh *m;
	struct err err;
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void)state;
	assert_non_null(out);
	if (read_text(all, &m, &err) < 0)
		fail_msg("%s", err.text);
	mesh_write(m, out);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, all);
	mesh_free(m);
}

static void
file_modes_are_judged(void **state)
{
	char path[] = "/tmp/meshopt-test-XXXXXX";
	static const char text[] = HEAD HUB HKG;
	int fd = mkstemp(path);
	struct mesh *m;
	struct err err;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_int_equal(mesh_load(path, &m, &err), 0);
	mesh_free(m);
	assert_int_equal(fchmod(fd, 0664), 0);
	assert_true(mesh_load(path, &m, &err) < 0);
	assert_non_null(strstr(err.text, "chmod go-w"));
	assert_int_equal(fchmod(fd, 0606), 0);
	assert_true(mesh_load(path, &m, &err) < 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(close(fd), 0);
	assert_true(mesh_load(path, &m, &err) < 0);
	assert_non_null(strstr(err.text, "No such file"));
	assert_true(mesh_load("/", &m, &err) < 0);
}

static void
self_is_found_by_address(void **state)
{
	struct mesh *m;
	struct err err;
	struct addr addrs[3];
	size_t self;

	(void)state;
	assert_int_equal(read_text(HEAD HUB HKG NRT, &m, &err), 0);
	assert_int_equal(addr_parse("192.0.2.77", &addrs[0]), 0);
	assert_int_equal(addr_parse("10.50.4.1", &addrs[1]), 0);
	assert_int_equal(addr_parse("10.50.5.1", &addrs[2]), 0);
	assert_int_equal(mesh_find_self(m, addrs, 2, &self, &err), 0);
	assert_int_equal(self, 2);
	assert_true(mesh_find_self(m, addrs, 1, &self, &err) < 0);
	assert_non_null(strstr(err.text, "--node"));
	assert_true(mesh_find_self(m, addrs, 3, &self, &err) < 0);
	assert_non_null(strstr(err.text, "both nrt and hkg"));
	mesh_free(m);
}

static void
long_lines_and_binary_are_refused(void **state)
{
	static char text[40000];
	struct mesh *m;
	struct err err;
	FILE *in;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	assert_true(read_text(text, &m, &err) < 0);
	assert_non_null(strstr(err.text, "mesh.conf:1: line longer than"));
	in = fmemopen((char[]){ '[', '\0', ']' }, 3, "r");
	assert_non_null(in);
	assert_true(mesh_read(in, "mesh.conf", &m, &err) < 0);
	assert_non_null(strstr(err.text, "NUL"));
	assert_int_equal(fclose(in), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_file_is_read),
		cmocka_unit_test(smaller_key_starts),
		cmocka_unit_test(in_place_needs_no_second_port),
		cmocka_unit_test(faults_name_line_and_field),
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(file_modes_are_judged),
		cmocka_unit_test(self_is_found_by_address),
		cmocka_unit_test(long_lines_and_binary_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
