/* SPDX-License-Identifier: MIT */
/*
 * The powers of two between buckets come from a table of integers and are scaled by
 * shifts, so every machine and every libm agrees on where a bucket ends.  No state is
 * kept: a bound is one multiplication, cheap enough for ten of them a sample.
 */
#include "common/sketch.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/wire.h"

/* 2^(j/64) in units of 2^-63: even j are bounds, odd j the middles between them. */
static const uint64_t roots[64] = { 0x8000000000000000, 0x8164d1f3bc030773,
	0x82cd8698ac2ba1d7, 0x843a28c3acde4046, 0x85aac367cc487b15, 0x871f61969e8d1010,
	0x88980e8092da8527, 0x8a14d575496efd9a, 0x8b95c1e3ea8bd6e7, 0x8d1adf5b7e5ba9e6,
	0x8ea4398b45cd53c0, 0x9031dc431466b1dc, 0x91c3d373ab11c336, 0x935a2b2f13e6e92c,
	0x94f4efa8fef70961, 0x96942d3720185a00, 0x9837f0518db8a96f, 0x99e0459320b7fa65,
	0x9b8d39b9d54e5539, 0x9d3ed9a72cffb751, 0x9ef5326091a111ae, 0xa0b0510fb9714fc2,
	0xa27043030c496819, 0xa43515ae09e6809e, 0xa5fed6a9b15138ea, 0xa7cd93b4e965356a,
	0xa9a15ab4ea7c0ef8, 0xab7a39b5a93ed337, 0xad583eea42a14ac6, 0xaf3b78ad690a4375,
	0xb123f581d2ac2590, 0xb311c412a9112489, 0xb504f333f9de6484, 0xb6fd91e328d17791,
	0xb8fbaf4762fb9ee9, 0xbaff5ab2133e45fb, 0xbd08a39f580c36bf, 0xbf1799b67a731083,
	0xc12c4cca66709456, 0xc346ccda24976407, 0xc5672a115506dadd, 0xc78d74c8abb9b15d,
	0xc9b9bd866e2f27a3, 0xcbec14fef2727c5d, 0xce248c151f8480e4, 0xd06333daef2b2595,
	0xd2a81d91f12ae45a, 0xd4f35aabcfedfa1f, 0xd744fccad69d6af4, 0xd99d15c278afd7b6,
	0xdbfbb797daf23755, 0xde60f4825e0e9124, 0xe0ccdeec2a94e111, 0xe33f8972be8a5a51,
	0xe5b906e77c8348a8, 0xe8396a503c4bdc68, 0xeac0c6e7dd24392f, 0xed4f301ed9942b84,
	0xefe4b99bdcdaf5cb, 0xf281773c59ffb13a, 0xf5257d152486cc2c, 0xf7d0df730ad13bb9,
	0xfa83b2db722a033a, 0xfd3e0c0cf486c175 };

/* 2^(j/64) us in ns, rounded; needs 101 bits on the way at most. */
static int64_t
power_ns(unsigned j)
{
	unsigned __int128 v = (unsigned __int128)roots[j % 64] * 1000 << j / 64;

	return (int64_t)((v + ((unsigned __int128)1 << 62)) >> 63);
}

int64_t
sketch_bound_ns(unsigned index)
{
	assert(index < SKETCH_BUCKETS);
	return power_ns(2 * index + 2);
}

