/* SPDX-License-Identifier: MIT */
/*
 * One peer in and out of a wg-quick file that a person wrote.
 *
 * links: optimizer/operate/wgconf.c
 */
#include "optimizer/operate/wgconf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HKG "GxuSsvO9/raKe5WctZQfX5tkHOrTf0PLJWmHEzrw1Go="
#define NRT "9ZK9FzSzihxrRX9gktc99Oj0WFSJMa0mf33pP2LJ/lU="
#define SIN "gcwoqaT950PGW1ZaUEV75VEV7HOdyYT5rwdYOUBQzR0="

#define HEAD                                                        \
	"# the hub\n[Interface]\nPrivateKey = secret # not a key\n" \
	"Address = 10.50.0.1/24\nPostUp = iptables -A FORWARD -j ACCEPT\n\n"
#define PEER_HKG                                               \
	"# HKG POP - Hong Kong\n[Peer]\nPublicKey = " HKG "\n" \
	"AllowedIPs = 10.50.5.0/24\nPersistentKeepalive = 25\n"
#define PEER_NRT                                                               \
	"# NRT\n# friendly_name = nrt\n[peer]\n  publickey=" NRT "  # Tokyo\n" \
	"PresharedKey = x\nAllowedIPs = 10.50.4.1/32\n"

static struct wgkey
key(const char *text)
{
	struct wgkey k;

	assert_int_equal(wgkey_parse(text, &k), 0);
	return k;
}

static void
put(const char *text, const char *name, const char *k, const char *allowed,
    const char *want)
{
	struct prefix prefix;
	struct wgconf_peer peer = { .name = name,
		.key = key(k),
		.allowed = &prefix,
		.n_allowed = 1 };
	size_t len;
	char *got;

	assert_int_equal(prefix_parse(allowed, &prefix), 0);
	got = wgconf_put(text, strlen(text), &peer, &len);
	assert_string_equal(got, want);
	assert_int_equal(len, strlen(want));
	free(got);
}

static void
drop(const char *text, const char *k, const char *want)
{
	struct wgkey which = key(k);
	size_t len;
	char *got = wgconf_drop(text, strlen(text), &which, &len);

	assert_string_equal(got, want);
	assert_int_equal(len, strlen(want));
	free(got);
}

static void
a_new_peer_is_appended(void **unused)
{
	(void)unused;
	put(HEAD PEER_HKG, "sin", SIN, "10.50.4.2/32",
	    HEAD PEER_HKG "\n# sin\n[Peer]\nPublicKey = " SIN
			  "\nAllowedIPs = 10.50.4.2/32\n");
	put("[Interface]\nListenPort = 1", NULL, SIN, "10.50.4.2/32",
	    "[Interface]\nListenPort = 1\n\n[Peer]\nPublicKey = " SIN
	    "\nAllowedIPs = 10.50.4.2/32\n");
	put("", NULL, SIN, "fd00::/64",
	    "[Peer]\nPublicKey = " SIN "\nAllowedIPs = fd00::/64\n");
}

static void
a_known_peer_is_changed_in_place(void **unused)
{
	(void)unused;
	put(HEAD PEER_NRT "\n" PEER_HKG, "nrt", NRT, "10.50.4.9/32",
	    HEAD "# NRT\n# friendly_name = nrt\n[peer]\n  publickey=" NRT
		 "  # Tokyo\nAllowedIPs = 10.50.4.9/32\nPresharedKey = x\n"
		 "\n" PEER_HKG);
	put("[Peer]\nPublicKey = " NRT, NULL, NRT, "10.50.4.9/32",
	    "[Peer]\nPublicKey = " NRT "\nAllowedIPs = 10.50.4.9/32\n");
}

static void
a_peer_goes_with_its_comment(void **unused)
{
	(void)unused;
	drop(HEAD PEER_NRT "\n" PEER_HKG, NRT, HEAD PEER_HKG);
	drop(HEAD PEER_HKG "\n" PEER_NRT, NRT, HEAD PEER_HKG);
	drop(HEAD PEER_HKG, NRT, HEAD PEER_HKG);
	drop(HEAD PEER_NRT PEER_HKG, HKG, HEAD PEER_NRT);
	/* A comment set off by an empty line is nobody's. */
	drop("# peers\n\n" PEER_HKG, HKG, "# peers\n");
	/* A key in a comment, and one elsewhere, are no peers. */
	drop("[Peer]\n# PublicKey = " NRT "\nPublicKey = " HKG "\n", NRT,
	    "[Peer]\n# PublicKey = " NRT "\nPublicKey = " HKG "\n");
	drop("[Interface]\nPublicKey = " NRT "\n", NRT,
	    "[Interface]\nPublicKey = " NRT "\n");
}

static void
in_and_out_is_as_before(void **unused)
{
	static const char text[] = HEAD PEER_NRT "\n" PEER_HKG;
	struct wgconf_peer peer = { .name = "sin",
		.key = key(SIN),
		.keepalive_s = 25,
		.endpoint = "192.0.2.1:51820" };
	size_t len, back_len;
	char *with = wgconf_put(text, strlen(text), &peer, &len), *back;

	(void)unused;
	assert_true(wgconf_has(with, len, &peer.key));
	assert_false(wgconf_has(text, strlen(text), &peer.key));
	back = wgconf_drop(with, len, &peer.key, &back_len);
	assert_string_equal(back, text);
	free(with);
	free(back);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_peer_is_appended),
		cmocka_unit_test(a_known_peer_is_changed_in_place),
		cmocka_unit_test(a_peer_goes_with_its_comment),
		cmocka_unit_test(in_and_out_is_as_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
