/* SPDX-License-Identifier: MIT */
/*
 * What a verb is at while it takes its time: one line on standard error if that is a
 * terminal, which goes again before anything else is said.
 */
#ifndef OPTIMIZER_BUSY_H
#define OPTIMIZER_BUSY_H

void busy_begin(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void busy_end(void);

#endif
