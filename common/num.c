/* SPDX-License-Identifier: MIT */
#include "common/num.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "common/clock.h"

/* Digits from *text on; stops at the first other character.  -EINVAL above max. */
static int
digits(const char **text, uint64_t max, uint64_t *out)
{
	const char *p = *text;
	uint64_t v = 0;

	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	for (; isdigit((unsigned char)*p); p++) {
		v = v * 10 + (uint64_t)(*p - '0');
		if (v > max)
			return -EINVAL;
	}
	*text = p;
	*out = v;
	return 0;
}

int
num_u32(const char *text, uint32_t lo, uint32_t hi, uint32_t *out)
{
	uint64_t v;

	if (digits(&text, hi, &v) < 0 || *text || v < lo)
		return -EINVAL;
	*out = (uint32_t)v;
	return 0;
}

int
num_u64(const char *text, uint64_t lo, uint64_t hi, uint64_t *out)
{
	uint64_t v;

	if (digits(&text, hi < NUM_U64_MAX ? hi : NUM_U64_MAX, &v) < 0 || *text ||
	    v < lo)
		return -EINVAL;
	*out = v;
	return 0;
}

int
num_ms(const char *text, int64_t *us)
{
	uint64_t whole, frac = 0;
	int n = 0;

	if (digits(&text, NUM_MS_MAX, &whole) < 0)
		return -EINVAL;
	if (*text == '.') {
		for (text++; isdigit((unsigned char)*text); text++, n++) {
			if (n < 3)
				frac = frac * 10 + (uint64_t)(*text - '0');
			else if (n == 3 && *text >= '5')
				frac++; /* may reach 1000: carries by addition */
		}
		if (n == 0)
			return -EINVAL;
		for (; n < 3; n++)
			frac *= 10;
	}
	if (*text || whole * 1000 + frac > NUM_MS_MAX * 1000)
		return -EINVAL;
	*us = (int64_t)(whole * 1000 + frac);
	return 0;
}

int
num_duration(const char *text, int64_t *ns)
{
	static const struct {
		const char *unit;
		int64_t ns;
	} units[] = {
		{ "", NS_PER_S },
		{ "s", NS_PER_S },
		{ "ms", NS_PER_MS },
		{ "m", 60 * NS_PER_S },
		{ "h", 3600 * NS_PER_S },
		{ "d", 86400 * NS_PER_S },
	};
	uint64_t v;

	if (digits(&text, 100000, &v) < 0 || v == 0)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text, units[i].unit) == 0) {
			*ns = (int64_t)v * units[i].ns;
			return 0;
		}
	}
	return -EINVAL;
}
