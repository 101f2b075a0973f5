/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4): finds what a torn write or a bad sector
 * did to a record, and is no protection against people.
 */
#ifndef COMMON_CRC32C_H
#define COMMON_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of data that comes in pieces: crc is the value so far, 0 at the start. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

#endif
