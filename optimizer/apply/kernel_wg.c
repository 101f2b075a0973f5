/* SPDX-License-Identifier: MIT */
/*
 * WireGuard over generic netlink.  A SET is no transaction and its ACK proves little (a
 * peer with our own key is ignored with success, a bad prefix leaves the peers before
 * it configured), so callers read back.  One peer a message, and no REPLACE flag: the
 * data path sees every intermediate state.
 */
#include "optimizer/apply/kernel_nl.h"

#include <assert.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "optimizer/apply/kernel_uapi.h"

static int
family_cb(const struct nlmsghdr *nlh, void *ctx)
{
	return kernel_parse_family(nlh, ctx);
}

/* The message type of WireGuard's requests; asking loads the module. */
static int
find_family(struct kernel *k)
{
	uint8_t buf[KERNEL_NL_REQUEST];
	struct nlmsghdr *nlh = kernel_nl_request(buf, GENL_ID_CTRL, 0);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	uint16_t family = 0;
	int rc;

	if (k->wg_family)
		return 0;
	genl->cmd = CTRL_CMD_GETFAMILY;
	genl->version = 1;
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, WG_GENL_NAME);
	rc = kernel_nl_ask(k, KERNEL_NL_GENERIC, nlh, family_cb, &family);
	if (rc == 0 && family == 0)
		rc = -EBADMSG;
	if (rc == 0)
		k->wg_family = family;
	return rc;
}

bool
kernel_has_wireguard(struct kernel *k)
{
	return find_family(k) == 0 || kernel_uapi_installed();
}

/* Does wireguard-go serve it?  Asked each time: an interface may be made anew. */
static bool
by_uapi(struct kernel *k, const char *ifname)
{
	struct kernel_link link;

	return kernel_link(k, ifname, &link) == 0 && link.userspace;
}

static struct nlmsghdr *
wg_request(struct kernel *k, void *buf, uint8_t cmd, const char *ifname)
{
	uint16_t flags = cmd == WG_CMD_GET_DEVICE ? NLM_F_DUMP : 0;
	struct nlmsghdr *nlh = kernel_nl_request(buf, k->wg_family, flags);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));

	genl->cmd = cmd;
	genl->version = WG_GENL_VERSION;
	mnl_attr_put_strz(nlh, WGDEVICE_A_IFNAME, ifname);
	return nlh;
}

static int
device_cb(const struct nlmsghdr *nlh, void *ctx)
{
	return kernel_parse_device(nlh, ctx);
}

static void
device_again(void *ctx)
{
	kernel_parse_device_fini(ctx);
}

int
kernel_device(struct kernel *k, const char *name, struct kernel_device **out)
{
	uint8_t buf[KERNEL_NL_REQUEST];
	struct kernel_device *dev;
	int rc;

	*out = NULL;
	if (by_uapi(k, name))
		return kernel_uapi_device(name, out);
	rc = find_family(k);
	if (rc < 0)
		return rc;
	dev = mem_alloc(sizeof(*dev));
	rc = kernel_nl_dump(k,
	    &(struct kernel_nl_dump){ .bus = KERNEL_NL_GENERIC,
		.request = wg_request(k, buf, WG_CMD_GET_DEVICE, name),
		.each = device_cb,
		.again = device_again,
		.ctx = dev });
	if (rc < 0) {
		kernel_device_free(dev);
		return rc;
	}
	*out = dev;
	return 0;
}

void
kernel_device_free(struct kernel_device *dev)
{
	if (!dev)
		return;
	kernel_parse_device_fini(dev);
	free(dev);
}

static int
secret_cb(const struct nlmsghdr *nlh, void *ctx)
{
	struct kernel_nl_attrs attrs = kernel_nl_attrs(nlh, sizeof(struct genlmsghdr));
	struct wgkey *secret = ctx;
	const struct nlattr *attr;

	while ((attr = kernel_nl_next(&attrs))) {
		if (mnl_attr_get_type(attr) == WGDEVICE_A_PRIVATE_KEY &&
		    mnl_attr_get_payload_len(attr) == sizeof(*secret))
			memcpy(secret, mnl_attr_get_payload(attr), sizeof(*secret));
	}
	return 0;
}

static void
secret_again(void *ctx)
{
	explicit_bzero(ctx, sizeof(struct wgkey));
}

/* The private key of the interface from: 0 with a key, -ENOKEY without. */
static int
read_secret(struct kernel *k, const char *from, struct wgkey *secret)
{
	uint8_t buf[KERNEL_NL_REQUEST];
	int rc;

	if (by_uapi(k, from))
		return kernel_uapi_secret(from, secret);
	rc = find_family(k);
	if (rc < 0)
		return rc;
	rc = kernel_nl_dump(k,
	    &(struct kernel_nl_dump){ .bus = KERNEL_NL_GENERIC,
		.request = wg_request(k, buf, WG_CMD_GET_DEVICE, from),
		.each = secret_cb,
		.again = secret_again,
		.ctx = secret });
	return rc == 0 && wgkey_is_zero(secret) ? -ENOKEY : rc;
}

