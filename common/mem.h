/* SPDX-License-Identifier: MIT */
/*
 * Allocation that succeeds or ends the program with one line on stderr: no caller has a
 * better answer to an empty heap.  A size that comes from input is capped before.
 */
#ifndef COMMON_MEM_H
#define COMMON_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size);			      /* zeroed */
void *mem_array(size_t count, size_t size);	      /* zeroed, overflow checked */
void *mem_grow(void *old, size_t count, size_t size); /* new part not zeroed */
char *mem_strdup(const char *text);

#endif
