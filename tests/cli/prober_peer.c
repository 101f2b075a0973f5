/* SPDX-License-Identifier: MIT */
/*
 * The other ends of a prober, for prober.sh:
 *
 * collect PORT DIR STATUS...: answer the n-th POST with the n-th status, the last for
 * ever; write its report as DIR/n.json.
 *
 * forge 0|1: answer each echo request that comes here once with a changed bit, once
 * from another address, 10.50.1.2, and, if 1, twice as it should be.
 *
 * notify PATH: print the first datagram that comes to this socket.
 *
 * link-local KEY: print the address of that node's direct interface.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"
#include "common/num.h"
#include "common/report_json.h"
#include "common/wgkey.h"

#define REQUEST_MAX 65536 /* bytes: head and body of any report of these tests */

/* One request into buf; returns where its body begins, *len being that of the whole. */
static const char *
read_request(int fd, char *buf, size_t *len)
{
	const char *end = NULL, *length;
	size_t want = REQUEST_MAX - 1;
	ssize_t n;

	*len = 0;
	while (*len < want) {
		n = read(fd, buf + *len, want - *len);
		if (n <= 0)
			return NULL;
		*len += (size_t)n;
		buf[*len] = '\0';
		end = strstr(buf, "\r\n\r\n");
		length = strcasestr(buf, "\r\nContent-Length: ");
		if (end && length)
			want = (size_t)(end - buf) + 4 + strtoul(length + 18, NULL, 10);
	}
	return end ? end + 4 : NULL;
}

static void
save(const char *dir, int number, const char *body, size_t len)
{
	struct report r = { 0 };
	struct err err = { "" };
	char name[512], temporary[520];
	char *json = NULL;
	FILE *out;

	(void)snprintf(name, sizeof(name), "%s/%d.json", dir, number);
	(void)snprintf(temporary, sizeof(temporary), "%s.new", name);
	out = fopen(temporary, "w");
	if (!out)
		log_die("%s: cannot be written", temporary);
	if (report_decode(&r, (const uint8_t *)body, len, &err) == 0)
		json = report_to_json(&r);
	fprintf(out, "%s\n", json ? json : err.text);
	(void)fclose(out);
	(void)rename(temporary, name); /* whole or not there: prober.sh polls for it */
	free(json);
	report_fini(&r);
}

static void
answer(int fd, const char *status)
{
	static const char text[] = "{\"error\": \"told to\"}";
	bool none = strcmp(status, "204") == 0;

	dprintf(fd,
	    "HTTP/1.1 %s x\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n%s",
	    status, none ? 0 : sizeof(text) - 1,
	    strcmp(status, "503") == 0 ? "Retry-After: 1\r\n" : "", none ? "" : text);
}

static void
collect(int argc, char **argv)
{
	static char buf[REQUEST_MAX];
	struct sockaddr_in at = { .sin_family = AF_INET };
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	uint32_t port = 0;

	if (num_u32(argv[0], 1, 65535, &port) < 0)
		log_die("%s: not a port", argv[0]);
	at.sin_port = htons((uint16_t)port);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	(void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(listener, 8) < 0)
		log_die("port %s: cannot listen", argv[0]);
	for (int number = 0;;) {
		int fd = accept(listener, NULL, NULL);
		size_t len;
		const char *body = fd < 0 ? NULL : read_request(fd, buf, &len);

		if (body && !strstr(buf, "POST /api/v1/reports HTTP/1.1\r\n"))
			log_die("not what was agreed: %.60s", buf);
		if (body && !strstr(buf, "\r\nContent-Type: " REPORT_MEDIA_TYPE "\r\n"))
			log_die("wrong Content-Type");
		if (body && strcasestr(buf, "\r\nExpect:"))
			log_die("Expect: was sent");
		if (body) {
			const char *status =
			    argv[number + 2 < argc ? number + 2 : argc - 1];

			save(argv[1], number, body, len - (size_t)(body - buf));
			answer(fd, status);
			number++;
		}
		if (fd >= 0)
			(void)close(fd);
	}
}

static void
notify(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char buf[256];
	ssize_t n;

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		log_die("%s: cannot bind", path);
	n = recv(fd, buf, sizeof(buf), 0);
	printf("%.*s\n", n > 0 ? (int)n : 0, buf);
	(void)close(fd);
}

static uint16_t
checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* An echo reply from one of our addresses, with one byte of it changed. */
static void
reply(const struct in_addr *from, const struct sockaddr_in *to, const uint8_t *request,
    size_t len, uint8_t change)
{
	struct sockaddr_in self = { .sin_family = AF_INET, .sin_addr = *from };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	uint8_t msg[1500];
	uint16_t sum;

	memcpy(msg, request, len);
	msg[0] = msg[2] = msg[3] = 0;
	msg[8] ^= change;
	sum = htons(checksum(msg, len));
	memcpy(msg + 2, &sum, sizeof(sum));
	if (bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0 ||
	    sendto(fd, msg, len, 0, (const struct sockaddr *)to, sizeof(*to)) < 0)
		log_die("reply: cannot be sent");
	(void)close(fd);
}

static void
forge(bool truth)
{
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	struct in_addr self, other;
	struct sockaddr_in from;
	uint8_t packet[1500];

	(void)inet_pton(AF_INET, "10.50.1.2", &other);
	for (;;) {
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(fd, packet, sizeof(packet), 0,
		    (struct sockaddr *)&from, &from_len);

		if (n < 20 + 8 || packet[20] != 8)
			continue;
		memcpy(&self, packet + 16, sizeof(self));
		reply(&self, &from, packet + 20, (size_t)n - 20, 1);
		reply(&other, &from, packet + 20, (size_t)n - 20, 0);
		for (int i = 0; truth && i < 2; i++)
			reply(&self, &from, packet + 20, (size_t)n - 20, 0);
	}
}

static void
link_local(const char *text)
{
	struct wgkey key;
	char out[ADDR_TEXT_MAX];
	struct addr a;

	if (wgkey_parse(text, &key) < 0)
		log_die("%s: not a key", text);
	a = wgkey_link_local(&key);
	addr_format(&a, out);
	puts(out);
}

int
main(int argc, char **argv)
{
	log_init("prober_peer", false);
	(void)signal(SIGPIPE, SIG_IGN);
	if (argc >= 5 && strcmp(argv[1], "collect") == 0)
		collect(argc - 2, argv + 2);
	else if (argc == 3 && strcmp(argv[1], "notify") == 0)
		notify(argv[2]);
	else if (argc == 3 && strcmp(argv[1], "forge") == 0)
		forge(strcmp(argv[2], "1") == 0);
	else if (argc == 3 && strcmp(argv[1], "link-local") == 0)
		link_local(argv[2]);
	else
		return 2;
	return 0;
}
