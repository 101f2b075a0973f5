/* SPDX-License-Identifier: MIT */
/*
 * Both ends of STAMP for the bench, as they ship.
 *
 * stamp reflect PORT ADDRESS: answers that address.  "ready" on stderr when it does.
 * stamp send ADDRESS PORT COUNT: sends as many requests, one each 5 ms, on a tick of
 * 20, and prints the RTT of each in us, -1 for one that is lost.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "common/num.h"
#include "common/stamp_reflector.h"
#include "common/stamp_sender.h"

#define TICK_NS	   (20 * NS_PER_MS)
#define PER_TICK   4
#define TIMEOUT_NS NS_PER_S

static uint32_t
number(const char *text)
{
	uint32_t n;

	if (num_u32(text, 1, 1000000, &n) < 0)
		log_die("%s: not a number", text);
	return n;
}

static void
reflect(const char *port, const char *address)
{
	struct stamp_reflector *r = NULL;
	struct pollfd polls[2];
	int fds[2];
	struct addr a;
	struct err err;
	size_t n;

	if (addr_parse(address, &a) < 0)
		log_die("%s: not an address", address);
	if (stamp_reflector_new((uint16_t)number(port), NULL, &r, &err) < 0)
		log_die("%s", err.text);
	stamp_reflector_roster(r, &a, 1);
	n = stamp_reflector_fds(r, fds);
	fputs("ready\n", stderr);
	for (;;) {
		for (size_t i = 0; i < n; i++)
			polls[i] = (struct pollfd){ fds[i], POLLIN, 0 };
		(void)poll(polls, n, -1); /* serve looks for itself */
		stamp_reflector_serve(r, clock_mono());
	}
}

static void
on_result(const struct pinger_result *r, void *ctx)
{
	(void)ctx;
	if (r->fate == PINGER_ANSWERED || r->fate == PINGER_LOST)
		printf("%.3f\n",
		    r->rtt_ns > 0 ? (double)r->rtt_ns / (double)NS_PER_US : -1.);
}

static void
send_all(const char *address, const char *port, uint32_t count)
{
	struct stamp_sender_opts opts = { .timeout_ns = TIMEOUT_NS,
		.port = (uint16_t)number(port) };
	struct stamp_probe probe = { 0 };
	struct stamp_sender *s = NULL;
	struct err err;
	uint64_t seq;

	if (addr_parse(address, &probe.to) < 0)
		log_die("%s: not an address", address);
	if (stamp_sender_new(&opts, &s, &err) < 0)
		log_die("%s", err.text);
	for (uint32_t sent = 0; sent < count || stamp_sender_drain(s, clock_mono(),
						    on_result, NULL) > 0;) {
		for (int i = 0; i < PER_TICK && sent < count; i++, sent++)
			if (stamp_sender_send(s, &probe, clock_mono(), &seq) < 0)
				log_die("%s: cannot be sent to", address);
		(void)nanosleep(&(struct timespec){ 0, TICK_NS }, NULL);
		(void)stamp_sender_drain(s, clock_mono(), on_result, NULL);
	}
	stamp_sender_free(s);
}

int
main(int argc, char **argv)
{
	log_init("stamp", false);
	if (argc == 4 && strcmp(argv[1], "reflect") == 0)
		reflect(argv[2], argv[3]);
	else if (argc == 5 && strcmp(argv[1], "send") == 0)
		send_all(argv[2], argv[3], number(argv[4]));
	else
		return 2;
	return 0;
}
