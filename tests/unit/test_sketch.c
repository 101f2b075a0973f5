/* SPDX-License-Identifier: MIT */
/*
 * The sketch: its bounds against exact integers, its algebra and its error by random
 * samples, its codec by every truncation.
 */
#include "common/sketch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/seed.h"

#define SAMPLES_MAX 4000
#define ENCODED_MAX (3 + 8 * SKETCH_BUCKETS)
#define ERROR_MAX   0.0109 /* what the header promises */

/* Numbers of 64 x 32 bits, least first: enough for (2^38)^32 and for 2^848 2000^32. */
struct big {
	uint32_t limb[64];
};

static struct big
big_of(uint64_t v)
{
	return (struct big){ { (uint32_t)v, (uint32_t)(v >> 32) } };
}

static struct big
big_mul(const struct big *a, const struct big *b)
{
	struct big p = { { 0 } };

	for (int i = 0; i < 64; i++) {
		uint64_t carry = 0;

		for (int j = 0; i + j < 64; j++) {
			carry += p.limb[i + j] + (uint64_t)a->limb[i] * b->limb[j];
			p.limb[i + j] = (uint32_t)carry;
			carry >>= 32;
		}
	}
	return p;
}

/* v^32 */
static struct big
big_pow32(uint64_t v)
{
	struct big p = big_of(v);

	for (int i = 0; i < 5; i++)
		p = big_mul(&p, &p);
	return p;
}

static int
big_compare(const struct big *a, const struct big *b)
{
	for (int i = 63; i >= 0; i--)
		if (a->limb[i] != b->limb[i])
			return a->limb[i] < b->limb[i] ? -1 : 1;
	return 0;
}

/* b rounds x = 1000 * 2^((i+1)/32) iff 2b-1 < 2x < 2b+1, and so do their 32nd powers.
 */
static void
bounds_are_exact(void **state)
{
	struct big want = big_pow32(2000), two = big_of(2);

	(void)state;
	for (unsigned i = 0; i < SKETCH_BUCKETS; i++) {
		uint64_t b = (uint64_t)sketch_bound_ns(i);
		struct big below = big_pow32(2 * b - 1), above = big_pow32(2 * b + 1);

		want = big_mul(&want, &two);
		assert_true(big_compare(&below, &want) < 0);
		assert_true(big_compare(&want, &above) < 0);
	}
	assert_int_equal(sketch_bound_ns(31), 2000);
	assert_int_equal(sketch_bound_ns(SKETCH_BUCKETS - 17), INT64_C(67108864000));
}

static void
values_fall_into_their_bucket(void **state)
{
	struct sketch s = { 0 };

	(void)state;
	for (unsigned i = 0; i < SKETCH_BUCKETS; i++) {
		int64_t hi = sketch_bound_ns(i);
		int64_t lo = i ? sketch_bound_ns(i - 1) + 1 : INT64_MIN;
		int64_t top = i == SKETCH_BUCKETS - 1 ? INT64_MAX : hi;

		sketch_clear(&s);
		sketch_add(&s, lo, 1);
		sketch_add(&s, hi, 1);
		sketch_add(&s, top, 1);
		assert_int_equal(s.n, 1);
		assert_int_equal(s.buckets[0].index, i);
		assert_int_equal(s.buckets[0].count, 3);
	}
	sketch_fini(&s);
}

static bool
same(const struct sketch *a, const struct sketch *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->buckets[i].index != b->buckets[i].index ||
		    a->buckets[i].count != b->buckets[i].count)
			return false;
	return true;
}

static struct sketch
merged(const struct sketch *a, const struct sketch *b)
{
	struct sketch s = { 0 };

	sketch_merge(&s, a);
	sketch_merge(&s, b);
	return s;
}

/* Sparse or dense, with counts that add up past 32 bits now and then. */
static struct sketch
random_sketch(struct seed *seed)
{
	struct sketch s = { 0 };
	uint32_t n = seed_below(seed, seed_below(seed, 4) ? 12 : 2000);

	for (uint32_t i = 0; i < n; i++)
		sketch_add(&s, sketch_bound_ns(seed_below(seed, SKETCH_BUCKETS)),
		    seed_below(seed, 8) ? 1 + seed_below(seed, 300) : UINT32_MAX - 9);
	return s;
}

