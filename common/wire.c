/* SPDX-License-Identifier: MIT */
#include "common/wire.h"

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

uint64_t
wire_get_long(struct wire_in *in, uint64_t max)
{
	const uint8_t *p = in->p;
	uint64_t v = 0;
	unsigned shift = 0;
	uint8_t byte = 0x80;

	if (in->bad)
		return 0;
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
