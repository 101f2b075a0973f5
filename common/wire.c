/* SPDX-License-Identifier: MIT */
#include "common/wire.h"

#include <endian.h>
#include <string.h>

uint8_t
wire_get_byte(struct wire_in *in)
{
	if (wire_in_left(in) < 1) {
		in->bad = true;
		return 0;
	}
	return *in->p++;
}

/*
 * A number of two to eight bytes, of which eight can be read: the bytes up to the first
 * without a top bit, their seven bits pushed together.  0 if it is longer.
 */
static unsigned
get_eight(const uint8_t *p, uint64_t *out)
{
	uint64_t v, ends;
	unsigned n;

	memcpy(&v, p, sizeof(v));
	v = le64toh(v);
	ends = ~v & UINT64_C(0x8080808080808080);
	if (!ends)
		return 0;
	n = (unsigned)__builtin_ctzll(ends) / 8 + 1;
	v &= UINT64_C(0x7f7f7f7f7f7f7f7f) >> (64 - 8 * n);
	v = (v & UINT64_C(0x007f007f007f007f)) |
	    (v & UINT64_C(0x7f007f007f007f00)) >> 1;
	v = (v & UINT64_C(0x00003fff00003fff)) |
	    (v & UINT64_C(0x3fff00003fff0000)) >> 2;
	*out = (v & UINT64_C(0x000000000fffffff)) |
	       (v & UINT64_C(0x0fffffff00000000)) >> 4;
	return n;
}

uint64_t
wire_get_long(struct wire_in *in, uint64_t max)
{
	const uint8_t *p = in->p;
	uint64_t v = 0;
	unsigned shift = 0;
	uint8_t byte = 0x80;

	if (in->bad)
		return 0;
	if (in->end - p >= 8) {
		unsigned n = get_eight(p, &v);

		if (n > 0) {
			in->p = p + n;
			/* A last byte of 0 adds nothing: there was a shorter form. */
			in->bad = (n > 1 && p[n - 1] == 0) || v > max;
			return in->bad ? 0 : v;
		}
	}
	while ((byte & 0x80) && shift < 64 && p < in->end) {
		byte = *p++;
		/* The tenth byte has room for bit 63 only. */
		if (shift == 63 && byte > 1)
			in->bad = true;
		v |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	}
	in->p = p;
	/* Unfinished; or a last byte of 0, which adds nothing: there was a shorter
	 * form. */
	if ((byte & 0x80) || (shift > 7 && byte == 0) || v > max)
		in->bad = true;
	return in->bad ? 0 : v;
}

uint64_t
wire_get_u64(struct wire_in *in)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | wire_get_byte(in);
	return in->bad ? 0 : v;
}

void
wire_get_string(struct wire_in *in, char *text, size_t size)
{
	size_t n = wire_get_byte(in);

	text[0] = '\0';
	if (n >= size || n > wire_in_left(in) || memchr(in->p, '\0', n))
		in->bad = true;
	if (in->bad)
		return;
	memcpy(text, in->p, n);
	text[n] = '\0';
	in->p += n;
}

void
wire_put_byte(struct wire_out *out, uint8_t v)
{
	if (wire_out_left(out) < 1)
		out->bad = true;
	else
		*out->p++ = v;
}

void
wire_put_long(struct wire_out *out, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		wire_put_byte(out, (uint8_t)(v | 0x80));
	wire_put_byte(out, (uint8_t)v);
}

void
wire_put_u64(struct wire_out *out, uint64_t v)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		wire_put_byte(out, (uint8_t)(v >> shift));
}

void
wire_put_string(struct wire_out *out, const char *text)
{
	size_t n = strlen(text);

	if (n > UINT8_MAX || n >= wire_out_left(out)) {
		out->bad = true;
		return;
	}
	wire_put_byte(out, (uint8_t)n);
	memcpy(out->p, text, n);
	out->p += n;
}
