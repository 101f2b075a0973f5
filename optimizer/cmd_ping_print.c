/* SPDX-License-Identifier: MIT */
#include "optimizer/cmd_ping_print.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "optimizer/table.h"

/* What stands for a path that does not answer. */
static void
why(const struct ping_target *t, char *text, size_t size)
{
	*text = '\0';
	if (t->answered)
		return;
	if (t->icmp_type)
		(void)snprintf(text, size, "ICMP type %u code %u", t->icmp_type,
		    t->icmp_code);
	else if (t->error)
		(void)snprintf(text, size, "%s", strerror(t->error));
	else
		(void)snprintf(text, size, "no answer");
}

static long long
to_us(int64_t ns)
{
	return ns < 0 ? -1 : (ns + NS_PER_US / 2) / NS_PER_US;
}

void
cmd_ping_print_table(const struct ping_target *targets, size_t n, bool csv)
{
	const int decimals = 3;
	struct table *t = table_new(
	    csv ? "node|path|method|address|sent|answered|min_ms|p50_ms|p95_ms|max_ms|"
		  "jitter_ms|ttl|mtu|fault"
		: "<node|<path|<method|<address|sent|answered|min ms|p50 ms|p95 ms|max "
		  "ms|jitter ms|ttl|mtu|<fault");

	for (size_t i = 0; i < n; i++) {
		const struct ping_target *p = &targets[i];
		char text[ADDR_TEXT_MAX], fault[80];

		addr_format(&p->addr, text);
		why(p, fault, sizeof(fault));
		table_text(t, p->name);
		table_text(t, p->what);
		table_text(t, p->method == PING_ICMP ? "icmp" : "stamp");
		table_text(t, text);
		table_printf(t, "%u", p->sent);
		table_printf(t, "%u", p->answered);
		table_ms(t, to_us(ping_quantile_ns(p, 0)), decimals);
		table_ms(t, to_us(ping_quantile_ns(p, .5)), decimals);
		table_ms(t, to_us(ping_quantile_ns(p, .95)), decimals);
		table_ms(t, to_us(ping_quantile_ns(p, 1)), decimals);
		table_ms(t, p->answered ? to_us(p->jitter_ns) : -1, decimals);
		if (p->ttl)
			table_printf(t, "%u", p->ttl);
		else
			table_empty(t);
		if (p->mtu)
			table_printf(t, "%u", p->mtu);
		else
			table_empty(t);
		table_text(t, fault);
	}
	if (csv)
		table_print_csv(t, stdout);
	else
		table_print(t, stdout);
	table_free(t);
}

static json_t *
ms(int64_t ns)
{
	return ns < 0 ? json_null() : json_real((double)ns / 1e6);
}

static json_t *
number(uint32_t v)
{
	return v ? json_integer(v) : json_null();
}

void
cmd_ping_print_json(const struct ping_target *targets, size_t n)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++) {
		const struct ping_target *p = &targets[i];
		char text[ADDR_TEXT_MAX], fault[80];
		json_t *o = json_object();

		addr_format(&p->addr, text);
		why(p, fault, sizeof(fault));
		json_object_set_new(o, "node", json_string(p->name));
		json_object_set_new(o, "path", json_string(p->what));
		json_object_set_new(o, "method",
		    json_string(p->method == PING_ICMP ? "icmp" : "stamp"));
		json_object_set_new(o, "address", json_string(text));
		json_object_set_new(o, "sent", json_integer(p->sent));
		json_object_set_new(o, "answered", json_integer(p->answered));
		json_object_set_new(o, "duplicate", json_integer(p->duplicate));
		json_object_set_new(o, "min_ms", ms(ping_quantile_ns(p, 0)));
		json_object_set_new(o, "p50_ms", ms(ping_quantile_ns(p, .5)));
		json_object_set_new(o, "p95_ms", ms(ping_quantile_ns(p, .95)));
		json_object_set_new(o, "max_ms", ms(ping_quantile_ns(p, 1)));
		json_object_set_new(o, "jitter_ms",
		    p->answered ? ms(p->jitter_ns) : json_null());
		json_object_set_new(o, "ttl", number(p->ttl));
		json_object_set_new(o, "mtu", number(p->mtu));
		json_object_set_new(o, "fault",
		    *fault ? json_string(fault) : json_null());
		json_array_append_new(all, o);
	}
	json_dumpf(all, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
	printf("\n");
	json_decref(all);
}
