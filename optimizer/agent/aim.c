/* SPDX-License-Identifier: MIT */
#include "optimizer/agent/aim.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MTU_DEFAULT   1420 /* WireGuard's own */
#define PROBE_HEADERS 48   /* IPv6 and ICMPv6 */

static size_t
mtu_of(const char name[IF_NAMESIZE])
{
	struct ifreq req = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	size_t mtu = MTU_DEFAULT;

	if (fd < 0)
		return mtu;
	memcpy(req.ifr_name, name, IF_NAMESIZE);
	if (ioctl(fd, SIOCGIFMTU, &req) == 0 && req.ifr_mtu >= 1280)
		mtu = (size_t)req.ifr_mtu;
	(void)close(fd); /* nothing was written */
	return mtu;
}

void
aim_look(struct aim *aim)
{
	aim->hub = if_nametoindex(aim->mesh->interface);
	aim->direct = if_nametoindex(aim->mesh->direct_interface);
	aim->full_bytes =
	    mtu_of(aim->direct ? aim->mesh->direct_interface : aim->mesh->interface) -
	    PROBE_HEADERS;
}

int
aim_send(const struct aim *aim, struct pinger *pinger, const struct core_probe *probe,
    struct mono now, uint64_t *seq)
{
	const struct mesh_node *self = &aim->mesh->nodes[aim->self];
	const struct mesh_node *node = &aim->mesh->nodes[probe->node];
	struct pinger_probe p = { .slot = probe->slot,
		.to = node->address.addr,
		.payload = probe->payload,
		.overlay = true,
		.ifindex = probe->pinned ? aim->direct : aim->hub };

	/* As routed would be the other way. */
	if (p.ifindex == 0)
		return -ENODEV;
	if (probe->link_local) {
		p.to = wgkey_link_local(&node->key);
		p.scope = p.ifindex;
	} else if (self->address.addr.family == p.to.family) {
		p.source = self->address.addr;
	}
	return pinger_send(pinger, &p, now, seq);
}
