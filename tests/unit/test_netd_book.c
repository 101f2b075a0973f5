/* SPDX-License-Identifier: MIT */
/*
 * netd's book and its records: what was packed is unpacked, of another boot only what
 * outlasts it, and what no book has packed is refused.
 *
 * links: optimizer/netd/policy.c optimizer/netd/scene.c optimizer/netd/book.c
 * links: optimizer/netd/netd.c optimizer/netd/journal.c optimizer/netd/keeper.c
 * links: optimizer/netd/keeper_look.c optimizer/netd/keeper_tell.c
 * links: optimizer/netd/keeper_peer.c optimizer/netd/keeper_route.c
 * links: optimizer/netd/keeper_watch.c
 * links: optimizer/netd/keeper_roster.c
 * links: optimizer/netd/keeper_place.c optimizer/apply/state.c
 * links: optimizer/apply/preflight.c
 * links: tests/fakes/kernel.c tests/fakes/kernel_change.c
 */
#include "tests/unit/netd_test.h"

static const uint8_t boot[BOOK_BOOT] = { 1 }, other[BOOK_BOOT] = { 2 };
static const struct book_now now = { { 5000 * NS_PER_S }, { 1700000000 * NS_PER_S } };

/* Where the fields lie in a payload. */
enum { NAME = 0, KEY = MESH_NAME_MAX, VIA = KEY + 32, STAGE = VIA + MESH_NAME_MAX };
enum { DOING = STAGE + 1, WITHDRAWN = STAGE + 6 + BOOK_BOOT, FULL = WITHDRAWN + 48 };
enum { FOREIGN = FULL + 16 * BOOK_BUCKETS };

static struct mesh *mesh;
static struct book book;
static uint8_t payload[JOURNAL_PAYLOAD];

/* What a record of syd must bring back. */
static const struct book_node full = { .stage = BOOK_DIRECT,
	.doing = NETD_COMMIT,
	.peer = true,
	.urgent = true,
	.via = FRA,
	.flags = NETD_OPERATOR,
	.withdrawn = { 4000 * NS_PER_S },
	.asserted = { 3000 * NS_PER_S },
	.adopted = { 2000 * NS_PER_S },
	.given = 0x123456789abcdef0,
	.foreign = "its peer was removed" };

static int
set_up(void **unused)
{
	(void)unused;
	mesh = netd_mesh(netd_mesh_text);
	book_init(&book, mesh, boot);
	book.node[SYD] = full;
	book.full[BOOK_CHANGES].ns = 5300 * NS_PER_S;
	book_pack(&book, SYD, now, payload);
	book_fini(&book);
	book_init(&book, mesh, boot);
	return 0;
}

static int
tear_down(void **unused)
{
	(void)unused;
	book_fini(&book);
	mesh_free(mesh);
	return 0;
}

static void
what_was_packed_is_unpacked(void **unused)
{
	const struct book_node *b = &book.node[SYD];

	(void)unused;
	assert_false(book_tells(b));
	assert_int_equal(book_unpack(&book, payload, now), 0);
	assert_int_equal(b->stage, full.stage);
	assert_int_equal(b->doing, full.doing);
	assert_true(b->peer && b->urgent);
	assert_int_equal(b->via, FRA);
	assert_int_equal(b->flags, full.flags);
	assert_int_equal(b->withdrawn.ns, full.withdrawn.ns);
	assert_int_equal(b->asserted.ns, full.asserted.ns);
	assert_int_equal(b->adopted.ns, full.adopted.ns);
	assert_true(b->given == full.given);
	assert_string_equal(b->foreign, full.foreign);
	assert_int_equal(book.full[BOOK_CHANGES].ns, 5300 * NS_PER_S);
	assert_int_equal(book.full[BOOK_URGENT].ns, BOOK_NEVER.ns);
}