static int
write_secret(struct kernel *k, const struct wgkey *secret, uint16_t port)
{
	uint8_t buf[KERNEL_NL_REQUEST];
	struct nlmsghdr *nlh;
	int rc;

	if (by_uapi(k, k->direct)) {
		if (k->in_place)
			return -EOPNOTSUPP;
		k->changes++;
		return kernel_uapi_set_key(k->direct, secret, port);
	}
	rc = find_family(k);
	if (rc < 0)
		return rc;
	nlh = wg_request(k, buf, WG_CMD_SET_DEVICE, k->direct);
	mnl_attr_put(nlh, WGDEVICE_A_PRIVATE_KEY, sizeof(*secret), secret);
	mnl_attr_put_u16(nlh, WGDEVICE_A_LISTEN_PORT, port);
	rc = kernel_nl_change(k, KERNEL_NL_GENERIC, nlh);
	explicit_bzero(buf, sizeof(buf));
	return rc;
}

int
kernel_key_copy(struct kernel *k, const char *from, uint16_t port)
{
	struct wgkey secret = { 0 };
	int rc = read_secret(k, from, &secret);

	if (rc == 0)
		rc = write_secret(k, &secret, port);
	explicit_bzero(&secret, sizeof(secret));
	return rc;
}

static void
put_allowed(struct nlmsghdr *nlh, const struct prefix *prefix)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, 0);

	mnl_attr_put_u16(nlh, WGALLOWEDIP_A_FAMILY, prefix->addr.family);
	mnl_attr_put(nlh, WGALLOWEDIP_A_IPADDR, addr_bytes(&prefix->addr),
	    prefix->addr.b);
	mnl_attr_put_u8(nlh, WGALLOWEDIP_A_CIDR_MASK, prefix->len);
	mnl_attr_nest_end(nlh, nest);
}

int
kernel_peer_set(struct kernel *k, const struct kernel_peer_change *change)
{
	uint8_t buf[KERNEL_NL_REQUEST];
	struct sockaddr_storage ss;
	struct nlmsghdr *nlh;
	struct nlattr *peers, *peer, *allowed;
	int rc;

	if (by_uapi(k, k->direct)) {
		if (k->in_place) /* nothing looks at what is said there */
			return -EOPNOTSUPP;
		k->changes++;
		return kernel_uapi_peer_set(k->direct, change);
	}
	rc = find_family(k);
	if (rc < 0)
		return rc;
	/* An IPv6 prefix takes 44 bytes and a roster entry has 64 of them at most. */
	if (change->n_allowed > (KERNEL_NL_REQUEST - 512) / 44)
		return -E2BIG;
	nlh = wg_request(k, buf, WG_CMD_SET_DEVICE, k->direct);
	peers = mnl_attr_nest_start(nlh, WGDEVICE_A_PEERS);
	peer = mnl_attr_nest_start(nlh, 0);
	mnl_attr_put(nlh, WGPEER_A_PUBLIC_KEY, sizeof(change->key), &change->key);
	if (change->endpoint.family) {
		socklen_t len =
		    addr_to_sockaddr(&change->endpoint, change->port, 0, &ss);

		mnl_attr_put(nlh, WGPEER_A_ENDPOINT, len, &ss);
	}
	if (change->set_keepalive)
		mnl_attr_put_u16(nlh, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL,
		    change->keepalive_s);
	if (change->n_allowed) {
		allowed = mnl_attr_nest_start(nlh, WGPEER_A_ALLOWEDIPS);
		for (size_t i = 0; i < change->n_allowed; i++)
			put_allowed(nlh, &change->allowed[i]);
		mnl_attr_nest_end(nlh, allowed);
	}
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, peers);
	return kernel_nl_change(k, KERNEL_NL_GENERIC, nlh);
}

int
kernel_peer_remove(struct kernel *k, const struct wgkey *key)
{
	uint8_t buf[KERNEL_NL_REQUEST];
	struct nlattr *peers, *peer;
	struct nlmsghdr *nlh;
	int rc;

	if (by_uapi(k, k->direct)) {
		if (k->in_place)
			return -EOPNOTSUPP;
		k->changes++;
		return kernel_uapi_peer_remove(k->direct, key);
	}
	rc = find_family(k);
	if (rc < 0)
		return rc;
	nlh = wg_request(k, buf, WG_CMD_SET_DEVICE, k->direct);
	peers = mnl_attr_nest_start(nlh, WGDEVICE_A_PEERS);
	peer = mnl_attr_nest_start(nlh, 0);
	mnl_attr_put(nlh, WGPEER_A_PUBLIC_KEY, sizeof(*key), key);
	mnl_attr_put_u32(nlh, WGPEER_A_FLAGS, WGPEER_F_REMOVE_ME);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, peers);
	return kernel_nl_change(k, KERNEL_NL_GENERIC, nlh);
}

int
kernel_peer_reduce(struct kernel *k, const struct wgkey *key, const struct prefix *keep)
{
	uint8_t buf[KERNEL_NL_REQUEST];
	struct nlattr *peers, *peer, *allowed;
	struct nlmsghdr *nlh;
	int rc = find_family(k);

	if (rc < 0)
		return rc;
	nlh = wg_request(k, buf, WG_CMD_SET_DEVICE, k->direct);
	peers = mnl_attr_nest_start(nlh, WGDEVICE_A_PEERS);
	peer = mnl_attr_nest_start(nlh, 0);
	mnl_attr_put(nlh, WGPEER_A_PUBLIC_KEY, sizeof(*key), key);
	mnl_attr_put_u32(nlh, WGPEER_A_FLAGS,
	    WGPEER_F_UPDATE_ONLY | WGPEER_F_REPLACE_ALLOWEDIPS);
	allowed = mnl_attr_nest_start(nlh, WGPEER_A_ALLOWEDIPS);
	put_allowed(nlh, keep);
	mnl_attr_nest_end(nlh, allowed);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, peers);
	return kernel_nl_change(k, KERNEL_NL_GENERIC, nlh);
}
