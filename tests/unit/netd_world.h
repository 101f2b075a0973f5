/* SPDX-License-Identifier: MIT */
/*
 * A keeper over the kernel in memory: a mesh of a hub, two POPs that relay, and three
 * backends, seen from the POP hkg.  nrt is behind NAT and starts itself; sin's key is
 * larger, so hkg starts towards it; syd has three prefixes, one of IPv6.
 */
#ifndef TESTS_UNIT_NETD_WORLD_H
#define TESTS_UNIT_NETD_WORLD_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "optimizer/netd/keeper.h"
#include "tests/fakes/kernel.h"

enum { DUB, HKG, FRA, NRT, SIN, SYD };

static const char netd_mesh_text[] =
    "[Mesh]\nName = edgeproxy\nCollector = http://10.50.0.1:8650\n"
    "[Node]\nName = dub\nRole = hub\nAddress = 10.50.0.1/24\n"
    "AllowedIPs = 10.50.0.0/16, fd50::/16\n"
    "PublicKey = bzM6rw/efq+75VGhBgkCRChDnKfFlXQY560ejhvKCQY=\n"
    "Endpoint = 54.171.48.207:51820\n"
    "[Node]\nName = hkg\nRole = pop\nAddress = 10.50.5.1/24\nRelay = yes\n"
    "AllowedIPs = 10.50.5.0/24\n"
    "PublicKey = GxuSsvO9/raKe5WctZQfX5tkHOrTf0PLJWmHEzrw1Go=\n"
    "Endpoint = 35.241.112.61:51820\n"
    "[Node]\nName = fra\nRole = pop\nAddress = 10.50.7.1/24\nRelay = yes\n"
    "PublicKey = AdqUnLwaBoD9Q4BXXGJwaA0xfWmQyTrZ5nBXkyYGAiA=\n"
    "Endpoint = 35.1.2.3:51820\n"
    "[Node]\nName = nrt\nRole = backend\nAddress = 10.50.4.1/24\n"
    "PublicKey = 9ZK9FzSzihxrRX9gktc99Oj0WFSJMa0mf33pP2LJ/lU=\n"
    "[Node]\nName = sin\nRole = backend\nAddress = 10.50.4.2/24\n"
    "PublicKey = gcwoqaT950PGW1ZaUEV75VEV7HOdyYT5rwdYOUBQzR0=\n"
    "Endpoint = 198.51.100.7:51820\n"
    "[Node]\nName = syd\nRole = backend\nAddress = 10.50.4.3/24\n"
    "AllowedIPs = 10.50.4.3/32, 10.50.6.0/24, fd50:6::/64\n"
    "PublicKey = 9yHQmzbLKEyM+F1x7obbX0WNaR25XhAcUOdU9SLBeEo=\n";

struct netd_world {
	struct kernel *kernel;
	struct keeper *keeper;
	const struct mesh *mesh; /* the keeper's */
	char journal[64];
	bool freeze;
	uint8_t boot;
	int64_t wall_step_ns; /* how far somebody has set the clock */
	struct policy_limit limit;
	const struct journal_io *io;
	const char *mesh_text;
	bool no_mesh; /* the file cannot be read again */
	bool no_journal;
	bool at_hub; /* netd is the hub's, else hkg's */

	/* the answer to the last request */
	unsigned replies;
	struct netd_reply reply;
	struct netd_self self;
	struct netd_node node[6]; /* by index */
	bool told[6];
};

static struct netd_world w;

static inline struct mesh *
netd_mesh(const char *text)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	struct mesh *mesh = NULL;
	struct err err;

	if (!in || mesh_read(in, "world", &mesh, &err) < 0) {
		fprintf(stderr, "%s\n", in ? err.text : "fmemopen");
		abort();
	}
	(void)fclose(in); /* of memory */
	return mesh;
}

static inline struct keeper_now
netd_now(void)
{
	return (struct keeper_now){ fake.now,
		{ 1700000000 * NS_PER_S + fake.now.ns + w.wall_step_ns }, w.freeze };
}

static inline void
netd_send(const void *message, size_t len, void *ctx)
{
	union netd_answer a;

	(void)ctx;
	if (netd_answer_check(message, len, 6, &a) < 0) {
		fprintf(stderr, "netd sent what is no answer\n");
		abort();
	}
	if (a.head.kind == NETD_REPLY) {
		w.reply = a.reply;
		w.replies++;
	} else if (a.head.kind == NETD_SELF) {
		w.self = a.self;
	} else {
		w.node[a.node.node] = a.node;
		w.told[a.node.node] = true;
	}
}

static inline struct mesh *
netd_load(size_t *self, struct err *err, void *ctx)
{
	struct mesh *mesh;

	(void)ctx;
	if (w.no_mesh) {
		(void)err_set(err, "mesh.conf: no such file");
		return NULL;
	}
	mesh = netd_mesh(w.mesh_text);
	*self = mesh_find(mesh, w.at_hub ? "dub" : "hkg");
	w.mesh = mesh;
	return mesh;
}

