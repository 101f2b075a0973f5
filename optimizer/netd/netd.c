/* SPDX-License-Identifier: MIT */
/*
 * The codec of netd.h, and the asker's end of it.  A message is the struct itself; what
 * makes it safe is that each has one size, no padding, and a check of every field.
 */
#include "optimizer/netd/netd.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define REQUEST_MAGIC UINT32_C(0x6d6f7271) /* "morq" */
#define ANSWER_MAGIC  UINT32_C(0x6d6f616e) /* "moan" */

/* Sizes that only a layout without padding can have. */
static_assert(sizeof(struct netd_request) == 64, "request");
static_assert(sizeof(struct netd_reply) == 16 + NETD_TEXT_MAX, "reply");
static_assert(sizeof(struct netd_node) == 80 + NETD_FOREIGN_MAX, "node");
static_assert(sizeof(struct netd_self) == 72 + NETD_VERDICT_MAX, "self");

/* What a verb takes beside its name. */
enum {
	NODE = 1,
	ANY_NODE = 2,
	VIA = 4,
	ANY_VIA = 8,
	SECONDS = 16,
	HINT = 32,
	HASH = 64
};

static const struct {
	unsigned takes;
	uint32_t flags;
} verbs[NETD_VERBS] = {
	[NETD_HELLO] = { HASH, 0 },
	[NETD_STATE] = { 0, 0 },
	[NETD_STAGE] = { NODE | HINT, 0 },
	[NETD_STAGE_RELAY] = { NODE | VIA, 0 },
	[NETD_LEASE] = { NODE | ANY_VIA | SECONDS, NETD_EMERGENCY },
	[NETD_COMMIT] = { NODE, 0 },
	[NETD_WITHDRAW] = { NODE, 0 },
	[NETD_UNSTAGE] = { NODE | ANY_VIA, 0 },
	[NETD_PANIC] = { 0, 0 },
	[NETD_ADOPT] = { ANY_NODE, 0 },
	[NETD_REFLECT] = { NODE, 0 },
};

void
netd_request_init(struct netd_request *req, enum netd_verb verb)
{
	*req = (struct netd_request){ .magic = REQUEST_MAGIC,
		.version = NETD_VERSION,
		.verb = (uint16_t)verb,
		.node = NETD_NONE,
		.via = NETD_NONE };
}

static bool
hint_ok(const struct netd_request *req, bool taken)
{
	static const uint8_t zero[16];

	switch (req->family) {
	case 0:
		return req->port == 0 && memcmp(req->addr, zero, sizeof(zero)) == 0;
	case AF_INET:
		return taken && req->port != 0 && memcmp(req->addr + 4, zero, 12) == 0;
	case AF_INET6:
		return taken && req->port != 0;
	default:
		return false;
	}
}

int
netd_request_check(const void *buf, size_t len, struct netd_request *out)
{
	struct netd_request req;
	unsigned takes;

	if (len != sizeof(req))
		return -EBADMSG;
	memcpy(&req, buf, sizeof(req));
	if (req.magic != REQUEST_MAGIC || req.version != NETD_VERSION ||
	    req.verb == 0 || req.verb >= NETD_VERBS || req.zero != 0 ||
	    req.reserved != 0)
		return -EBADMSG;
	takes = verbs[req.verb].takes;
	*out = req;
	if (req.node == NETD_NONE ? takes & NODE : !(takes & (NODE | ANY_NODE)))
		return -EINVAL;
	if (req.via == NETD_NONE ? takes & VIA : !(takes & (VIA | ANY_VIA)))
		return -EINVAL;
	if (takes & SECONDS
		? req.seconds < NETD_LEASE_MIN_S || req.seconds > NETD_LEASE_MAX_S
		: req.seconds != 0)
		return -EINVAL;
	if (req.flags & ~verbs[req.verb].flags || (req.hash != 0 && !(takes & HASH)))
		return -EINVAL;
	return hint_ok(&req, takes & HINT) ? 0 : -EINVAL;
}

size_t
netd_answer_size(enum netd_kind kind)
{
	switch (kind) {
	case NETD_REPLY:
		return sizeof(struct netd_reply);
	case NETD_NODE:
		return sizeof(struct netd_node);
	case NETD_SELF:
		return sizeof(struct netd_self);
	default:
		return 0;
	}
}

void
netd_answer_init(union netd_answer *answer, enum netd_kind kind, uint32_t id)
{
	memset(answer, 0, sizeof(*answer));
	answer->head = (struct netd_head){ .magic = ANSWER_MAGIC,
		.version = NETD_VERSION,
		.kind = (uint16_t)kind,
		.id = id };
}

/* Ends within its field, and has nothing behind its end. */
static bool
text_ok(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	if (len == size)
		return false;
	for (size_t i = len; i < size; i++) {
		if (text[i] != '\0')
			return false;
	}
	return true;
}

