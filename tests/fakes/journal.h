/* SPDX-License-Identifier: MIT */
/*
 * A journal in memory behind optimizer/netd/journal.h, for tests that open it a million
 * times. What was appended survives the death of the program that appended it; writing
 * is a step at which the program can die, see fake_step().
 */
#ifndef TESTS_FAKES_JOURNAL_H
#define TESTS_FAKES_JOURNAL_H

#include "optimizer/netd/journal.h"

#define FAKE_JOURNALS 2
#define FAKE_RECORDS  256 /* then it wants to be written anew */

/* Path "0" is the first, "1" the second. */
void fake_journal_clear(void);

#endif
