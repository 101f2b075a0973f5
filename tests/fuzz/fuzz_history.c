/* SPDX-License-Identifier: MIT */
/*
 * A history of slices, plain or gzipped: whatever reads has as many sound matrices as
 * labels.
 * links: optimizer/history_read.c optimizer/matrix_csv.c optimizer/decide/history.c
 * links: optimizer/decide/matrix.c optimizer/decide/evidence.c
 * links: optimizer/decide/instance.c
 */
#include <assert.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "optimizer/history_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	static int fd = -1;
	struct history *h;
	struct err err = { "" };
	char path[64];

	if (fd < 0)
		fd = memfd_create("history", 0);
	assert(fd >= 0 && ftruncate(fd, 0) == 0);
	assert(pwrite(fd, in, len, 0) == (ssize_t)len);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd); /* fits */
	if (history_read(path, &h, &err) < 0) {
		assert(err.text[0] && !h);
		return 0;
	}
	assert(h->n > 0 && history_nodes(h) >= 2);
	for (size_t t = 0; t < h->n; t++) {
		const struct matrix *m = h->slices[t];

		assert(h->labels[t][0] && m->n == history_nodes(h));
		for (size_t i = 0; i < m->n * m->n; i++)
			assert(m->cells[i] == MATRIX_UNKNOWN || m->cells[i] > 0);
	}
	history_free(h);
	return 0;
}
