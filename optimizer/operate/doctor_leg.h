/* SPDX-License-Identifier: MIT */
/*
 * The last leg of a way: the peer that packets go to is the node itself, and it did not
 * answer.
 */
#ifndef OPTIMIZER_OPERATE_DOCTOR_LEG_H
#define OPTIMIZER_OPERATE_DOCTOR_LEG_H

#include "optimizer/operate/doctor_judge.h"

struct doctor_subject {
	struct doctor_judge *j;
	size_t node;
	const struct mesh_node *it;
	const struct doctor_peer *p;
	struct way way;
	const char *dev; /* that it goes by */
	char key[WGKEY_TEXT_MAX];
};

void doctor_leg_judge(struct doctor_subject *s);

/* Tells the finding; true if it is a good one. */
bool doctor_leg_tell(struct doctor_subject *s, struct doctor_finding *f);

/* "4 min", "20 s"; with "ago", or "never". */
void doctor_leg_age(int64_t ns, char text[32]);
void doctor_leg_handshake(const struct doctor_subject *s, char text[64]);

#endif
