/* SPDX-License-Identifier: MIT */
#include "optimizer/putfile.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* The name itself is on the disk only when its directory is. */
static int
sync_dir(const char *path)
{
	char copy[PATH_MAX];
	int fd, r;

	(void)snprintf(copy, sizeof(copy), "%s", path); /* open() took it: it fits */
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fsync(fd) < 0 ? -errno : 0;
	(void)close(fd); /* only read from */
	return r;
}

static int
fill(int fd, mode_t mode, const char *text, size_t len)
{
	int r = fchmod(fd, mode) < 0 ? -errno : write_all(fd, text, len);

	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

int
putfile_new(const char *path, mode_t mode, const char *text, size_t len,
    struct err *err)
{
	/* Made with 0600, so that it is never open to others, not for a moment. */
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), r;

	if (fd < 0)
		return err_code(err, errno, "%s: %s%s", path, strerror(errno),
		    errno == EEXIST ? "; it is left as it is" : "");
	r = fill(fd, mode, text, len);
	if (r == 0)
		r = sync_dir(path);
	if (r == 0)
		return 0;
	(void)unlink(path); /* what is there by halves is of no use */
	return err_code(err, -r, "%s: %s", path, strerror(-r));
}

int
putfile_replace(const char *path, mode_t mode, const char *text, size_t len,
    struct err *err)
{
	char temp[PATH_MAX];
	int fd, r;

	if ((size_t)snprintf(temp, sizeof(temp), "%s.XXXXXX", path) >= sizeof(temp))
		return err_code(err, ENAMETOOLONG, "%s: the name is too long", path);
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return err_code(err, errno, "%s: %s", path, strerror(errno));
	r = fill(fd, mode, text, len);
	if (r == 0 && rename(temp, path) < 0)
		r = -errno;
	if (r == 0)
		r = sync_dir(path);
	if (r == 0)
		return 0;
	(void)unlink(temp); /* gone already, if it was renamed */
	return err_code(err, -r, "%s: %s", path, strerror(-r));
}

int
putfile_key(const char *path, const struct wgkey *key, struct err *err)
{
	char text[WGKEY_TEXT_MAX + 1];
	int r;

	wgkey_format(key, text);
	text[WGKEY_TEXT_MAX - 1] = '\n';
	r = putfile_new(path, 0600, text, WGKEY_TEXT_MAX, err);
	explicit_bzero(text, sizeof(text));
	return r;
}

int
putfile_read_key(const char *path, struct wgkey *key, struct err *err)
{
	char text[WGKEY_TEXT_MAX + 8] = "";
	FILE *in = fopen(path, "re");
	struct stat st;
	size_t n;
	int r = 0;

	if (!in)
		return err_code(err, errno, "%s: %s", path, strerror(errno));
	setbuf(in, NULL); /* or the key would stay in a buffer of the library */
	if (fstat(fileno(in), &st) < 0)
		r = err_code(err, errno, "%s: %s", path, strerror(errno));
	/* Group may read: systemd-networkd reads it as a user of its own. */
	else if (S_ISREG(st.st_mode) && (st.st_mode & (S_IWGRP | S_IRWXO)))
		r = err_code(err, EPERM,
		    "%s: a private key that others may read or write (mode %04o): "
		    "chmod 600 %s, and have it replaced if they may have",
		    path, st.st_mode & 07777, path);
	if (r == 0) {
		n = fread(text, 1, sizeof(text) - 1, in);
		while (n > 0 && isspace((unsigned char)text[n - 1]))
			text[--n] = '\0';
		if (wgkey_parse(text, key) < 0)
			r = err_set(err,
			    "%s: not a private key, which is 44 characters of base64",
			    path);
	}
	explicit_bzero(text, sizeof(text));
	(void)fclose(in); /* only read from */
	return r;
}
