/* SPDX-License-Identifier: MIT */
/*
 * The policy file, meshopt-policy(5): INI; what it does not say keeps its default.
 */
#ifndef OPTIMIZER_POLICY_CONF_H
#define OPTIMIZER_POLICY_CONF_H

#include <stdio.h>

#include "common/err.h"
#include "optimizer/decide/policy.h"

/*
 * On failure *out is untouched and err names file and line.  path NULL or "default":
 * the defaults.
 */
int policy_conf_load(const char *path, struct policy *out, struct err *err);
/* The same from an open stream; name is used in messages only. */
int policy_conf_read(FILE *in, const char *name, struct policy *out, struct err *err);
/* As a file that policy_conf_read() reads again as the same policy. */
void policy_conf_write(const struct policy *policy, FILE *out);

#endif