static bool
index_ok(uint32_t node, size_t n_nodes)
{
	return node == NETD_NONE || node < n_nodes;
}

static bool
node_ok(const struct netd_node *r, size_t n_nodes)
{
	return r->node < n_nodes && index_ok(r->via, n_nodes) &&
	       index_ok(r->holder, n_nodes) && r->path < NETD_PATHS &&
	       r->peer < NETD_PEERS && r->zero == 0 && r->reserved == 0 &&
	       (r->family == 0 || r->family == AF_INET || r->family == AF_INET6) &&
	       !(r->flags & ~NETD_NODE_FLAGS) && r->handshake_age_ms >= -1 &&
	       text_ok(r->foreign, sizeof(r->foreign));
}

int
netd_answer_check(const void *buf, size_t len, size_t n_nodes, union netd_answer *out)
{
	struct netd_head head;
	bool ok = false;

	if (len < sizeof(head))
		return -EBADMSG;
	memcpy(&head, buf, sizeof(head));
	if (head.magic != ANSWER_MAGIC || head.version != NETD_VERSION ||
	    head.kind >= NETD_KINDS || len != netd_answer_size(head.kind))
		return -EBADMSG;
	memset(out, 0, sizeof(*out));
	memcpy(out, buf, len);
	if (head.kind == NETD_REPLY)
		ok = out->reply.error <= 0 && out->reply.error >= -4095 &&
		     text_ok(out->reply.text, sizeof(out->reply.text));
	else if (head.kind == NETD_NODE)
		ok = node_ok(&out->node, n_nodes);
	else if (head.kind == NETD_SELF)
		ok = !(out->self.flags & ~NETD_SELF_FLAGS) &&
		     out->self.hub_handshake_age_ms >= -1 &&
		     text_ok(out->self.verdict, sizeof(out->self.verdict));
	return ok ? 0 : -EBADMSG;
}

/* FNV-1a, 64 bits. */
static void
mix(uint64_t *hash, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		*hash = (*hash ^ p[i]) * UINT64_C(0x100000001b3);
}

static void
mix_text(uint64_t *hash, const char *text)
{
	mix(hash, text, strlen(text) + 1);
}

static void
mix_prefix(uint64_t *hash, const struct prefix *prefix)
{
	mix(hash, &prefix->addr.family, 1);
	mix(hash, prefix->addr.b, sizeof(prefix->addr.b));
	mix(hash, &prefix->len, 1);
}

uint64_t
netd_roster_hash(const struct mesh *mesh)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	mix_text(&hash, mesh->name);
	mix_text(&hash, mesh->collector);
	mix_text(&hash, mesh->interface);
	mix_text(&hash, mesh->direct_interface);
	mix(&hash, &mesh->direct_port, sizeof(mesh->direct_port));
	mix(&hash, &(uint8_t){ mesh->in_place }, 1);
	for (size_t i = 0; i < mesh->n_nodes; i++) {
		const struct mesh_node *node = &mesh->nodes[i];

		mix_text(&hash, node->name);
		mix(&hash, &(uint8_t){ (uint8_t)node->role }, 1);
		mix_prefix(&hash, &node->address);
		for (size_t j = 0; j < node->n_prefixes; j++)
			mix_prefix(&hash, &node->prefixes[j]);
		mix(&hash, node->key.b, sizeof(node->key.b));
		mix_text(&hash, node->endpoint.host);
		mix(&hash, &node->endpoint.port, sizeof(node->endpoint.port));
		mix(&hash, &(uint8_t){ node->relay }, 1);
	}
	return hash;
}

void
netd_client_init(struct netd_client *c, int fd, size_t n_nodes)
{
	*c = (struct netd_client){ .fd = fd, .n_nodes = n_nodes };
}

int
netd_client_send(struct netd_client *c, struct netd_request *req)
{
	ssize_t len;

	if (c->waiting)
		return -EBUSY;
	req->id = ++c->last_id;
	do
		len = send(c->fd, req, sizeof(*req), MSG_NOSIGNAL);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	c->waiting = true;
	return 0;
}

int
netd_client_receive(struct netd_client *c, union netd_answer *out)
{
	uint8_t buf[sizeof(*out) + 1]; /* one more: what is too long is seen */
	ssize_t len;

	do
		len = recv(c->fd, buf, sizeof(buf), 0);
	while (len < 0 && errno == EINTR);
	if (len <= 0)
		return len == 0 || errno == ECONNRESET ? -EPIPE : -errno;
	if (netd_answer_check(buf, (size_t)len, c->n_nodes, out) < 0 || !c->waiting ||
	    out->head.id != c->last_id)
		return -EBADMSG;
	if (out->head.kind != NETD_REPLY)
		return 1;
	c->waiting = false;
	return 0;
}
