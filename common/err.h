/* SPDX-License-Identifier: MIT */
/*
 * One error, in words.  Core code has no log: it fills in a struct err and the edge
 * prints it once.  A message names the thing at fault first ("mesh.conf:12: ...").
 */
#ifndef COMMON_ERR_H
#define COMMON_ERR_H

struct err {
	char text[512];
};

/*
 * Write the message (cut at the end of the buffer) and return -EINVAL, so that a parser
 * can say `return err_set(err, ...)`.  err may be NULL: then nothing is written.
 */
int err_set(struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The same with another errno value, given positive; returns its negative. */
int err_code(struct err *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
