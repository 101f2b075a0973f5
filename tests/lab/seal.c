/* SPDX-License-Identifier: MIT */
/*
 * seal KEYFILE <payload >envelope: signs a plan for the scenarios that must say exactly
 * what is asked for and when, which the publisher does not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/signed.h"

int
main(int argc, char **argv)
{
	static uint8_t payload[1 << 20];
	char text[WGKEY_TEXT_MAX] = "";
	struct signed_key key;
	FILE *in = argc == 2 ? fopen(argv[1], "r") : NULL;
	uint8_t *out;
	size_t len, out_len;

	if (!in || !fgets(text, sizeof(text), in) || signed_key_parse(text, &key) < 0) {
		fprintf(stderr, "usage: seal KEYFILE <payload >envelope\n");
		return 2;
	}
	fclose(in);
	len = fread(payload, 1, sizeof(payload), stdin);
	if (signed_seal(&key, payload, len, &out, &out_len) < 0 ||
	    fwrite(out, 1, out_len, stdout) != out_len)
		return 1;
	free(out);
	return 0;
}
