/* SPDX-License-Identifier: MIT */
/*
 * The text format: what it says comes back, what is wrong is named, nothing breaks it.
 * links: optimizer/decide/instance_text_line.c
 * links: optimizer/decide/instance_text.c optimizer/decide/instance_text_write.c
 * links: optimizer/decide/instance.c optimizer/decide/matrix.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "optimizer/decide/instance_text.h"
#include "tests/unit/random_instance.h"

#define FUZZ_ROUNDS 20000

static const char small[] = "meshopt-instance 1\n"
			    "hop 150   # us per relay\n"
			    "budget 2\n"
			    "rtt hkg nrt 49870 lo 49700 hi 50110 n 30 loss 0.0008\n"
			    "rtt dub hkg 205000\n"
			    "rtt dub nrt 287000 lo 286000\n"
			    "demand role pop backend gravity\n"
			    "node nrt backend - nat cap 4 weight 3\n"
			    "node dub hub - public\n"
			    "node hkg pop relay public load 4000 weight 2\n"
			    "tunnel hkg nrt since 1767225600\n"
			    "cost hkg nrt 2\n";

static void
lines_mean_what_they_say(void **state)
{
	struct instance *in;
	struct err err;

	(void)state;
	assert_int_equal(instance_text_read("x", small, sizeof(small) - 1, &in, &err),
	    0);
	assert_int_equal(in->n_nodes, 3);
	assert_string_equal(in->nodes[0].name, "dub");
	assert_int_equal(in->hub, 0);
	assert_true(in->nodes[1].relay);
	assert_int_equal(in->nodes[1].max_load, 4000);
	assert_int_equal(in->nodes[2].max_tunnels, 4);
	assert_int_equal(in->hop_us, 150);
	assert_int_equal(in->budget, 2);
	assert_int_equal(in->n_pairs, 1);
	assert_int_equal(in->pairs[0].weight, 6);
	assert_int_equal(in->pairs[0].hub_us, 492000);
	assert_int_equal(in->pairs[0].hub_lo_us, 491000);
	assert_int_equal(in->pairs[0].direct_us, 49870);
	assert_int_equal(in->n_tunnels, 1);
	assert_int_equal(in->tunnels[0].direct_us, 50110);
	assert_int_equal(in->tunnels[0].cost, 2);
	assert_true(in->tunnels[0].present);
	instance_free(in);
}

static char *
text_of(const struct instance *in, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	assert_non_null(out);
	assert_int_equal(instance_text_write(in, out), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
writing_and_reading_is_the_same(void **state)
{
	uint64_t seed = 577215;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < 500; i++) {
		struct random_opts o = { .nodes = 3 + random_below(&seed, 10),
			.costs = true,
			.loads = true,
			.caps = true,
			.slo = i % 2,
			.change = true };
		struct instance *in = random_instance(&o, &seed), *again = NULL;
		size_t len, len2;
		char *text = text_of(in, &len), *twice;
		struct err err;

		assert_int_equal(instance_text_read("x", text, len, &again, &err), 0);
		twice = text_of(again, &len2);
		assert_int_equal(len, len2);
		assert_memory_equal(text, twice, len);
		assert_int_equal(again->n_pairs, in->n_pairs);
		for (size_t k = 0; k < in->n_pairs; k++)
			assert_int_equal(again->pairs[k].hub_us, in->pairs[k].hub_us);
		free(text);
		free(twice);
		instance_free(in);
		instance_free(again);
	}
}

#define HEAD "meshopt-instance 1\n"
#define DUB  "node dub hub - public\n"
#define TWO  HEAD DUB "node a pop relay public\nnode b pop - public\n"

static void
bad_instances_are_named(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "empty" },
		{ "node dub hub - public\n", "first line" },
		{ HEAD "node a pop - public\n", "no hub" },
		{ HEAD DUB DUB, "second hub" },
		{ HEAD DUB "node a pop - public\nnode a pop - nat\n", "twice" },
		{ HEAD DUB "node a/b pop - public\n", "a node is" },
		{ HEAD DUB "node a king - public\n", "king" },
		{ HEAD DUB "node a pop - public cap -1\n", "-1" },
		{ HEAD DUB "node a pop - public cap\n", "missing" },
		{ TWO "budget -1\n", "budget" },
		{ TWO "budget nan\n", "nan" },
		{ TWO "budget 99999999999\n", "budget" },
		{ TWO "rtt a b 0\n", "rtt" },
		{ TWO "rtt a b -5\n", "-5" },
		{ TWO "rtt a b 1e3\n", "1e3" },
		{ TWO "rtt a b inf\n", "inf" },
		{ TWO "rtt a b 60000001\n", "60000001" },
		{ TWO "rtt a c 5\n", "\"c\"" },
		{ TWO "rtt a a 5\n", "twice" },
		{ TWO "rtt a b 5\nrtt b a 6\n", "twice" },
		{ TWO "rtt a b 5 lo 6\n", "lo" },
		{ TWO "demand a dub 1\n", "is the hub" },
		{ TWO "demand a b 1000000001\n", "demand" },
		{ TWO "deny a b\nrequire a b\n", "both" },
		{ TWO "cost a b 0\n", "cost" },
		{ TWO "objective median\n", "median" },
		{ TWO "objective quantile 1.5\n", "1.5" },
		{ TWO "hop\n", "one number" },
		{ TWO "jump 5\n", "jump" },
	};
	struct instance *in;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = instance_text_read("x", rows[i].text, strlen(rows[i].text), &in,
		    &err);

		assert_true(r < 0);
		assert_null(in);
		if (!strstr(err.text, rows[i].why))
			fail_msg("row %zu: \"%s\" does not say \"%s\"", i, err.text,
			    rows[i].why);
	}
}

static void
weights_that_overflow_are_refused(void **state)
{
	char text[16384] = HEAD DUB;
	struct instance *in;
	struct err err;
	size_t n = strlen(text);

	(void)state;
	for (int i = 0; i < 70; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "node n%d pop - public weight 1000\n", i);
	(void)snprintf(text + n, sizeof(text) - n, "demand all gravity\n"); /* fits */
	assert_int_equal(instance_text_read("x", text, strlen(text), &in, &err), 0);
	instance_free(in);
	/* 34 thousand million is what all may sum up to. */
	for (int i = 70; i < 300; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "node n%d pop - public weight 1000\n", i);
	(void)snprintf(text + n, sizeof(text) - n, "demand all gravity\n"); /* fits */
	assert_int_equal(instance_text_read("x", text, strlen(text), &in, &err),
	    -EOVERFLOW);
	assert_non_null(strstr(err.text, "too large"));
}

