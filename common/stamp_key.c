/* SPDX-License-Identifier: MIT */
/*
 * The mesh file is no place for it: that one is the same for all to read.  Nor can it
 * be derived from WireGuard's keys without holding a private one, which a prober should
 * not.
 */
#include "common/stamp_key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/wgkey.h"

int
stamp_key_load(const char *path, struct stamp_key *key, struct err *err)
{
	char text[WGKEY_TEXT_MAX + 1] = "";
	struct wgkey parsed;
	struct stat st;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 || fstat(fd, &st) < 0)
		n = -errno;
	else if (st.st_mode & 077)
		n = -EPERM;
	else if ((n = read(fd, text, sizeof(text) - 1)) < 0)
		n = -errno;
	if (fd >= 0)
		(void)close(fd); /* it was only read */
	if (n == -EPERM)
		return err_code(err, EPERM,
		    "%s: others may read this key: chmod 600 it", path);
	if (n < 0)
		return err_code(err, (int)-n, "%s: %s", path, strerror((int)-n));
	text[strcspn(text, "\n")] = '\0';
	if (wgkey_parse(text, &parsed) < 0)
		return err_set(err,
		    "%s: not a key, 44 characters of base64; `wg genpsk` makes one",
		    path);
	_Static_assert(sizeof(parsed.b) == sizeof(key->b), "");
	memcpy(key->b, parsed.b, sizeof(key->b));
	return 0;
}
