/* SPDX-License-Identifier: MIT */
/*
 * getaddrinfo_a(3) has its threads in the C library and leaves our loop alone; it is
 * asked for results rather than let it call us.  Its request must not move and lives
 * until it is done, so each is an allocation of its own.
 */
#include "common/names.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"

#define REFRESH_NS   (300 * NS_PER_S)
#define RETRY_MIN_NS (10 * NS_PER_S)
#define RETRY_MAX_NS (300 * NS_PER_S)
#define LOOKUPS_MAX  16u /* at once; the C library runs as many threads */

struct lookup {
	struct gaicb cb;
	struct addrinfo hints;
	char host[ENDPOINT_HOST_MAX];
};

struct entry {
	char host[ENDPOINT_HOST_MAX];
	struct addr addr; /* family 0: not known yet */
	struct mono due;
	int64_t retry_ns;
	struct lookup *running; /* NULL = none */
	bool failing;		/* and it has been said */
};

struct names {
	struct entry *entries;
	size_t n;
	size_t running;
};

struct names *
names_new(void)
{
	return mem_alloc(sizeof(struct names));
}

/* The C library may still write to what cannot be cancelled: it is left to it. */
static void
give_up(struct names *n, struct entry *e)
{
	if (!e->running)
		return;
	n->running--;
	if (gai_cancel(&e->running->cb) != EAI_NOTCANCELED) {
		if (e->running->cb.ar_result)
			freeaddrinfo(e->running->cb.ar_result);
		free(e->running);
	}
	e->running = NULL;
}

void
names_free(struct names *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->n; i++)
		give_up(n, &n->entries[i]);
	free(n->entries);
	free(n);
}

static struct entry *
find(const struct names *n, const char *host)
{
	for (size_t i = 0; i < n->n; i++)
		if (strcmp(n->entries[i].host, host) == 0)
			return &n->entries[i];
	return NULL;
}

void
names_want(struct names *n, const char *const *hosts, size_t count)
{
	struct names fresh = { .entries = mem_array(count, sizeof(*fresh.entries)) };

	for (size_t i = 0; i < count; i++) {
		struct entry *old = find(n, hosts[i]), *e;

		if (find(&fresh, hosts[i]))
			continue; /* two nodes may share a name */
		e = &fresh.entries[fresh.n++];
		if (old) {
			*e = *old;
			old->running = NULL;
		} else {
			(void)strncpy(e->host, hosts[i], sizeof(e->host) - 1);
		}
		e->due.ns = 0;
		e->retry_ns = RETRY_MIN_NS;
		fresh.running += e->running != NULL;
	}
	for (size_t i = 0; i < n->n; i++)
		give_up(n, &n->entries[i]);
	free(n->entries);
	*n = fresh;
}

static void
start(struct names *n, struct entry *e, struct mono now)
{
	struct lookup *l = mem_alloc(sizeof(*l));
	struct gaicb *list[1] = { &l->cb };

	memcpy(l->host, e->host, sizeof(l->host));
	l->hints.ai_flags = AI_ADDRCONFIG;
	l->hints.ai_socktype = SOCK_DGRAM;
	l->cb.ar_name = l->host;
	l->cb.ar_request = &l->hints;
	e->due = mono_add(now, RETRY_MIN_NS);
	if (getaddrinfo_a(GAI_NOWAIT, list, 1, NULL) != 0) {
		free(l); /* no thread to be had: later */
		return;
	}
	e->running = l;
	n->running++;
}

static void
failed(struct entry *e, int code, struct mono now)
{
	e->due = mono_add(now, e->retry_ns);
	if (e->retry_ns < RETRY_MAX_NS)
		e->retry_ns *= 2;
	if (e->failing)
		return;
	e->failing = true;
	log_warnx("%s: %s; %s", e->host, gai_strerror(code),
	    e->addr.family ? "its last address is kept"
			   : "its public path is not probed until it is found");
}

/* True if the address is another one. */
static bool
found(struct entry *e, const struct addr *addr, struct mono now)
{
	char text[ADDR_TEXT_MAX];
	bool moved = !addr_equal(&e->addr, addr);

	addr_format(addr, text);
	if (e->failing || (moved && e->addr.family))
		log_info("%s: is %s", e->host, text);
	e->failing = false;
	e->addr = *addr;
	e->retry_ns = RETRY_MIN_NS;
	e->due = mono_add(now, REFRESH_NS);
	return moved;
}

/* Of the addresses found: the one we have, if it is among them, else the first, as
 * WireGuard takes it.  A name with several must not move about. */
static struct addr
choose(const struct addrinfo *list, const struct addr *have)
{
	struct addr first = { 0 }, a;

	for (; list; list = list->ai_next) {
		if (!addr_from_sockaddr(list->ai_addr, &a))
			continue;
		if (addr_equal(&a, have))
			return a;
		if (!first.family)
			first = a;
	}
	return first;
}

static bool
collect(struct names *n, struct entry *e, struct mono now)
{
	struct lookup *l = e->running;
	int code = gai_error(&l->cb);
	struct addr addr = { 0 };

	if (code == EAI_INPROGRESS)
		return false;
	e->running = NULL;
	n->running--;
	if (code == 0) {
		addr = choose(l->cb.ar_result, &e->addr);
		freeaddrinfo(l->cb.ar_result);
	}
	free(l);
	if (addr.family)
		return found(e, &addr, now);
	failed(e, code ? code : EAI_NONAME, now);
	return false;
}

bool
names_poll(struct names *n, struct mono now)
{
	bool changed = false;

	for (size_t i = 0; i < n->n; i++) {
		struct entry *e = &n->entries[i];

		if (e->running)
			changed |= collect(n, e, now);
		else if (mono_diff(now, e->due) >= 0 && n->running < LOOKUPS_MAX)
			start(n, e, now);
	}
	return changed;
}

bool
names_find(const struct names *n, const char *host, struct addr *out)
{
	const struct entry *e = find(n, host);

	if (!e || !e->addr.family)
		return false;
	*out = e->addr;
	return true;
}
