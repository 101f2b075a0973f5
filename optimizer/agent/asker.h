/* SPDX-License-Identifier: MIT */
/*
 * Between the core's words and netd's messages.  Greets netd first, and again when it
 * says that the mesh file is another one.
 */
#ifndef OPTIMIZER_AGENT_ASKER_H
#define OPTIMIZER_AGENT_ASKER_H

#include "optimizer/agent/core.h"
#include "optimizer/netd/netd.h"

struct asker {
	struct netd_client client;
	uint64_t hash;
	size_t n;
	struct way_seen *seen;	 /* owned, one a node */
	struct netd_node *heard; /* owned: records of a STATE, as they come */
	size_t n_heard;
	struct netd_self self;
	struct core_self node;
	enum core_verb verb; /* under way, if client.waiting */
	bool greeting, greeted, in_place;
};

/* What a message of netd's means. */
enum asker_news {
	ASKER_MORE,    /* nothing yet */
	ASKER_GREETED, /* ready for core_ask() */
	ASKER_SPURNED, /* greet again, later; rc and text say why */
	ASKER_SAW,     /* seen and node are filled in, and it is core_told() time */
	ASKER_TOLD     /* rc and text are what became of the request */
};

void asker_init(struct asker *a, int fd, const struct mesh *mesh);
void asker_fini(struct asker *a);

/* Greets if that is due.  0, also if it has to wait; -errno: netd is gone. */
int asker_greet(struct asker *a);
/* Only after ASKER_GREETED, and after the answer to the last. */
int asker_send(struct asker *a, const struct core_ask *ask);

/* Reads one message.  An enum asker_news, or -errno; -EAGAIN: nothing is there. */
int asker_receive(struct asker *a, int *rc, char text[NETD_TEXT_MAX]);

#endif