static void
merging_is_associative_and_order_free(void **state)
{
	struct seed seed = seed_new(__func__);

	(void)state;
	for (int round = 0; round < 500; round++) {
		struct sketch s[8];

		for (int i = 0; i < 3; i++)
			s[i] = random_sketch(&seed);
		s[3] = merged(&s[0], &s[1]);
		s[4] = merged(&s[1], &s[0]);
		s[5] = merged(&s[1], &s[2]);
		s[6] = merged(&s[3], &s[2]);
		s[7] = merged(&s[0], &s[5]);
		assert_true(same(&s[3], &s[4]));
		assert_true(same(&s[6], &s[7]));
		for (size_t i = 1; i < s[6].n; i++)
			assert_true(s[6].buckets[i - 1].index < s[6].buckets[i].index);
		sketch_fini(&s[4]);
		s[4] = merged(&s[0], &s[0]);
		sketch_merge(&s[0], &s[0]); /* into itself */
		assert_true(same(&s[0], &s[4]));
		for (int i = 0; i < 8; i++)
			sketch_fini(&s[i]);
	}
}

static void
adding_is_order_free_and_counts(void **state)
{
	struct seed seed = seed_new(__func__);
	int64_t v[200];

	(void)state;
	for (int round = 0; round < 100; round++) {
		struct sketch a = { 0 }, b = { 0 };

		for (int i = 0; i < 200; i++)
			v[i] =
			    (int64_t)(seed_next(&seed) >> (25 + seed_below(&seed, 30)));
		for (int i = 0; i < 200; i++) {
			sketch_add(&a, v[i], 2);
			sketch_add(&b, v[199 - i], 1);
			sketch_add(&b, v[199 - i], 0);
			sketch_add(&b, v[199 - i], 1);
		}
		assert_true(same(&a, &b));
		assert_int_equal(sketch_count(&a), 400);
		sketch_fini(&a);
		sketch_fini(&b);
	}
}

static void
counts_saturate(void **state)
{
	struct sketch s = { 0 };

	(void)state;
	sketch_add(&s, 5000, UINT32_MAX - 1);
	sketch_add(&s, 5000, 5);
	assert_int_equal(s.buckets[0].count, UINT32_MAX);
	sketch_merge(&s, &s);
	assert_int_equal(s.buckets[0].count, UINT32_MAX);
	assert_int_equal(sketch_count(&s), UINT32_MAX);
	sketch_fini(&s);
}

static int
compare_ns(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The sketch of v[0..n) against the exact sample of each rank. */
static void
check_error(int64_t *v, size_t n, const char *what)
{
	static const double qs[] = { 0, 0.01, 0.07, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999,
		1 };
	struct sketch s = { 0 };

	for (size_t i = 0; i < n; i++)
		sketch_add(&s, v[i], 1);
	qsort(v, n, sizeof(*v), compare_ns);
	for (size_t i = 0; i < sizeof(qs) / sizeof(qs[0]); i++) {
		/* Ranks by thousandths in integers, so that both cannot share an error.
		 */
		size_t milli = (size_t)lround(qs[i] * 1000);
		size_t rank = (milli * n + 999) / 1000;
		int64_t exact = v[rank ? rank - 1 : 0];
		int64_t got = sketch_quantile_ns(&s, qs[i]);

		if (llabs(got - exact) > (double)exact * ERROR_MAX + 1)
			fail_msg("%s: q %g of %zu: got %lld ns, exact %lld ns", what,
			    qs[i], n, (long long)got, (long long)exact);
	}
	sketch_fini(&s);
}

static double
normal(struct seed *seed)
{
	return sqrt(-2 * log(seed_unit(seed))) *
	       cos(2 * 3.14159265358979323846 * seed_unit(seed));
}

static void
quantiles_are_within_the_error(void **state)
{
	static int64_t v[SAMPLES_MAX];
	struct seed seed = seed_new(__func__);

	(void)state;
	for (int round = 0; round < 200; round++) {
		size_t n = 1 + seed_below(&seed, SAMPLES_MAX);
		double median = 1e4 * exp(10 * seed_unit(&seed)); /* 10 us .. 220 ms */
		double sigma = 2 * seed_unit(&seed);
		int64_t one = (int64_t)median, two = one * (1 + seed_below(&seed, 9));

		for (size_t i = 0; i < n; i++) {
			double x = median * exp(sigma * normal(&seed));

			v[i] = (int64_t)(x < 1001 ? 1001 : x > 9e10 ? 9e10 : x);
		}
		check_error(v, n, "lognormal");
		for (size_t i = 0; i < n; i++)
			v[i] = one;
		check_error(v, n, "constant");
		for (size_t i = 0; i < n; i++)
			v[i] = seed_below(&seed, 2) ? one : two;
		check_error(v, n, "two points");
		/* The worst places: on a bound, and the next value above it. */
		for (size_t i = 0; i < n; i++)
			v[i] = sketch_bound_ns(seed_below(&seed, SKETCH_BUCKETS - 1)) +
			       seed_below(&seed, 2);
		check_error(v, n, "bounds");
	}
}

static void
extremes_clamp(void **state)
{
	struct sketch s = { 0 };

	(void)state;
	assert_int_equal(sketch_quantile_ns(&s, 0.5), -1);
	sketch_add(&s, INT64_MIN, 1);
	sketch_add(&s, 0, 1);
	sketch_add(&s, INT64_MAX, 2);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.buckets[0].index, 0);
	assert_int_equal(s.buckets[1].index, SKETCH_BUCKETS - 1);
	assert_in_range(sketch_quantile_ns(&s, 0), 1000, sketch_bound_ns(0));
	assert_in_range(sketch_quantile_ns(&s, 0.5), 1000, sketch_bound_ns(0));
	assert_in_range(sketch_quantile_ns(&s, 0.51),
	    sketch_bound_ns(SKETCH_BUCKETS - 2), sketch_bound_ns(SKETCH_BUCKETS - 1));
	sketch_fini(&s);
}