/* The clock of this boot began anew; the wall clock has gone on for 100 s. */
static void
of_another_boot_only_what_outlasts_it(void **unused)
{
	struct book_now later = { { 10 * NS_PER_S }, { now.wall.ns + 100 * NS_PER_S } };
	const struct book_node *b = &book.node[SYD];

	(void)unused;
	memcpy(book.boot, other, sizeof(other));
	assert_int_equal(book_unpack(&book, payload, later), 0);
	assert_int_equal(b->stage, BOOK_HUB);
	assert_false(b->doing || b->peer || b->urgent || b->given);
	assert_int_equal(b->via, NETD_NONE);
	assert_int_equal(b->flags, NETD_OPERATOR);
	assert_int_equal(b->withdrawn.ns, -1090 * NS_PER_S); /* 1,100 s ago */
	assert_int_equal(book.full[BOOK_CHANGES].ns, 210 * NS_PER_S);
	/* Set back by a year, the clock owes an hour and no more. */
	later.wall.ns -= 365 * 86400 * NS_PER_S;
	assert_int_equal(book_unpack(&book, payload, later), 0);
	assert_int_equal(book.full[BOOK_CHANGES].ns, 3610 * NS_PER_S);
	assert_int_equal(b->withdrawn.ns, 10 * NS_PER_S); /* no later than now */
}

/* The peers of the one are not where the other looks for them. */
static void
of_the_other_way_of_switching_limits_only(void **unused)
{
	const struct book_node *b = &book.node[SYD];

	(void)unused;
	mesh->in_place = true;
	assert_int_equal(book_unpack(&book, payload, now), 0);
	assert_int_equal(b->stage, BOOK_HUB);
	assert_false(b->doing || b->peer || b->urgent);
	assert_int_equal(b->withdrawn.ns, full.withdrawn.ns);
	assert_int_equal(book.full[BOOK_CHANGES].ns, 5300 * NS_PER_S);
}

static void
what_no_book_has_packed(void **unused)
{
	static const struct {
		size_t at;
		uint8_t value;
		int want;
	} rows[] = { { STAGE, BOOK_STAGES, -EBADMSG }, { DOING, NETD_VERBS, -EBADMSG },
		{ FOREIGN + NETD_FOREIGN_MAX - 1, 'x', -EBADMSG },
		{ NAME, 'x', -ENOENT }, { NAME + MESH_NAME_MAX - 1, 'x', -ENOENT },
		{ KEY, 0, -ENOENT }, { VIA + MESH_NAME_MAX - 1, 'x', 0 } };

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t copy[JOURNAL_PAYLOAD];

		tear_down(NULL);
		set_up(NULL);
		memcpy(copy, payload, sizeof(copy));
		copy[rows[i].at] = rows[i].value;
		assert_int_equal(book_unpack(&book, copy, now), rows[i].want);
		assert_int_equal(book_tells(&book.node[SYD]), rows[i].want == 0);
		/* Tokens were spent, whoever they were spent on. */
		assert_int_equal(book.full[BOOK_CHANGES].ns,
		    rows[i].want == -EBADMSG ? BOOK_NEVER.ns : 5300 * NS_PER_S);
		if (rows[i].want == 0)
			assert_int_equal(book.node[SYD].via, NETD_NONE);
	}
}

/* Of a node that is no more the key is kept, if what was made under it is there. */
static void
whose_peer_may_be_left(void **unused)
{
	struct wgkey key = mesh->nodes[SYD].key;

	(void)unused;
	payload[NAME] = 'x';
	for (int i = 0; i < 2; i++) {
		memcpy(book.boot, i ? boot : other, sizeof(boot));
		assert_int_equal(book_unpack(&book, payload, now), -ENOENT);
		assert_int_equal(book_unpack(&book, payload, now), -ENOENT);
		assert_int_equal(book_had(&book, &key), i);
		assert_int_equal(book.n_former, i);
	}
}

