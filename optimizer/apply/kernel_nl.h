/* SPDX-License-Identifier: MIT */
/*
 * What the kernel_*.c share: the sockets, one conversation at a time, and the reading
 * of replies.  No other file includes this but their tests.
 */
#ifndef OPTIMIZER_APPLY_KERNEL_NL_H
#define OPTIMIZER_APPLY_KERNEL_NL_H

#include <libmnl/libmnl.h>

#include "common/fib.h"
#include "optimizer/apply/kernel.h"

/*
 * Always this much: the kernel sizes the messages of a dump by the largest buffer that
 * was ever offered on a socket, and cuts them when a later one is smaller.
 */
#define KERNEL_NL_BUFFER 65536

/* Requests are small; the largest is a peer with all its prefixes. */
#define KERNEL_NL_REQUEST 8192

enum kernel_nl_bus {
	KERNEL_NL_ROUTE,
	KERNEL_NL_GENERIC,
	KERNEL_NL_NETFILTER,
	KERNEL_NL_BUSES
};

/* Of the hub interface, what may be changed in place. */
struct kernel_nl_place {
	struct wgkey hub;
	const struct prefix *cover; /* borrowed */
	size_t n_cover;
	struct wgkey mine[KERNEL_CLAIMS_MAX];
	size_t n_mine;
};

struct kernel {
	char direct[IF_NAMESIZE];
	struct mnl_socket *sock[KERNEL_NL_BUSES]; /* NULL until needed */
	struct mnl_socket *monitor; /* NULL unless kernel_monitor() was called */
	uint64_t changes;
	uint32_t seq;
	uint16_t wg_family; /* 0 = not looked up, or absent */
	struct fib *fib;
	uint8_t *buf; /* owned, KERNEL_NL_BUFFER */
	bool in_place;
	struct kernel_nl_place place; /* with in_place */
};

/* One message of a reply.  0, or -errno to end the conversation with. */
typedef int kernel_nl_cb(const struct nlmsghdr *nlh, void *ctx);

struct kernel_nl_dump {
	enum kernel_nl_bus bus;
	struct nlmsghdr *request;
	kernel_nl_cb *each;
	void (*again)(void *ctx); /* forget what was collected: the dump starts over */
	void *ctx;
};

/* A header in buf (KERNEL_NL_REQUEST bytes), with NLM_F_REQUEST set. */
struct nlmsghdr *kernel_nl_request(void *buf, uint16_t type, uint16_t flags);

/*
 * Walk one datagram of a reply: 1 = more is to come, 0 = that was all, or -errno: what
 * the kernel answered, what each returned, -EINTR for a dump that a change overtook,
 * -EBADMSG for bytes that are no messages.  Messages of other conversations are
 * skipped.
 */
int kernel_nl_walk(const void *buf, size_t len, const struct nlmsghdr *request,
    kernel_nl_cb *each, void *ctx);

/* Send a dump request and read all of it; starts over when a change overtakes it. */
int kernel_nl_dump(struct kernel *k, const struct kernel_nl_dump *dump);

/* A question with one answer. */
int kernel_nl_ask(struct kernel *k, enum kernel_nl_bus bus, struct nlmsghdr *request,
    kernel_nl_cb *each, void *ctx);

/*
 * A change: sent only if it names the direct interface and nothing else, else -EXDEV,
 * which is also what a change gets whose interface has just been replaced.
 */
int kernel_nl_change(struct kernel *k, enum kernel_nl_bus bus,
    struct nlmsghdr *request);

/*
 * Does this request change the interface of that name and index (0 = does not exist
 * yet) and no other, and is it a change that we make?  Never a REPLACE flag, at most
 * one peer, no route in place of another, no address but one that is a lease.
 * wg_family: the message type of WireGuard's requests.
 */
bool kernel_nl_names(const struct nlmsghdr *request, uint16_t wg_family,
    const char *ifname, unsigned ifindex);

/*
 * The same where the direct interface is the hub's: a message to one claimed peer, or a
 * link-local address that is added, and nothing else.
 */
bool kernel_nl_in_place(const struct nlmsghdr *request, uint16_t wg_family,
    const char *ifname, unsigned ifindex, const struct kernel_nl_place *place);

/* The attributes of a message, or of a nest; libmnl's own loops defeat -Wconversion. */
struct kernel_nl_attrs {
	const struct nlattr *at;
	const char *end;
};

static inline struct kernel_nl_attrs
kernel_nl_attrs(const struct nlmsghdr *nlh, size_t header)
{
	return (struct kernel_nl_attrs){
		mnl_nlmsg_get_payload_offset(nlh, header),
		mnl_nlmsg_get_payload_tail(nlh),
	};
}

static inline struct kernel_nl_attrs
kernel_nl_nested(const struct nlattr *nest)
{
	const char *begin = mnl_attr_get_payload(nest);

	return (struct kernel_nl_attrs){
		mnl_attr_get_payload(nest),
		begin + mnl_attr_get_payload_len(nest),
	};
}

/* The next one, or NULL. */
static inline const struct nlattr *
kernel_nl_next(struct kernel_nl_attrs *attrs)
{
	const struct nlattr *attr = attrs->at;

	if (!mnl_attr_ok(attr, (int)(attrs->end - (const char *)attr)))
		return NULL;
	attrs->at = mnl_attr_next(attr);
	return attr;
}

/* --- kernel_parse*.c: one message of a reply into a struct --- */

/*
 * Add a message of a GET_DEVICE dump to *dev, which starts zeroed.  Peers that the
 * kernel split over messages become one again.  0 or -EBADMSG.
 */
int kernel_parse_device(const struct nlmsghdr *nlh, struct kernel_device *dev);
void kernel_parse_device_fini(struct kernel_device *dev);

/*
 * 0, -EBADMSG, or -ENOENT for a message of no interest to us.  userspace of a link is
 * set for any TUN device: whether a socket belongs to it is not in the message.
 */
int kernel_parse_link(const struct nlmsghdr *nlh, struct kernel_link *out);
int kernel_parse_addr(const struct nlmsghdr *nlh, struct kernel_addr *out);
int kernel_parse_route(const struct nlmsghdr *nlh, struct kernel_route *out);
int kernel_parse_family(const struct nlmsghdr *nlh, uint16_t *out);

/* A fixed-size attribute; longer ones are cut, shorter ones refused.  0 or -EBADMSG. */
int kernel_parse_bytes(const struct nlattr *attr, void *out, size_t len);
int kernel_parse_ip(const struct nlattr *attr, uint8_t family, struct addr *out);

#endif
