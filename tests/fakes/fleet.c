/* SPDX-License-Identifier: MIT */
#include "tests/fakes/fleet.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NETD_NS	   (2 * NS_PER_MS) /* until netd answers */
#define LOST_NS	   PAIR_PROBE_TIMEOUT
#define FRESH_NS   (3600 * NS_PER_S)
#define SESSION_NS (120 * NS_PER_S) /* WireGuard shakes hands again */

/* The hub is dub; hkg relays.  nrt is behind NAT. */
static const char mesh_text[] =
    "[Mesh]\n"
    "Name = edgeproxy\n"
    "[Node]\n"
    "Name = dub\nRole = hub\nAddress = 10.50.0.1/24\nAllowedIPs = 10.50.0.0/16\n"
    "PublicKey = bzM6rw/efq+75VGhBgkCRChDnKfFlXQY560ejhvKCQY=\n"
    "Endpoint = 54.171.48.207:51820\n"
    "[Node]\n"
    "Name = hkg\nRole = pop\nAddress = 10.50.5.1/24\nRelay = yes\n"
    "PublicKey = GxuSsvO9/raKe5WctZQfX5tkHOrTf0PLJWmHEzrw1Go=\n"
    "Endpoint = 35.241.112.61:51820\n"
    "[Node]\n"
    "Name = nrt\nRole = backend\nAddress = 10.50.4.1/24\n"
    "PublicKey = 9ZK9FzSzihxrRX9gktc99Oj0WFSJMa0mf33pP2LJ/lU=\n"
    "[Node]\n"
    "Name = sin\nRole = backend\nAddress = 10.50.4.2/24\n"
    "PublicKey = gcwoqaT950PGW1ZaUEV75VEV7HOdyYT5rwdYOUBQzR0=\n"
    "Endpoint = 198.51.100.7:51820\n";

static const int64_t rtt_ms[4][4] = {
	{ 0, 205, 287, 203 },
	{ 205, 0, 49, 38 },
	{ 287, 49, 0, 70 },
	{ 203, 38, 70, 0 },
};

