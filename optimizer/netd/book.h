/* SPDX-License-Identifier: MIT */
/*
 * What netd knows of each node beside what the kernel shows: what it made, what it was
 * doing, what was taken from it, and how much it may still change.  This is what the
 * journal holds: each record is all that is known of one node, so the last one counts.
 */
#ifndef OPTIMIZER_NETD_BOOK_H
#define OPTIMIZER_NETD_BOOK_H

#include "common/clock.h"
#include "common/mesh.h"
#include "optimizer/netd/journal.h"
#include "optimizer/netd/netd.h"

#define BOOK_NEVER ((struct mono){ INT64_MIN / 2 })
#define BOOK_BOOT  16 /* bytes that tell one boot from another */

enum book_stage { BOOK_HUB, BOOK_STAGED, BOOK_LEASED, BOOK_DIRECT, BOOK_STAGES };
enum book_bucket { BOOK_CHANGES, BOOK_URGENT, BOOK_BUCKETS };

struct book_node {
	enum book_stage stage; /* what we made last */
	unsigned doing;	       /* enum netd_verb that was begun and not ended; 0 */
	bool peer;	       /* its own peer is of our making */
	bool urgent;	       /* its lease was charged to BOOK_URGENT */
	bool reflects;	       /* its reflector was made; forgotten by a restart */
	uint32_t via;	/* whose peer is to hold its prefixes; NETD_NONE = its own */
	uint16_t flags; /* NETD_OPERATOR, NETD_FROZEN */
	struct mono withdrawn; /* when its last route went */
	struct mono asserted;  /* when what others took was put back */
	struct mono adopted;
	/* In place, where the kernel keeps none: of its lease.  A restart ends it. */
	struct mono lease_until;
	/* scene_given() when its peer was last as it should be; 0 = unknown. */
	uint64_t given;
	char foreign[NETD_FOREIGN_MAX];
};

struct book {
	const struct mesh *mesh;	/* borrowed */
	struct book_node *node;		/* owned, one for each of the mesh */
	struct mono full[BOOK_BUCKETS]; /* when all tokens will be there again */
	uint8_t boot[BOOK_BOOT];
	struct wgkey *former; /* owned: keys of ours that the mesh has no more */
	size_t n_former;
};

struct book_now {
	struct mono mono;
	struct wall wall;
};

void book_init(struct book *book, const struct mesh *mesh,
    const uint8_t boot[BOOK_BOOT]);
void book_fini(struct book *book);

/* Anything that a record would be needed for? */
bool book_tells(const struct book_node *node);

void book_pack(const struct book *book, uint32_t node, struct book_now now,
    uint8_t payload[JOURNAL_PAYLOAD]);

/*
 * Of another boot, or of the other way of switching, only limits and marks are taken
 * over: what was made is gone, or not where we look.  -ENOENT
 * for a node that the mesh does not have, by name and key, of which only the key is
 * kept if a peer was made for it; -EBADMSG for what no book has packed.
 */
int book_unpack(struct book *book, const uint8_t payload[JOURNAL_PAYLOAD],
    struct book_now now);

/* All that `from` knows of the nodes that both have; of the others as book_unpack(). */
void book_carry(struct book *to, const struct book *from);

/* Was a peer made under this key, of a node that the mesh no longer has? */
bool book_had(const struct book *book, const struct wgkey *key);

#endif
