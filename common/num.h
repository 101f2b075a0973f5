/* SPDX-License-Identifier: MIT */
/*
 * Numbers from text, strictly: the whole string, no sign where none makes sense, no
 * leading blanks, no overflow.  0, or -EINVAL with *out untouched.
 */
#ifndef COMMON_NUM_H
#define COMMON_NUM_H

#include <stdint.h>

/* Decimal digits only, lo <= value <= hi. */
int num_u32(const char *text, uint32_t lo, uint32_t hi, uint32_t *out);
/* The same, up to NUM_U64_MAX: what a double still tells apart. */
#define NUM_U64_MAX ((UINT64_C(1) << 53) - 1)
int num_u64(const char *text, uint64_t lo, uint64_t hi, uint64_t *out);

/*
 * Decimal milliseconds such as "49", "49.2" or "0.35" to whole microseconds, rounded
 * half up.  At most NUM_MS_MAX ms; negative, exponent, "nan" and "inf" are refused.
 */
#define NUM_MS_MAX 60000
int num_ms(const char *text, int64_t *us);

/* "10s", "500ms", "5m", "24h", "7d"; a bare number is seconds.  In ns, above 0. */
int num_duration(const char *text, int64_t *ns);

#endif