static struct mesh *
read_mesh(void)
{
	FILE *in = tmpfile();
	struct mesh *mesh = NULL;
	struct err err;

	if (!in || fputs(mesh_text, in) < 0)
		abort();
	rewind(in);
	if (mesh_read(in, "fleet", &mesh, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	(void)fclose(in); /* a temporary file */
	return mesh;
}

void
fleet_init(struct fleet *f)
{
	*f = (struct fleet){ .now = { 1000 * NS_PER_S } };
	f->mesh = read_mesh();
	f->n = f->mesh->n_nodes;
	for (size_t i = 0; i < f->n; i++) {
		for (size_t j = 0; j < f->n; j++)
			f->rtt_us[i][j] = rtt_ms[i][j] * US_PER_MS;
		f->node[i].tokens = 1000000;
	}
	for (size_t i = 1; i < f->n; i++)
		fleet_start(f, i);
}

void
fleet_place(struct fleet *f)
{
	f->mesh->in_place = true;
	for (size_t i = 1; i < f->n; i++)
		fleet_start(f, i);
}

void
fleet_fini(struct fleet *f)
{
	for (size_t i = 0; i < f->n; i++)
		core_free(f->node[i].core);
	mesh_free(f->mesh);
}

void
fleet_kill(struct fleet *f, size_t i)
{
	core_free(f->node[i].core);
	f->node[i].core = NULL;
	f->node[i].alive = f->node[i].asked = false;
	for (size_t k = 0; k < f->n_flights;) {
		if (f->flight[k].node == i)
			f->flight[k] = f->flight[--f->n_flights];
		else
			k++;
	}
}

void
fleet_start(struct fleet *f, size_t i)
{
	fleet_kill(f, i);
	/* netd takes back what was not committed. */
	for (size_t j = 0; f->mesh->in_place && j < f->n; j++) {
		if (f->node[i].to[j].route == WAY_LEASE_ROUTE)
			f->node[i].to[j].route = WAY_NO_ROUTE;
	}
	f->node[i].core = core_new(&(struct core_opts){ .mesh = f->mesh,
				       .self = i,
				       .full_bytes = 1372,
				       .once = f->once },
	    f->now);
	f->node[i].alive = true;
	f->node[i].wake = f->now;
}

void
fleet_wish_one(struct fleet *f, size_t a, size_t b, enum way_path path, size_t via)
{
	struct way_wish wishes[FLEET_MAX];

	if (!f->node[a].alive)
		return;
	for (size_t i = 0; i < f->n; i++)
		wishes[i] = core_way(f->node[a].core, i)->wish;
	wishes[b] = (struct way_wish){ .path = path,
		.via = via,
		.promise_us = path == WAY_BY_RELAY
				  ? f->rtt_us[a][via] + f->rtt_us[via][b]
				  : f->rtt_us[a][b],
		.hub_us = f->rtt_us[a][0] + f->rtt_us[0][b] };
	core_want(f->node[a].core, wishes, mono_add(f->now, FRESH_NS), f->now);
	f->node[a].wake = f->now;
}

void
fleet_wish(struct fleet *f, size_t a, size_t b, enum way_path path, size_t via)
{
	fleet_wish_one(f, a, b, path, via);
	fleet_wish_one(f, b, a, path, via);
}

void
fleet_cut(struct fleet *f, size_t a, size_t b, bool cut)
{
	f->cut[a][b] = f->cut[b][a] = cut;
}

void
fleet_stream(struct fleet *f, size_t a, size_t b)
{
	f->streaming = true;
	f->a = a;
	f->b = b;
	f->sent = f->lost = 0;
	f->first_lost.ns = f->last_lost.ns = 0;
	f->next_packet = f->now;
}

void
fleet_hush(struct fleet *f)
{
	f->streaming = false;
}

/* --- the network --- */

static bool
leg(const struct fleet *f, size_t a, size_t b, int64_t *rtt_us)
{
	*rtt_us += f->rtt_us[a][b];
	return !f->cut[a][b];
}

/* Does b's kernel take a packet of a's from the tunnel to `from`? */
static bool
accepts(const struct fleet *f, size_t b, size_t a, size_t from)
{
	const struct fleet_table *t = &f->node[b].to[a];

	if (f->deaf[b])
		return false;
	return t->staged == WAY_BY_TUNNEL ? from == a
					  : t->staged == WAY_BY_RELAY && from == t->via;
}

static bool
tunnel(const struct fleet *f, size_t a, size_t b, int64_t *rtt_us)
{
	return f->node[b].to[a].staged == WAY_BY_TUNNEL && leg(f, a, b, rtt_us);
}

/* By what a has staged for b, whether routed or not. */
static bool
staged_way(const struct fleet *f, size_t a, size_t b, int64_t *rtt_us)
{
	const struct fleet_table *t = &f->node[a].to[b];
	size_t r = t->via;

	if (t->staged == WAY_BY_TUNNEL)
		return tunnel(f, a, b, rtt_us) && accepts(f, b, a, a);
	if (t->staged != WAY_BY_RELAY || !tunnel(f, a, r, rtt_us) ||
	    !accepts(f, r, a, a))
		return false;
	/* The relay forwards as it would send itself. */
	if (f->node[r].to[b].route)
		return tunnel(f, r, b, rtt_us) && accepts(f, b, a, r);
	return leg(f, r, 0, rtt_us) && leg(f, 0, b, rtt_us);
}

bool
fleet_arrives(const struct fleet *f, size_t a, size_t b, int64_t *rtt_us)
{
	int64_t us = 0;

	if (!rtt_us)
		rtt_us = &us;
	/* A prefix is with one peer: sent and taken by the same way, or not at all. */
	if (f->mesh->in_place && !f->node[a].to[b].route != !f->node[b].to[a].route)
		return false;
	if (f->node[a].to[b].route)
		return staged_way(f, a, b, rtt_us);
	return leg(f, a, 0, rtt_us) && leg(f, 0, b, rtt_us);
}

enum way_state
fleet_state(const struct fleet *f, size_t a, size_t b)
{
	return way_state(core_way(f->node[a].core, b));
}

/* Hands are shaken when both ends are there, and again as long as they are. */
static void
shake(struct fleet *f, size_t a, size_t b)
{
	struct fleet_table *t = &f->node[a].to[b];
	int64_t us = 0;

	if (t->staged != WAY_BY_TUNNEL || !tunnel(f, a, b, &us) ||
	    !tunnel(f, b, a, &us))
		return;
	if (t->shaken.ns == 0 || mono_diff(f->now, t->shaken) >= SESSION_NS)
		t->shaken = f->now;
}

/* --- probes --- */

/* There and back in the tunnel of the two, counted by those who receive. */
static bool
in_tunnel(struct fleet *f, size_t a, size_t b, int64_t *there, int64_t *back)
{
	if (f->node[a].to[b].staged != WAY_BY_TUNNEL || !tunnel(f, a, b, there))
		return false;
	f->node[b].to[a].rx_bytes += 144;
	if (!tunnel(f, b, a, back))
		return false;
	f->node[a].to[b].rx_bytes += 144;
	return true;
}

/* xorshift64: Marsaglia 2003. */
static bool
drops(struct fleet *f)
{
	if (!f->drops_permille)
		return false;
	f->dice ^= f->dice << 13;
	f->dice ^= f->dice >> 7;
	f->dice ^= f->dice << 17;
	return f->dice % 1000 < f->drops_permille;
}

/* Half of the way there and half of the way back. */
static int64_t
echo_us(struct fleet *f, size_t a, const struct core_probe *p)
{
	int64_t there = 0, back = 0;
	size_t b = p->node;
	bool ok;

	if (p->kind == CORE_FULL && f->eats_full)
		return -1;
	if (p->kind == CORE_FAR)
		ok = !f->mute_by_hub[b] && leg(f, a, 0, &there) &&
		     leg(f, 0, b, &there) && fleet_arrives(f, b, a, &back);
	else if (b == 0)
		ok = leg(f, a, 0, &there) && leg(f, 0, a, &back);
	else if (p->link_local)
		ok = in_tunnel(f, a, b, &there, &back) && !drops(f);
	else if (f->mesh->in_place)
		ok = fleet_arrives(f, a, b, &there) && fleet_arrives(f, b, a, &back);
	else
		ok = staged_way(f, a, b, &there) && fleet_arrives(f, b, a, &back);
	return ok ? (there + back) / 2 : -1;
}

static void
send_probes(struct fleet *f, size_t i)
{
	struct core_probe p;

	while (core_probe(f->node[i].core, &p, f->now)) {
		int64_t us = echo_us(f, i, &p);

		assert(f->n_flights < FLEET_FLIGHTS);
		f->flight[f->n_flights++] = (struct fleet_flight){
			mono_add(f->now, us < 0 ? LOST_NS : us * NS_PER_US), i, p.slot,
			++f->seq, us, p.node == 0 || !f->node[p.node].to[i].route
		};
		core_sent(f->node[i].core, &p, 0, f->seq, f->now);
	}
}

static void
land(struct fleet *f)
{
	for (size_t k = 0; k < f->n_flights;) {
		struct fleet_flight *p = &f->flight[k];

		if (p->due.ns > f->now.ns) {
			k++;
			continue;
		}
		f->node[p->node].wake = f->now;
		if (p->rtt_us < 0)
			core_lost(f->node[p->node].core, p->slot, p->seq);
		else
			core_answer(f->node[p->node].core, p->slot, p->seq, p->rtt_us,
			    p->by_hub);
		*p = f->flight[--f->n_flights];
	}
}

static void
say(struct fleet *f, size_t i)
{
	struct core_word word;

	while (core_word(f->node[i].core, &word, f->now)) {
		int64_t us = 0;

		if (f->mute || !in_tunnel(f, i, word.node, &us, &us))
			continue;
		assert(f->n_words < FLEET_WORDS_MAX);
		f->words[f->n_words++] =
		    (struct fleet_word){ mono_add(f->now,
					     f->rtt_us[i][word.node] * NS_PER_US / 2),
			    i, word.node, word };
	}
}

static void
hear_words(struct fleet *f)
{
	for (size_t k = 0; k < f->n_words;) {
		struct fleet_word *p = &f->words[k];

		if (p->due.ns > f->now.ns) {
			k++;
			continue;
		}
		p->word.node = p->from;
		if (f->node[p->to].alive)
			core_heard(f->node[p->to].core, &p->word, f->now);
		f->node[p->to].wake = f->now;
		*p = f->words[--f->n_words];
	}
}

/* --- netd --- */

static void
look(struct fleet *f, size_t i)
{
	struct way_seen seen[FLEET_MAX];
	struct core_self self = { .frozen = f->node[i].frozen,
		.tokens = f->node[i].tokens };

	for (size_t j = 0; j < f->n; j++) {
		const struct fleet_table *t = &f->node[i].to[j];
		const struct fleet_table *carrier =
		    t->staged == WAY_BY_RELAY ? &f->node[i].to[t->via] : t;

		seen[j] = (struct way_seen){ .staged = t->staged,
			.route = t->route,
			.via = t->via,
			.foreign = t->foreign,
			.there = t->there,
			.rx_bytes = t->staged == WAY_BY_TUNNEL ? t->rx_bytes : 0,
			.handshake_age_ns = carrier->shaken.ns
						? mono_diff(f->now, carrier->shaken)
						: -1 };
	}
	core_saw(f->node[i].core, seen, &self, f->now);
}

static int
obey(struct fleet *f, size_t i)
{
	const struct core_ask *ask = &f->node[i].ask;
	struct fleet_table *t = &f->node[i].to[ask->node];
	bool towards = ask->verb == CORE_STAGE || ask->verb == CORE_COMMIT ||
		       ask->verb == CORE_LEASE;

	if (towards && (f->netd_rc || f->node[i].frozen))
		return f->netd_rc ? f->netd_rc : -EROFS;
	if (ask->verb == CORE_WITHDRAW && f->withdraw_rc)
		return f->withdraw_rc;
	if (ask->verb == CORE_LEASE && f->refuses[i])
		return -EIO;
	f->node[i].changes++;
	switch (ask->verb) {
	case CORE_STAGE:
		/* Never moved under a route: netd refuses. */
		assert(t->route == WAY_NO_ROUTE);
		t->staged = ask->via == SIZE_MAX ? WAY_BY_TUNNEL : WAY_BY_RELAY;
		t->via = ask->via == SIZE_MAX ? 0 : ask->via;
		t->shaken.ns = 0;
		break;
	case CORE_LEASE:
		if (t->route == WAY_NO_ROUTE && !ask->emergency) {
			if (f->node[i].tokens == 0)
				return -EBUSY;
			f->node[i].tokens--;
		}
		if (t->route == WAY_NO_ROUTE)
			t->urgent = ask->emergency;
		if (t->route != WAY_FIRM_ROUTE)
			t->route = WAY_LEASE_ROUTE;
		t->until = mono_add(f->now,
		    (f->mesh->in_place ? WAY_PLACE_LEASE_S : WAY_LEASE_S) * NS_PER_S);
		break;
	case CORE_COMMIT:
		if (t->urgent && f->node[i].tokens == 0)
			return -EBUSY;
		f->node[i].tokens -= t->urgent;
		t->urgent = false;
		t->route = WAY_FIRM_ROUTE;
		break;
	case CORE_WITHDRAW:
		t->route = WAY_NO_ROUTE;
		break;
	case CORE_UNSTAGE:
		assert(t->route == WAY_NO_ROUTE);
		t->staged = WAY_BY_HUB;
		t->shaken.ns = 0;
		break;
	case CORE_REFLECT:
		f->node[i].changes--; /* touches no pair */
		t->there = true;
		break;
	case CORE_ADOPT:
		t->foreign = false;
		break;
	case CORE_LOOK:
		break;
	}
	return 0;
}

static void
serve(struct fleet *f, size_t i)
{
	struct fleet_node *n = &f->node[i];
	int rc;

	if (n->asked && n->answer_at.ns <= f->now.ns) {
		n->asked = false;
		if (n->ask.verb == CORE_LOOK) {
			look(f, i);
			core_told(n->core, 0, "", f->now);
		} else {
			rc = obey(f, i);
			core_told(n->core, rc, rc < 0 ? "refused" : "", f->now);
		}
	}
	if (!n->asked && core_ask(n->core, &n->ask, f->now)) {
		n->asked = true;
		n->answer_at = mono_add(f->now, NETD_NS);
	}
}

static void
hear(struct fleet *f, size_t i)
{
	struct core_event e;

	while (core_event(f->node[i].core, &e)) {
		if (getenv("FLEET_WORDS"))
			printf("%8.3f %s: %d %s\n", (double)f->now.ns / NS_PER_S - 1000,
			    f->mesh->nodes[i].name, e.kind, e.text);
		f->node[i].events[e.kind]++;
		if (e.node < f->n)
			f->node[i].last[e.node] = e;
	}
}

/* --- time --- */

static bool
is_crossed(const struct fleet *f, size_t from, size_t to)
{
	const struct fleet_table *x = &f->node[from].to[to], *y = &f->node[to].to[from];

	return x->route && x->staged == WAY_BY_RELAY &&
	       (y->staged != WAY_BY_RELAY || y->via != x->via);
}

static void
count_crossed(struct fleet *f)
{
	int64_t ns;

	if (f->crossed++ == 0 || mono_diff(f->now, f->last_crossed) > NS_PER_S)
		f->first_crossed = f->now;
	f->last_crossed = f->now;
	ns = mono_diff(f->now, f->first_crossed);
	if (ns > f->longest_ns)
		f->longest_ns = ns;
}

static void
count_packets(struct fleet *f)
{
	if (!f->streaming || f->now.ns < f->next_packet.ns)
		return;
	for (int way = 0; way < 2; way++) {
		size_t from = way ? f->b : f->a, to = way ? f->a : f->b;

		f->sent++;
		if (fleet_arrives(f, from, to, NULL))
			continue;
		f->lost++;
		if (is_crossed(f, from, to))
			count_crossed(f);
		f->last_lost = f->now;
		if (f->first_lost.ns == 0)
			f->first_lost = f->now;
	}
	f->next_packet = mono_add(f->next_packet, FLEET_TICK_NS);
}

static void
run_leases(struct fleet *f)
{
	for (size_t i = 0; i < f->n; i++) {
		for (size_t j = 0; j < f->n; j++) {
			struct fleet_table *t = &f->node[i].to[j];

			/* In place it is netd's, and not the kernel's. */
			if (f->mesh->in_place && !f->node[i].alive)
				continue;
			if (t->route == WAY_LEASE_ROUTE && t->until.ns <= f->now.ns)
				t->route = WAY_NO_ROUTE;
			shake(f, i, j);
		}
	}
}

static void
sooner(struct mono *t, struct mono other)
{
	if (other.ns < t->ns)
		*t = other;
}

static struct mono
next(const struct fleet *f, struct mono end)
{
	struct mono t = end;

	for (size_t i = 0; i < f->n; i++) {
		if (!f->node[i].alive)
			continue;
		sooner(&t, f->node[i].wake);
	}
	for (size_t k = 0; k < f->n_flights; k++)
		sooner(&t, f->flight[k].due);
	for (size_t k = 0; k < f->n_words; k++)
		sooner(&t, f->words[k].due);
	if (f->streaming)
		sooner(&t, f->next_packet);
	return t.ns <= f->now.ns ? mono_add(f->now, NS_PER_MS) : t;
}

/* As the agent's loop: when something came, or it is time. */
static void
turn(struct fleet *f, size_t i)
{
	struct fleet_node *n = &f->node[i];

	if (!n->alive || n->wake.ns > f->now.ns)
		return;
	core_tick(n->core, f->now);
	send_probes(f, i);
	serve(f, i);
	hear(f, i);
	say(f, i);
	n->wake = core_wake(n->core);
	if (n->asked)
		sooner(&n->wake, n->answer_at);
}

void
fleet_run(struct fleet *f, int64_t ns)
{
	struct mono end = mono_add(f->now, ns);

	while (f->now.ns < end.ns) {
		f->now = next(f, end);
		run_leases(f);
		count_packets(f);
		land(f);
		hear_words(f);
		for (size_t i = 0; i < f->n; i++)
			turn(f, i);
	}
}