static void
times_that_cannot_be(void **unused)
{
	(void)unused;
	for (int half = 0; half < 2; half++) { /* of the wall clock, of the other */
		uint8_t copy[JOURNAL_PAYLOAD];

		memcpy(copy, payload, sizeof(copy));
		copy[WITHDRAWN + 8 * half] = 0xff;
		assert_int_equal(book_unpack(&book, copy, now), 0);
		assert_int_equal(book.node[SYD].withdrawn.ns, BOOK_NEVER.ns);
		assert_int_equal(book.node[SYD].asserted.ns, full.asserted.ns);
	}
	/* Of the flags those that are kept. */
	payload[STAGE + 4] = payload[STAGE + 5] = 0xff;
	assert_int_equal(book_unpack(&book, payload, now), 0);
	assert_int_equal(book.node[SYD].flags, NETD_OPERATOR | NETD_FROZEN);
	/* A wall clock that stands at its beginning is none. */
	book_pack(&book, SYD, (struct book_now){ now.mono, { 0 } }, payload);
	assert_int_equal(book_unpack(&book, payload, now), 0);
	assert_int_equal(book.node[SYD].asserted.ns, BOOK_NEVER.ns);
}

/* Whatever differs from nothing is kept when the journal is written anew. */
static void
anything_that_tells(void **unused)
{
	struct book_node blank = book.node[SYD];
	struct book_node rows[9];

	(void)unused;
	for (size_t i = 0; i < 9; i++)
		rows[i] = blank;
	rows[0].stage = BOOK_STAGED;
	rows[1].doing = NETD_STAGE;
	rows[2].peer = true;
	rows[3].via = FRA;
	rows[4].flags = NETD_FROZEN;
	rows[5].foreign[0] = 'x';
	rows[6].withdrawn = now.mono;
	rows[7].asserted = now.mono;
	rows[8].adopted = now.mono;
	assert_false(book_tells(&blank));
	for (size_t i = 0; i < 9; i++)
		assert_true(book_tells(&rows[i]));
}

static void
carried_over_to_another_mesh_file(void **unused)
{
	static char text[sizeof(netd_mesh_text)];
	struct mesh *fresh;
	struct book to;
	char *key;

	(void)unused;
	memcpy(text, netd_mesh_text, sizeof(text));
	*strstr(text, "[Node]\nName = syd") = '\0'; /* is no more */
	key = strstr(text, "9ZK9FzSz");		    /* nrt's is another */
	memcpy(key, "9ZK8", 4);
	fresh = netd_mesh(text);
	book_init(&to, fresh, boot);
	book.node[SIN] = book.node[NRT] = book.node[SYD] = full;
	book.node[FRA].peer = true;
	assert_int_equal(book_unpack(&book, payload, now), 0);
	payload[NAME] = 'x';
	payload[KEY] ^= 1;
	assert_int_equal(book_unpack(&book, payload, now), -ENOENT);
	book.full[BOOK_URGENT] = now.mono;
	book_carry(&to, &book);
	assert_int_equal(to.full[BOOK_URGENT].ns, now.mono.ns);
	assert_int_equal(to.node[SIN].stage, BOOK_DIRECT);
	assert_int_equal(to.node[SIN].via, FRA);
	assert_true(to.node[FRA].peer);
	assert_int_equal(to.node[FRA].via, NETD_NONE);
	assert_false(book_tells(&to.node[NRT]));
	assert_int_equal(to.n_former, 3); /* nrt's, syd's and the one before */
	assert_true(book_had(&to, &mesh->nodes[NRT].key));
	assert_false(book_had(&to, &mesh->nodes[SIN].key));
	book_fini(&to);
	mesh_free(fresh);
}

#define B(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		B(what_was_packed_is_unpacked),
		B(of_another_boot_only_what_outlasts_it),
		B(of_the_other_way_of_switching_limits_only),
		B(what_no_book_has_packed),
		B(whose_peer_may_be_left),
		B(times_that_cannot_be),
		B(anything_that_tells),
		B(carried_over_to_another_mesh_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
