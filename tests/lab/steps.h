/* SPDX-License-Identifier: MIT */
/*
 * Where netd can be killed: the moments before and after a record of the journal is on
 * disk, and before and after a change has been sent to the kernel and answered.  For
 * programs that are linked with -Wl,--wrap=fdatasync -Wl,--wrap=kernel_nl_change.
 */
#ifndef TESTS_LAB_STEPS_H
#define TESTS_LAB_STEPS_H

/* The program's own: called at each of these moments, which `when` names. */
void step(const char *when);

#endif
