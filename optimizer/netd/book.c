/* SPDX-License-Identifier: MIT */
/*
 * Packing of a struct book.  Within one boot times are of the clock that never jumps;
 * of another boot, by the wall clock.  One that lies ahead counts as now.
 */
#include "optimizer/netd/book.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/bigend.h"
#include "common/mem.h"

#define FLAGS (NETD_OPERATOR | NETD_FROZEN)

/* No limit lasts longer than this, whatever a record says. */
#define AHEAD_MAX (3600 * NS_PER_S)

static struct book_node
blank(void)
{
	return (struct book_node){ .via = NETD_NONE,
		.withdrawn = BOOK_NEVER,
		.asserted = BOOK_NEVER,
		.adopted = BOOK_NEVER };
}

void
book_init(struct book *book, const struct mesh *mesh, const uint8_t boot[BOOK_BOOT])
{
	*book = (struct book){ .mesh = mesh, .full = { BOOK_NEVER, BOOK_NEVER } };
	book->node = mem_array(mesh->n_nodes, sizeof(*book->node));
	memcpy(book->boot, boot, sizeof(book->boot));
	for (size_t i = 0; i < mesh->n_nodes; i++)
		book->node[i] = blank();
}

void
book_fini(struct book *book)
{
	free(book->node);
	free(book->former);
	*book = (struct book){ 0 };
}

bool
book_tells(const struct book_node *node)
{
	struct book_node none = blank();

	return node->stage != BOOK_HUB || node->doing || node->peer ||
	       node->via != NETD_NONE || node->flags || node->foreign[0] ||
	       node->withdrawn.ns != none.withdrawn.ns ||
	       node->asserted.ns != none.asserted.ns ||
	       node->adopted.ns != none.adopted.ns;
}

struct packer {
	uint8_t *p;
	struct book_now now;
};

static void
put(struct packer *out, uint64_t v, int bytes)
{
	bigend_put(out->p, v, bytes);
	out->p += bytes;
}

static void
put_bytes(struct packer *out, const void *data, size_t len)
{
	memcpy(out->p, data, len);
	out->p += len;
}

/* By both clocks; 0 stands for never. */
static void
put_time(struct packer *out, struct mono t)
{
	int64_t wall = out->now.wall.ns - mono_diff(out->now.mono, t);
	bool never = t.ns <= 0 || wall <= 0;

	put(out, never ? 0 : (uint64_t)wall, 8);
	put(out, never ? 0 : (uint64_t)t.ns, 8);
}

void
book_pack(const struct book *book, uint32_t node, struct book_now now,
    uint8_t payload[JOURNAL_PAYLOAD])
{
	static const char nobody[MESH_NAME_MAX];
	const struct book_node *b = &book->node[node];
	const struct mesh_node *who = &book->mesh->nodes[node];
	struct packer out = { payload, now };

	memset(payload, 0, JOURNAL_PAYLOAD);
	put_bytes(&out, who->name, sizeof(who->name));
	put_bytes(&out, who->key.b, sizeof(who->key.b));
	put_bytes(&out, b->via == NETD_NONE ? nobody : book->mesh->nodes[b->via].name,
	    MESH_NAME_MAX);
	put(&out, b->stage, 1);
	put(&out, b->doing, 1);
	put(&out, b->peer, 1);
	put(&out, b->urgent, 1);
	put(&out, b->flags, 2);
	put_bytes(&out, book->boot, sizeof(book->boot));
	put_time(&out, b->withdrawn);
	put_time(&out, b->asserted);
	put_time(&out, b->adopted);
	for (int i = 0; i < BOOK_BUCKETS; i++)
		put_time(&out, book->full[i]);
	put_bytes(&out, b->foreign, sizeof(b->foreign));
	put(&out, book->mesh->in_place, 1);
	put(&out, b->given, 8);
}

static uint64_t
get(struct packer *in, int bytes)
{
	uint64_t v = bigend_get(in->p, bytes);

	in->p += bytes;
	return v;
}

/* ahead_ns: how far in the future it may lie. */
static struct mono
get_time(struct packer *in, int64_t ahead_ns, bool same_boot)
{
	uint64_t wall = get(in, 8), mono = get(in, 8);
	int64_t age;

	if (wall == 0 || wall > INT64_MAX || mono > INT64_MAX)
		return BOOK_NEVER;
	age = same_boot ? in->now.mono.ns - (int64_t)mono
			: in->now.wall.ns - (int64_t)wall;
	return mono_add(in->now.mono, age < -ahead_ns ? ahead_ns : -age);
}