static void
decoding_reverses_encoding(void **state)
{
	static uint8_t buf[ENCODED_MAX], again[ENCODED_MAX];
	struct seed seed = seed_new(__func__);
	struct sketch back = { 0 };

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct sketch s = random_sketch(&seed);
		size_t n = sketch_encode(&s, buf, sizeof(buf));

		assert_true(n > 0);
		/* Bytes that follow belong to someone else. */
		assert_int_equal(sketch_decode(&back, buf, sizeof(buf)), n);
		assert_true(same(&s, &back));
		sketch_clear(&back);
		for (size_t i = 0; i < s.n; i++) {
			sketch_append(&back, s.buckets[i].index, s.buckets[i].count);
			sketch_append(&back, s.buckets[i].index, 0); /* nothing */
		}
		assert_true(same(&s, &back));
		assert_int_equal(sketch_encode(&back, again, n), n);
		assert_memory_equal(buf, again, n);
		assert_int_equal(sketch_encode(&s, again, n - 1), 0);
		for (size_t cut = 0; cut < n && round < 30; cut++) {
			uint8_t *exact = malloc(cut ? cut : 1); /* for ASan to guard */

			assert_non_null(exact);
			memcpy(exact, buf, cut);
			assert_int_equal(sketch_decode(&back, exact, cut), 0);
			assert_int_equal(back.n, 0);
			free(exact);
		}
		sketch_fini(&s);
	}
	sketch_fini(&back);
}

static void
bad_encodings_are_refused(void **state)
{
	static const struct {
		const char *name;
		uint8_t bytes[16];
		size_t len, want;
	} rows[] = {
		{ "empty sketch", { 0 }, 1, 1 },
		{ "bucket 0", { 1, 0, 9 }, 3, 3 },
		{ "last bucket", { 1, 0xcf, 6, 9 }, 4, 4 },
		{ "past the last bucket", { 1, 0xd0, 6, 9 }, 4, 0 },
		{ "past it by two steps", { 2, 0xce, 6, 9, 2, 9 }, 6, 0 },
		{ "step of 0", { 2, 5, 9, 0, 9 }, 5, 0 },
		{ "count of 0", { 1, 5, 0 }, 3, 0 },
		{ "count of 2^32-1", { 1, 5, 255, 255, 255, 255, 15 }, 7, 7 },
		{ "count of 2^32", { 1, 5, 128, 128, 128, 128, 16 }, 7, 0 },
		{ "long form of 1", { 0x81, 0, 5, 9 }, 4, 0 },
		{ "long form of an index", { 1, 0x85, 0, 9 }, 4, 0 },
		{ "more buckets than bytes", { 0xd0, 6, 1, 1, 1, 1 }, 6, 0 },
		{ "more buckets than there are", { 0xd1, 6, 1, 1, 1, 1 }, 6, 0 },
		{ "no end", { 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1 },
		    12, 0 },
		{ "65 bits", { 1, 5, 129, 128, 128, 128, 128, 128, 128, 128, 128, 2 },
		    12, 0 },
		{ "nothing", { 0 }, 0, 0 },
	};
	struct sketch s = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t got = sketch_decode(&s, rows[i].bytes, rows[i].len);

		if (got != rows[i].want || (got == 0 && s.n != 0))
			fail_msg("%s: read %zu bytes, want %zu", rows[i].name, got,
			    rows[i].want);
	}
	sketch_fini(&s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds_are_exact),
		cmocka_unit_test(values_fall_into_their_bucket),
		cmocka_unit_test(merging_is_associative_and_order_free),
		cmocka_unit_test(adding_is_order_free_and_counts),
		cmocka_unit_test(counts_saturate),
		cmocka_unit_test(quantiles_are_within_the_error),
		cmocka_unit_test(extremes_clamp),
		cmocka_unit_test(decoding_reverses_encoding),
		cmocka_unit_test(bad_encodings_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
