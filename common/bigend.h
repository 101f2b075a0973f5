/* SPDX-License-Identifier: MIT */
/*
 * Unsigned integers of up to 8 bytes in network byte order, at any alignment.
 */
#ifndef COMMON_BIGEND_H
#define COMMON_BIGEND_H

#include <stdint.h>

static inline void
bigend_put(uint8_t *p, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
}

static inline uint64_t
bigend_get(const uint8_t *p, int bytes)
{
	uint64_t v = 0;

	for (int i = 0; i < bytes; i++)
		v = v << 8 | p[i];
	return v;
}

#endif
