/* SPDX-License-Identifier: MIT */
/*
 * A mergeable summary of many RTTs.  Buckets grow by 2^(1/32), the boundaries of
 * Prometheus native histograms of schema 5 and of a DDSketch of 1.08 % (Masson, Rim,
 * Lee: "DDSketch", VLDB 2019): any quantile is within 1.09 % (and 1 ns) of a sample of
 * that rank.  Merging adds counts, so it is exact, associative and order-free.
 */
#ifndef COMMON_SKETCH_H
#define COMMON_SKETCH_H

#include <stddef.h>
#include <stdint.h>

/*
 * Bucket i holds values v in ns with bound(i-1) < v <= bound(i), bound(i) being
 * 2^((i+1)/32) us rounded to ns.  Bucket 0 also takes everything below, the last
 * everything above, so no sample is lost.  848 buckets reach from 1 us to 94 s.
 */
#define SKETCH_BUCKETS 848

struct sketch_bucket {
	uint16_t index; /* 0..SKETCH_BUCKETS-1 */
	uint32_t count; /* > 0, saturates */
};

/* Sparse, sorted by index.  All zero is the empty sketch. */
struct sketch {
	struct sketch_bucket *buckets; /* owned */
	uint32_t n, cap;
};

void sketch_fini(struct sketch *s);
void sketch_clear(struct sketch *s); /* empty, memory kept */
void sketch_add(struct sketch *s, int64_t value_ns, uint32_t count);
/* count of the bucket `index`, which is above all that are there. */
void sketch_append(struct sketch *s, unsigned index, uint32_t count);
void sketch_merge(struct sketch *into, const struct sketch *from);
uint64_t sketch_count(const struct sketch *s);

/* Upper bound of a bucket, in ns. */
int64_t sketch_bound_ns(unsigned index);

/*
 * The value of rank ceil(q * count), 0 <= q <= 1, in ns: the geometric middle of its
 * bucket.  -1 if the sketch is empty.  The caller that knows minimum and maximum clamps
 * to them, which makes a constant series exact.
 */
int64_t sketch_quantile_ns(const struct sketch *s, double q);

/*
 * Codec: a count of buckets, then (index difference, count) pairs, all as varints
 * (LEB128).  encode returns the bytes written, or 0 if cap is too small.  decode
 * replaces *s; it returns the bytes read, or 0, and *s is empty, for anything
 * truncated, out of order, out of range, with a count of 0, or with a varint longer
 * than it need be.
 */
size_t sketch_encode(const struct sketch *s, uint8_t *out, size_t cap);
size_t sketch_decode(struct sketch *s, const uint8_t *in, size_t len);

#endif