/* Bytes changed, dropped and doubled: read or refused, never anything else. */
static void
noise_does_not_break_it(void **state)
{
	uint64_t seed = 141421;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < FUZZ_ROUNDS; i++) {
		char text[2 * sizeof(small)];
		size_t len = sizeof(small) - 1;
		struct instance *in;
		struct err err;

		memcpy(text, small, len);
		for (uint32_t k = 1 + random_below(&seed, 6); k > 0; k--) {
			size_t at = random_below(&seed, (uint32_t)len);
			size_t from = random_below(&seed, (uint32_t)len);
			size_t n = random_below(&seed, 20);

			if (random_below(&seed, 2)) {
				text[at] = (char)random_below(&seed, 256);
				continue;
			}
			n = at + n > len ? len - at : n;
			n = from + n > len ? len - from : n;
			memmove(text + at, text + from, n);
		}
		len -= random_below(&seed, 30);
		if (instance_text_read("x", text, len, &in, &err) == 0)
			instance_free(in);
		else
			assert_null(in);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_mean_what_they_say),
		cmocka_unit_test(writing_and_reading_is_the_same),
		cmocka_unit_test(bad_instances_are_named),
		cmocka_unit_test(weights_that_overflow_are_refused),
		cmocka_unit_test(noise_does_not_break_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
