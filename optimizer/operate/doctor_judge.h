/* SPDX-License-Identifier: MIT */
/*
 * What the two halves of the doctor share: doctor.c asks about this node,
 * doctor_peer.c about the way to another.
 */
#ifndef OPTIMIZER_OPERATE_DOCTOR_JUDGE_H
#define OPTIMIZER_OPERATE_DOCTOR_JUDGE_H

#include "optimizer/operate/doctor.h"

struct doctor_judge {
	const struct doctor_facts *facts;
	const struct mesh *mesh;
	doctor_cb *report;
	void *ctx;
	size_t bad;
	bool clock_bad;	   /* then no handshake means what it says */
	bool hub_bad;	   /* the way to the hub; nothing behind it is looked at */
	bool hub_narrow;   /* large packets vanish on the way to the hub */
	bool forward_told; /* that the hub does not forward */
};

/* Begin a finding, fill its texts with doctor_judge_put(), end with _tell(). */
struct doctor_finding doctor_judge_new(enum doctor_check check, bool bad, size_t node);
void doctor_judge_put(char *text, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void doctor_judge_tell(struct doctor_judge *j, const struct doctor_finding *f);

#define DOCTOR_VERDICT(f, ...) \
	doctor_judge_put((f).verdict, sizeof((f).verdict), __VA_ARGS__)
#define DOCTOR_EVIDENCE(f, ...) \
	doctor_judge_put((f).evidence, sizeof((f).evidence), __VA_ARGS__)
#define DOCTOR_NEXT(f, ...) doctor_judge_put((f).next, sizeof((f).next), __VA_ARGS__)

/* Everything about the way to one node. */
void doctor_peer_judge(struct doctor_judge *j, size_t node);

#endif
