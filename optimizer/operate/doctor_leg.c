/* SPDX-License-Identifier: MIT */
/*
 * A peer that keeps silent: is it called where it is, does its port take UDP, does it
 * shake hands?
 */
#include "optimizer/operate/doctor_leg.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool
doctor_leg_tell(struct doctor_subject *s, struct doctor_finding *f)
{
	doctor_judge_tell(s->j, f);
	return !f->bad;
}

void
doctor_leg_age(int64_t ns, char text[32])
{
	long long s = ns / NS_PER_S;

	if (s < 0)
		s = 0;
	if (s < 180)
		(void)snprintf(text, 32, "%lld s", s); /* fits */
	else if (s < 3 * 3600)
		(void)snprintf(text, 32, "%lld min", s / 60); /* fits */
	else
		(void)snprintf(text, 32, "%lld h", s / 3600); /* fits */
}

void
doctor_leg_handshake(const struct doctor_subject *s, char text[64])
{
	int64_t at = s->way.peer->handshake.ns;
	char age[32];

	if (at == 0) {
		(void)snprintf(text, 64, "never"); /* fits */
		return;
	}
	doctor_leg_age(s->j->facts->state->now.ns - at, age);
	(void)snprintf(text, 64, "%s ago", age); /* fits */
}

static bool
knows(const struct doctor_peer *p, const struct addr *addr)
{
	for (size_t i = 0; i < p->n_resolved; i++) {
		if (addr_equal(&p->resolved[i], addr))
			return true;
	}
	return false;
}

/* Where it sends to is not where the mesh file says. */
static bool
judge_endpoint(struct doctor_subject *s)
{
	const struct kernel_peer *peer = s->way.peer;
	struct doctor_finding f = doctor_judge_new(DOCTOR_ENDPOINT, true, s->node);
	char now[ADDR_TEXT_MAX], want[ADDR_TEXT_MAX], ago[64];
	uint16_t port = s->way.beside ? s->j->mesh->direct_port : s->it->endpoint.port;

	if (!s->it->endpoint.host[0] || !peer->endpoint.family)
		return true;
	doctor_leg_handshake(s, ago);
	addr_format(&peer->endpoint, now);
	if (s->p->unresolved && !s->p->n_resolved) {
		DOCTOR_VERDICT(f, "the name of %s's endpoint means nothing",
		    s->it->name);
		DOCTOR_EVIDENCE(f, "%s does not resolve; handshake %s",
		    s->it->endpoint.host, ago);
		DOCTOR_NEXT(f, "getent ahosts %s; see /etc/resolv.conf",
		    s->it->endpoint.host);
		return doctor_leg_tell(s, &f);
	}
	if (!s->p->n_resolved ||
	    (knows(s->p, &peer->endpoint) && (peer->port == port || s->way.beside)))
		return true;
	addr_format(&s->p->resolved[0], want);
	DOCTOR_VERDICT(f, "the endpoint of %s has changed", s->it->name);
	DOCTOR_EVIDENCE(f, "%s sends to %s port %u, and %s is %s port %u; handshake %s",
	    s->dev, now, peer->port, s->it->endpoint.host, want, port, ago);
	DOCTOR_NEXT(f, "wg set %s peer %s endpoint %s:%u", s->dev, s->key,
	    s->it->endpoint.host, port);
	return doctor_leg_tell(s, &f);
}

static void
no_handshake(struct doctor_subject *s)
{
	const struct kernel_peer *peer = s->way.peer;
	struct doctor_finding f = doctor_judge_new(DOCTOR_HANDSHAKE, true, s->node);
	char to[ADDR_TEXT_MAX] = "", ago[64];
	const char *name = s->it->name;

	doctor_leg_handshake(s, ago);
	if (!peer->endpoint.family) {
		DOCTOR_VERDICT(f, "%s never called, and its endpoint is not known",
		    name);
		DOCTOR_EVIDENCE(f, "no handshake; it has to start, being behind NAT");
		DOCTOR_NEXT(f, "on %s: meshopt doctor", name);
		(void)doctor_leg_tell(s, &f);
		return;
	}
	addr_format(&peer->endpoint, to);
	if (s->p->udp_error) {
		f.check = DOCTOR_UDP_PORT;
		DOCTOR_VERDICT(f, "UDP port %u of %s %s", peer->port, name,
		    s->p->udp_error == ECONNREFUSED ? "is closed"
						    : "cannot be reached");
		DOCTOR_EVIDENCE(f, "%s says: %s; handshake %s", to,
		    strerror(s->p->udp_error), ago);
		DOCTOR_NEXT(f, "on %s: wg show %s listen-port; ss -uln", name, s->dev);
	} else if (s->p->public.answered) {
		f.check = DOCTOR_UDP_PORT;
		DOCTOR_VERDICT(f, "UDP port %u of %s does not answer", peer->port,
		    name);
		DOCTOR_EVIDENCE(f,
		    "handshake %s, none in %.0f s though asked for; %s answers ping, "
		    "so UDP is filtered on the way or %s does not know our key",
		    ago, (double)s->j->facts->waited_ns / NS_PER_S, to, name);
		DOCTOR_NEXT(f,
		    "let UDP %u in at %s (iptables -L -n, security group); there: "
		    "meshopt doctor",
		    peer->port, name);
	} else {
		DOCTOR_VERDICT(f, "%s does not shake hands", name);
		DOCTOR_EVIDENCE(f,
		    "handshake %s, none in %.0f s though asked for; %s does not answer "
		    "ping either",
		    ago, (double)s->j->facts->waited_ns / NS_PER_S, to);
		DOCTOR_NEXT(f, "ping %s; is %s up, and on the net?", to, name);
	}
	(void)doctor_leg_tell(s, &f);
}

void
doctor_leg_judge(struct doctor_subject *s)
{
	struct doctor_finding f = doctor_judge_new(DOCTOR_ANSWER, true, s->node);
	char ago[64];

	if (s->j->clock_bad || !judge_endpoint(s))
		return;
	if (s->way.peer->handshake.ns <= s->p->before.ns) {
		no_handshake(s);
		return;
	}
	doctor_leg_handshake(s, ago);
	DOCTOR_VERDICT(f, "%s shakes hands but does not answer", s->it->name);
	DOCTOR_EVIDENCE(f, "handshake %s; 0 of %u pings", ago, s->p->small.sent);
	DOCTOR_NEXT(f,
	    "on %s: wg show %s allowed-ips; ip route get to this node; does it drop "
	    "ICMP?",
	    s->it->name, s->dev);
	(void)doctor_leg_tell(s, &f);
}
