/* SPDX-License-Identifier: MIT */
#include "prober/method.h"

#include <stdlib.h>
#include <string.h>

bool
method_is_policed(const struct report_row *icmp, const struct report_row *stamp)
{
	return icmp->lost >= METHOD_LOST && stamp->sent > 0 &&
	       (uint64_t)icmp->lost * stamp->sent >
		   METHOD_TIMES * (uint64_t)stamp->lost * icmp->sent;
}

static struct report_row *
find(const struct report *r, size_t n, const struct report_row *like)
{
	for (size_t i = 0; i < n; i++)
		if (r->rows[i].path == like->path &&
		    strcmp(r->rows[i].peer, like->peer) == 0)
			return &r->rows[i];
	return NULL;
}

static void
move(struct report_row *to, struct report_row *from)
{
	sketch_fini(&to->rtt);
	*to = *from;
	from->rtt = (struct sketch){ 0 }; /* it has a new owner */
}

void
method_merge(struct report *r, struct report *stamp, method_cb *cb, void *ctx)
{
	size_t n_icmp = r->n_rows;

	for (size_t i = 0; i < stamp->n_rows; i++) {
		struct report_row *from = &stamp->rows[i];
		struct report_row *icmp = find(r, n_icmp, from);
		bool policed = icmp && method_is_policed(icmp, from);

		if (icmp && from->sent > 0 && icmp->sent > 0)
			cb(icmp, policed, ctx);
		if (!icmp)
			move(report_add(r), from);
		else if (policed || icmp->sent == 0)
			move(icmp, from);
	}
	if (stamp->n_rows > 0 && stamp->stamp < r->stamp)
		r->stamp = stamp->stamp;
	if (n_icmp == 0 && stamp->n_rows > 0)
		r->stamp = stamp->stamp;
	r->spoofed += stamp->spoofed;
	r->local_drop += stamp->local_drop;
	report_fini(stamp);
}
