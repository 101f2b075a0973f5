/* SPDX-License-Identifier: MIT */
/*
 * Giving up privileges: capset(2) without libcap, which would be its only use.
 */
#ifndef COMMON_CAPS_H
#define COMMON_CAPS_H

#include <stdint.h>

#define CAPS_BIT(cap) (UINT64_C(1) << (cap))

/*
 * Keep, of what this thread has, only the capabilities in mask, for good: the ambient
 * and inheritable sets are emptied and no_new_privs is set.  0 or -errno.
 */
int caps_keep(uint64_t mask);

#endif
