/* SPDX-License-Identifier: MIT */
/*
 * Three small questions of the examination; each takes a second at most, but for names,
 * where it is the resolver's patience.
 */
#ifndef OPTIMIZER_OPERATE_EXAMINE_ASK_H
#define OPTIMIZER_OPERATE_EXAMINE_ASK_H

#include "optimizer/operate/doctor.h"

/*
 * The errno that a datagram to this port brings back, or 0.  WireGuard answers no
 * stranger; a closed port and a firewall that rejects do.
 */
int examine_ask_udp(const struct addr *to, uint16_t port);

/* Fills resolved and unresolved. */
void examine_ask_name(const struct endpoint *endpoint, struct doctor_peer *p);

/* TcpExtIPReversePathFilter of this network namespace; false if it is not counted. */
bool examine_ask_rp_drops(uint64_t *out);

#endif
