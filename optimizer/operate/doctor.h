/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with this node's tunnels, from facts that examine.h collects.  Pure.
 *
 * One fault has many symptoms, so a finding names the first thing that is wrong on the
 * way out, and what lies behind it is not told again.
 */
#ifndef OPTIMIZER_OPERATE_DOCTOR_H
#define OPTIMIZER_OPERATE_DOCTOR_H

#include "optimizer/apply/kernel_nft.h"
#include "optimizer/apply/state.h"
#include "optimizer/operate/way.h"

/* A session is renewed every 120 s while there is traffic (REKEY_AFTER_TIME). */
#define DOCTOR_STALE (120 * NS_PER_S)
/* A tunnel that saves less than a plan's threshold is nobody's loss. */
#define DOCTOR_DETOUR_US (10 * US_PER_MS)
#define DOCTOR_RESOLVED	 8

enum doctor_check {
	DOCTOR_INTERFACE, /* exists, is WireGuard, is up, has the address */
	DOCTOR_KEY,
	DOCTOR_CLOCK,
	DOCTOR_RP_FILTER,
	DOCTOR_IP_FORWARD,
	DOCTOR_FORWARD_RULES,
	DOCTOR_PEER, /* is configured */
	DOCTOR_ROUTE,
	DOCTOR_ALLOWED_IPS,
	DOCTOR_ENDPOINT, /* is what the mesh file, and its name in the DNS, says */
	DOCTOR_UDP_PORT,
	DOCTOR_HANDSHAKE,
	DOCTOR_ANSWER,	   /* shakes hands but does not answer */
	DOCTOR_FORWARDING, /* what lies behind the hub does not answer */
	DOCTOR_MTU,
	DOCTOR_DETOUR, /* by the hub though a direct tunnel is up and faster */
	DOCTOR_CHECKS
};

struct doctor_probe {
	uint32_t sent, answered;
	int64_t rtt_us;		      /* the least; -1 = none */
	int error;		      /* errno of the last that could not be sent */
	uint8_t icmp_type, icmp_code; /* the last error that came back; type 0 = none */
};

struct doctor_peer {
	unsigned ifindex;	    /* its route leaves by; 0 = no route */
	struct wall before;	    /* handshake before the first probe */
	struct doctor_probe small;  /* to the overlay address */
	struct doctor_probe full;   /* likewise, as large as the interface takes */
	struct doctor_probe tunnel; /* inside the direct tunnel */
	struct doctor_probe public; /* to the endpoint's address */
	int udp_error;		    /* what its port said; 0 = nothing, or not asked */
	struct addr resolved[DOCTOR_RESOLVED]; /* what the endpoint's name means now */
	size_t n_resolved;
	bool unresolved; /* the name means nothing */
};

struct doctor_facts {
	const struct mesh *mesh;
	size_t self;
	const struct state *state; /* after the probes */
	struct wall begun;
	int64_t waited_ns;	   /* for handshakes that did not come */
	struct doctor_peer *peers; /* one a node of the mesh, ourselves unused */
	bool has_address;	   /* the hub interface has the overlay address */
	bool rp_counted;
	uint64_t rp_drops; /* by the reverse path filter, during the probes */
	enum kernel_nft_verdict forward; /* from hub interface to hub interface */
	const char *forward_why;
};

struct doctor_finding {
	enum doctor_check check;
	bool bad;
	size_t node; /* SIZE_MAX: this one */
	char verdict[256], evidence[384], next[512];
};

typedef void doctor_cb(const struct doctor_finding *finding, void *ctx);

/*
 * Calls report once a check; returns how many were bad.  peer: only what concerns the
 * way to that node, or SIZE_MAX for all.
 */
size_t doctor_judge(const struct doctor_facts *facts, size_t peer, doctor_cb *report,
    void *ctx);

/* "interface", "rp-filter" and so on. */
const char *doctor_check_name(enum doctor_check check);

#endif