bool
book_had(const struct book *book, const struct wgkey *key)
{
	for (size_t i = 0; i < book->n_former; i++) {
		if (wgkey_compare(&book->former[i], key) == 0)
			return true;
	}
	return false;
}

static void
add_former(struct book *book, const struct wgkey *key)
{
	if (book_had(book, key))
		return;
	book->former =
	    mem_grow(book->former, book->n_former + 1, sizeof(*book->former));
	book->former[book->n_former++] = *key;
}

static uint32_t
find(const struct mesh *mesh, const char name[MESH_NAME_MAX])
{
	size_t i = name[MESH_NAME_MAX - 1] ? SIZE_MAX : mesh_find(mesh, name);

	return i == SIZE_MAX ? NETD_NONE : (uint32_t)i;
}

/* One that is none any more carries nothing. */
static uint32_t
relay(const struct mesh *mesh, const char name[MESH_NAME_MAX])
{
	uint32_t node = find(mesh, name);

	return node == NETD_NONE || mesh->nodes[node].relay ? node : NETD_NONE;
}

int
book_unpack(struct book *book, const uint8_t payload[JOURNAL_PAYLOAD],
    struct book_now now)
{
	uint8_t copy[JOURNAL_PAYLOAD];
	struct packer in = { copy, now };
	struct book_node b = blank();
	char name[MESH_NAME_MAX], via[MESH_NAME_MAX];
	struct wgkey key;
	struct mono full[BOOK_BUCKETS];
	bool same_boot;
	uint32_t node;

	memcpy(copy, payload, sizeof(copy));
	memcpy(name, in.p, sizeof(name));
	memcpy(key.b, in.p + sizeof(name), sizeof(key.b));
	memcpy(via, in.p + sizeof(name) + sizeof(key.b), sizeof(via));
	in.p += sizeof(name) + sizeof(key.b) + sizeof(via);
	b.stage = (enum book_stage)get(&in, 1);
	b.doing = (unsigned)get(&in, 1);
	b.peer = get(&in, 1) != 0;
	b.urgent = get(&in, 1) != 0;
	b.flags = (uint16_t)(get(&in, 2) & FLAGS);
	same_boot = memcmp(in.p, book->boot, BOOK_BOOT) == 0;
	in.p += BOOK_BOOT;
	b.withdrawn = get_time(&in, 0, same_boot);
	b.asserted = get_time(&in, 0, same_boot);
	b.adopted = get_time(&in, 0, same_boot);
	for (int i = 0; i < BOOK_BUCKETS; i++)
		full[i] = get_time(&in, AHEAD_MAX, same_boot);
	memcpy(b.foreign, in.p, sizeof(b.foreign));
	in.p += sizeof(b.foreign);
	same_boot &= get(&in, 1) == book->mesh->in_place;
	b.given = get(&in, 8); /* 0 in a record of an older version */
	if (b.stage >= BOOK_STAGES || b.doing >= NETD_VERBS ||
	    b.foreign[sizeof(b.foreign) - 1] != '\0')
		return -EBADMSG;
	/* Tokens were spent, whoever they were spent on. */
	memcpy(book->full, full, sizeof(full));
	node = find(book->mesh, name);
	if (node == NETD_NONE ||
	    wgkey_compare(&book->mesh->nodes[node].key, &key) != 0) {
		if (b.peer && same_boot)
			add_former(book, &key);
		return -ENOENT;
	}
	b.via = relay(book->mesh, via);
	if (!same_boot) {
		b.stage = BOOK_HUB;
		b.doing = 0;
		b.peer = b.urgent = false;
		b.via = NETD_NONE;
		b.given = 0;
	}
	book->node[node] = b;
	return 0;
}

void
book_carry(struct book *to, const struct book *from)
{
	memcpy(to->full, from->full, sizeof(to->full));
	for (size_t i = 0; i < from->n_former; i++)
		add_former(to, &from->former[i]);
	for (size_t i = 0; i < from->mesh->n_nodes; i++) {
		const struct mesh_node *who = &from->mesh->nodes[i];
		uint32_t node = find(to->mesh, who->name);
		uint32_t via = from->node[i].via;

		if (node == NETD_NONE ||
		    wgkey_compare(&to->mesh->nodes[node].key, &who->key) != 0) {
			if (from->node[i].peer)
				add_former(to, &who->key);
			continue;
		}
		to->node[node] = from->node[i];
		to->node[node].via = via == NETD_NONE
					 ? via
					 : relay(to->mesh, from->mesh->nodes[via].name);
	}
}
