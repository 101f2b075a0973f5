/* SPDX-License-Identifier: MIT */
/*
 * For tests: a plan key of its own, and what it signs.
 *	sign		prints the PlanKey
 *	sign <PAYLOAD	prints the envelope, with any argument
 * Another SEED in the environment is another key.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/signed.h"

int
main(int argc, char **argv)
{
	static uint8_t payload[65536];
	char text[WGKEY_TEXT_MAX];
	struct signed_key key;
	struct wgkey seed;
	uint8_t *out;
	size_t len;

	(void)argv;
	memset(seed.b, getenv("SEED") ? getenv("SEED")[0] : 7, sizeof(seed.b));
	wgkey_format(&seed, text);
	if (signed_key_parse(text, &key) < 0)
		return 1;
	if (argc == 1) {
		wgkey_format(&key.public_key, text);
		return puts(text) < 0;
	}
	len = fread(payload, 1, sizeof(payload), stdin);
	if (signed_seal(&key, payload, len, &out, &len) < 0)
		return 1;
	len = fwrite(out, len, 1, stdout);
	free(out);
	return len != 1;
}
