/* SPDX-License-Identifier: MIT */
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"

void *
mem_array(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size ? size : 1);

	if (!p)
		log_die("out of memory: %zu x %zu bytes", count, size);
	return p;
}

void *
mem_alloc(size_t size)
{
	return mem_array(1, size);
}

void *
mem_grow(void *old, size_t count, size_t size)
{
	void *p = reallocarray(old, count ? count : 1, size ? size : 1);

	if (!p)
		log_die("out of memory: %zu x %zu bytes", count, size);
	return p;
}

char *
mem_strdup(const char *text)
{
	size_t n = strlen(text) + 1;

	return memcpy(mem_alloc(n), text, n);
}
