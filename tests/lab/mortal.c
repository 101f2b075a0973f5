/* SPDX-License-Identifier: MIT */
/*
 * meshopt-agent as it is, but for its death: with MORTAL="HALF N" in its environment,
 * HALF, which is agent, netd or both, is killed (-9) at netd's Nth step; see steps.h.
 * With "HALF WHEN, ARROW" at the first of these.  What was going on is said on stderr
 * just before, in the same words:
 *
 *	mortal: netd killed before a change, commit
 *
 * Without MORTAL nothing happens to it.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "optimizer/netd/keeper_core.h"
#include "tests/lab/steps.h"

int __real_keeper_note(struct keeper *k, uint32_t node, unsigned doing);
int __wrap_keeper_note(struct keeper *k, uint32_t node, unsigned doing);

static unsigned steps, doing_now, doing_before;

int
__wrap_keeper_note(struct keeper *k, uint32_t node, unsigned doing)
{
	int rc;

	doing_before = doing_now;
	doing_now = doing;
	rc = __real_keeper_note(k, node, doing);
	doing_before = doing;
	return rc;
}

/* The arrow; its last record is still of it. */
static const char *
arrow(void)
{
	switch (doing_now ? doing_now : doing_before) {
	case NETD_STAGE:
		return "stage";
	case NETD_LEASE:
		return "lease";
	case NETD_COMMIT:
		return "commit";
	case NETD_WITHDRAW:
		return "withdraw";
	case NETD_UNSTAGE:
		return "unstage";
	default:
		return "between arrows";
	}
}

static bool
is_the_step(const char *wish, const char *now)
{
	char *end;
	unsigned long n = strtoul(wish, &end, 10);

	return end != wish ? n == steps : strcmp(wish, now) == 0;
}

void
step(const char *when)
{
	static bool is_dead; /* the other half, and this one lives on for a while */
	const char *wish = getenv("MORTAL");
	char half[8], now[64];
	int at = 0;

	steps++;
	(void)snprintf(now, sizeof(now), "%s, %s", when, arrow());
	if (is_dead || !wish || sscanf(wish, "%7s %n", half, &at) != 1 ||
	    !is_the_step(wish + at, now))
		return;
	is_dead = true;
	fprintf(stderr, "mortal: %s killed %s\n", half, now);
	if (strcmp(half, "netd") != 0)
		(void)kill(getppid(), SIGKILL); /* the other half, our parent */
	if (strcmp(half, "agent") != 0)
		(void)kill(getpid(), SIGKILL); /* does not return */
}
