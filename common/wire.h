/* SPDX-License-Identifier: MIT */
/*
 * Cursors over bytes: a reader and a writer whose steps do nothing once one has failed,
 * so that a codec reads as a list of its fields and asks `bad` once, at its end.  Whole
 * numbers are varints (LEB128): seven bits a byte, least significant first, the top bit
 * set on all but the last byte.  Only the shortest form is accepted, which leaves every
 * number one spelling.
 */
#ifndef COMMON_WIRE_H
#define COMMON_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_UINT_MAX 10 /* bytes that 64 bits can take */

struct wire_in {
	const uint8_t *p, *end; /* borrowed */
	bool bad;
};

struct wire_out {
	uint8_t *p, *end; /* borrowed */
	bool bad;
};

/* Every get returns 0, or "", if it fails or has failed before. */
uint8_t wire_get_byte(struct wire_in *in);
/* Eight bytes, most significant first: for random numbers, which varints lengthen. */
uint64_t wire_get_u64(struct wire_in *in);
/* A length byte and as many characters, none of them 0; with its end fits into size. */
void wire_get_string(struct wire_in *in, char *text, size_t size);

void wire_put_byte(struct wire_out *out, uint8_t v);
void wire_put_u64(struct wire_out *out, uint64_t v);
void wire_put_string(struct wire_out *out, const char *text); /* at most 255 long */

/* wire_get_uint() and wire_put_uint() of any length. */
uint64_t wire_get_long(struct wire_in *in, uint64_t max);
void wire_put_long(struct wire_out *out, uint64_t v);

/*
 * A varint; one above max is a failure.  Inline, as is its counterpart, for the short
 * ones: of the 15 numbers of a row 14 are one or two bytes, and a collector reads 60
 * million a second.
 */
static inline uint64_t
wire_get_uint(struct wire_in *in, uint64_t max)
{
	const uint8_t *p = in->p;
	uint64_t v;

	if (in->bad || in->end - p < 2)
		return wire_get_long(in, max);
	if (p[0] < 0x80 && p[0] <= max) {
		in->p++;
		return p[0];
	}
	v = (uint64_t)p[1] << 7 | (p[0] & 0x7f);
	/* A second byte of 0 would be another spelling. */
	if (p[0] < 0x80 || p[1] >= 0x80 || p[1] == 0 || v > max)
		return wire_get_long(in, max);
	in->p += 2;
	return v;
}

static inline void
wire_put_uint(struct wire_out *out, uint64_t v)
{
	if (v < 0x80 && !out->bad && out->p < out->end)
		*out->p++ = (uint8_t)v;
	else
		wire_put_long(out, v);
}

static inline size_t
wire_in_left(const struct wire_in *in)
{
	return in->bad ? 0 : (size_t)(in->end - in->p);
}

static inline size_t
wire_out_left(const struct wire_out *out)
{
	return out->bad ? 0 : (size_t)(out->end - out->p);
}

#endif