static inline int
netd_open(void)
{
	struct mesh *mesh = netd_mesh(w.mesh_text);
	struct keeper_opts opts = { .kernel = w.kernel,
		.mesh = mesh,
		.self = w.at_hub ? DUB : HKG,
		.journal = w.no_journal ? NULL : w.journal,
		.io = w.io,
		.boot = { w.boot },
		.limit = w.limit,
		.send = netd_send,
		.load = netd_load };
	struct err err;
	int rc = keeper_open(&opts, netd_now(), &w.keeper, &err);

	w.mesh = mesh;
	if (rc < 0)
		fprintf(stderr, "%s\n", err.text);
	return rc;
}

static inline void
netd_message(const struct netd_request *req)
{
	unsigned before = w.replies;

	memset(w.told, 0, sizeof(w.told));
	memset(w.node, 0, sizeof(w.node));
	keeper_handle(w.keeper, req, sizeof(*req), netd_now());
	if (w.replies != before + 1) {
		fprintf(stderr, "%u replies\n", w.replies - before);
		abort();
	}
}

static inline int
netd_ask_at(const struct netd_request *req)
{
	netd_message(req);
	return w.reply.error;
}

/* via, seconds, flags as the verb takes them; returns the error. */
static inline int
netd_ask(enum netd_verb verb, uint32_t node, uint32_t via)
{
	struct netd_request req;

	netd_request_init(&req, verb);
	req.node = node;
	req.via = via;
	if (verb == NETD_LEASE)
		req.seconds = NETD_LEASE_S;
	if (verb == NETD_HELLO)
		req.hash = netd_roster_hash(w.mesh);
	return netd_ask_at(&req);
}

static inline int
netd_hello(void)
{
	return netd_ask(NETD_HELLO, NETD_NONE, NETD_NONE);
}

static inline int
netd_state(void)
{
	return netd_ask(NETD_STATE, NETD_NONE, NETD_NONE);
}

static inline void
netd_sleep(int64_t ns)
{
	fake.now = mono_add(fake.now, ns);
}

static inline void
netd_poll(void)
{
	keeper_poll(w.keeper, netd_now());
}

/* Time passes, and netd looks as often as it does. */
static inline void
netd_wait(int seconds)
{
	for (int s = 0; s < seconds; s += 10) {
		netd_sleep((seconds - s < 10 ? seconds - s : 10) * NS_PER_S);
		netd_poll();
	}
}

static inline void
netd_begin(void)
{
	struct mesh *mesh = netd_mesh(netd_mesh_text);
	struct kernel_peer *hub;

	memset(&w, 0, sizeof(w));
	w.mesh_text = netd_mesh_text;
	fake_reset(&mesh->nodes[HKG].key, "10.50.0.0/16");
	fake_add_route("fd50::/16", FAKE_HUB_IFINDEX, 4);
	hub = mem_alloc(sizeof(*hub));
	hub->key = mesh->nodes[DUB].key;
	fake.hub.peers = hub;
	fake.hub.n_peers = 1;
	hub->handshake.ns = 1700000000 * NS_PER_S + fake.now.ns;
	mesh_free(mesh);
	(void)snprintf(w.journal, sizeof(w.journal), "/tmp/netd.%d.journal",
	    (int)getpid());
	(void)unlink(w.journal); /* of an earlier test */
	if (kernel_open("wgd0", &w.kernel, NULL) < 0)
		abort();
}

static inline void
netd_end(void)
{
	char bad[80];

	keeper_close(w.keeper);
	w.keeper = NULL;
	kernel_close(w.kernel);
	(void)snprintf(bad, sizeof(bad), "%s.bad", w.journal);
	(void)unlink(bad);	 /* there is one in few tests */
	(void)unlink(w.journal); /* ours */
	fake_fini();
}

/* The process dies, whatever it was doing, and another starts. */
static inline int
netd_restart(void)
{
	keeper_close(w.keeper);
	w.keeper = NULL;
	return netd_open();
}

/* Staged, and shaken hands. */
static inline int
netd_stage(uint32_t node)
{
	int rc = netd_ask(NETD_STAGE, node, NETD_NONE);

	netd_sleep(NS_PER_S);
	return rc;
}

/* A journal whose calls are steps at which netd may die, see fake_step(). */
static inline ssize_t
mortal_write(int fd, const void *buf, size_t len, off_t at)
{
	errno = EIO;
	return fake_step() ? pwrite(fd, buf, len, at) : -1;
}

static inline int
mortal_sync(int fd)
{
	(void)fd; /* a file that is read again by the same kernel */
	errno = EIO;
	return fake_step() ? 0 : -1;
}

#endif
