/* SPDX-License-Identifier: MIT */
/*
 * The policy file: whatever reads is sound, and is the same after being written and
 * read again.
 * links: optimizer/policy_conf.c optimizer/decide/policy.c optimizer/decide/instance.c
 * links: optimizer/decide/matrix.c
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "optimizer/policy_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static int
read_text(const void *text, size_t len, struct policy *out, struct err *err)
{
	/* fmemopen() writes nothing in mode "r"; of 0 bytes it makes no stream. */
	FILE *f =
	    len ? fmemopen((void *)(uintptr_t)text, len, "r") : fopen("/dev/null", "r");
	int r;

	assert(f);
	r = policy_conf_read(f, "p", out, err);
	(void)fclose(f);
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	struct policy policy, again;
	char text[4096] = "", twice[4096] = "";
	struct err err = { "" };
	FILE *f;

	if (read_text(in, len, &policy, &err) < 0) {
		assert(err.text[0]);
		return 0;
	}
	assert(policy_check(&policy, &err) == 0);
	f = fmemopen(text, sizeof(text), "w");
	policy_conf_write(&policy, f);
	(void)fclose(f);
	assert(read_text(text, strlen(text), &again, &err) == 0);
	f = fmemopen(twice, sizeof(twice), "w");
	policy_conf_write(&again, f);
	(void)fclose(f);
	assert(strcmp(text, twice) == 0);
	return 0;
}