/* The bucket of a value. */
static unsigned
index_of(int64_t value_ns)
{
	unsigned lo = 0, hi = SKETCH_BUCKETS - 1;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (value_ns <= sketch_bound_ns(mid))
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

void
sketch_fini(struct sketch *s)
{
	free(s->buckets);
	*s = (struct sketch){ 0 };
}

void
sketch_clear(struct sketch *s)
{
	s->n = 0;
}

static void
reserve(struct sketch *s, size_t n)
{
	if (n <= s->cap)
		return;
	s->buckets = mem_grow(s->buckets, n, sizeof(*s->buckets));
	s->cap = (uint32_t)n;
}

static uint32_t
add_saturated(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

void
sketch_add(struct sketch *s, int64_t value_ns, uint32_t count)
{
	uint16_t index = (uint16_t)index_of(value_ns);
	size_t at = s->n;

	if (count == 0)
		return;
	while (at > 0 && s->buckets[at - 1].index > index)
		at--;
	if (at > 0 && s->buckets[at - 1].index == index) {
		s->buckets[at - 1].count =
		    add_saturated(s->buckets[at - 1].count, count);
		return;
	}
	if (s->n == s->cap)
		reserve(s, s->cap ? s->cap + (s->cap + 1) / 2 : 4);
	memmove(s->buckets + at + 1, s->buckets + at,
	    (s->n - at) * sizeof(*s->buckets));
	s->buckets[at] = (struct sketch_bucket){ index, count };
	s->n++;
}

void
sketch_append(struct sketch *s, unsigned index, uint32_t count)
{
	if (count == 0)
		return;
	assert(index < SKETCH_BUCKETS);
	assert(s->n == 0 || s->buckets[s->n - 1].index < index);
	if (s->n == s->cap)
		reserve(s, s->cap ? s->cap + (s->cap + 1) / 2 : 4);
	s->buckets[s->n++] = (struct sketch_bucket){ (uint16_t)index, count };
}

/* How many buckets the two have together. */
static size_t
union_size(const struct sketch *a, const struct sketch *b)
{
	size_t n = a->n + b->n;

	for (size_t i = 0, j = 0; i < a->n && j < b->n;) {
		int order = a->buckets[i].index - b->buckets[j].index;

		n -= order == 0;
		i += order <= 0;
		j += order >= 0;
	}
	return n;
}

/* From the back, so that it needs no second array and may merge a sketch into itself.
 */
void
sketch_merge(struct sketch *into, const struct sketch *from)
{
	size_t i = into->n, j = from->n, k = union_size(into, from);
	struct sketch_bucket *b;

	reserve(into, k);
	into->n = (uint32_t)k; /* SKETCH_BUCKETS at most */
	b = into->buckets;
	while (j > 0) {
		struct sketch_bucket add = from->buckets[j - 1];

		if (i > 0 && b[i - 1].index > add.index) {
			b[--k] = b[--i];
			continue;
		}
		if (i > 0 && b[i - 1].index == add.index)
			add.count = add_saturated(b[--i].count, add.count);
		b[--k] = add;
		j--;
	}
}

uint64_t
sketch_count(const struct sketch *s)
{
	uint64_t count = 0;

	for (size_t i = 0; i < s->n; i++)
		count += s->buckets[i].count;
	return count;
}

int64_t
sketch_quantile_ns(const struct sketch *s, double q)
{
	/* 0.07 * 100 is 7.000000000000001: not a reason to answer with the eighth. */
	const double slack = 1e-9;
	uint64_t count = sketch_count(s), seen = 0, rank;
	double exact = q * (double)count - slack;
	size_t i;

	assert(q >= 0 && q <= 1);
	if (count == 0)
		return -1;
	rank = exact > 0 ? (uint64_t)exact : 0;
	rank += (double)rank < exact || rank == 0;
	for (i = 0; i < s->n - 1; i++) {
		seen += s->buckets[i].count;
		if (seen >= rank)
			break;
	}
	return power_ns(2 * s->buckets[i].index + 1u);
}

size_t
sketch_encode(const struct sketch *s, uint8_t *out, size_t cap)
{
	struct wire_out w = { .p = out, .end = out + cap };
	unsigned last = 0;

	wire_put_uint(&w, s->n);
	for (size_t i = 0; i < s->n; i++) {
		wire_put_uint(&w, s->buckets[i].index - last);
		wire_put_uint(&w, s->buckets[i].count);
		last = s->buckets[i].index;
	}
	return w.bad ? 0 : (size_t)(w.p - out);
}

size_t
sketch_decode(struct sketch *s, const uint8_t *in, size_t len)
{
	struct wire_in w = { .p = in, .end = in + len };
	size_t n = wire_get_uint(&w, SKETCH_BUCKETS);
	uint64_t index = 0;

	sketch_clear(s);
	/* A bucket takes two bytes at least: no memory for a promise that cannot hold.
	 */
	if (w.bad || n > wire_in_left(&w) / 2)
		return 0;
	reserve(s, n);
	for (size_t i = 0; i < n; i++) {
		uint64_t step = wire_get_uint(&w, SKETCH_BUCKETS - 1 - index);
		uint64_t count = wire_get_uint(&w, UINT32_MAX);

		if (w.bad || count == 0 || (step == 0 && i > 0)) {
			sketch_clear(s);
			return 0;
		}
		index += step;
		s->buckets[s->n++] =
		    (struct sketch_bucket){ (uint16_t)index, (uint32_t)count };
	}
	return (size_t)(w.p - in);
}
