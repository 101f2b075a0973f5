/* SPDX-License-Identifier: MIT */
/*
 * A STAMP sender that shares no line with ours, for stamp.sh:
 *
 * SOURCE SOURCE-PORT TARGET PORT LENGTH COUNT: send COUNT packets of LENGTH bytes, then
 * print how many answers came and, in hexadecimal, the last of them.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct sockaddr_in from = { .sin_family = AF_INET }, to = from;
	int fd = socket(AF_INET, SOCK_DGRAM, 0), answers = 0;
	uint8_t packet[4096] = { 0, 0, 0, 7, 0xe9, 1, 2, 3, 4, 5, 6, 7, 0x80, 1 };
	uint8_t answer[4096];
	ssize_t len = 0;

	if (argc != 7 || inet_pton(AF_INET, argv[1], &from.sin_addr) != 1 ||
	    inet_pton(AF_INET, argv[3], &to.sin_addr) != 1)
		return 2;
	from.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	to.sin_port = htons((uint16_t)strtoul(argv[4], NULL, 10));
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return 1;
	for (long i = 0; i < strtol(argv[6], NULL, 10); i++)
		(void)!write(fd, packet, strtoul(argv[5], NULL, 10));
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, 500) <= 0)
			break;
		len = read(fd, answer, sizeof(answer));
		if (len < 0)
			break;
		answers++;
	}
	printf("%d ", answers);
	for (ssize_t i = 0; i < len; i++)
		printf("%02x", answer[i]);
	printf("\n");
	return 0;
}
