/* SPDX-License-Identifier: MIT */
/*
 * The made-up mesh of the collector's bench: node I is nI, on an address of its own in
 * 10.64.0.0/16, which a namespace makes its own by one route of type local.  The hub
 * is n0000.
 */
#ifndef TESTS_BENCH_NODES_H
#define TESTS_BENCH_NODES_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>

#define NODES_MAX     10000
#define NODE_NAME_MAX 64

static inline void
node_name(uint32_t node, char name[NODE_NAME_MAX])
{
	(void)snprintf(name, NODE_NAME_MAX, "n%04u", node); /* fits */
}

static inline struct sockaddr_in
node_address(uint32_t node, uint16_t port)
{
	uint32_t ip = (10u << 24 | 64u << 16) + (node / 250 << 8) + node % 250 + 1;

	return (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(ip) };
}

/* A mesh file of n nodes, on stdout; the keys are numbers in base64. */
static inline void
node_mesh(uint32_t n, uint32_t port)
{
	char ip[INET_ADDRSTRLEN], name[NODE_NAME_MAX];

	for (uint32_t i = 0; i < n; i++) {
		struct sockaddr_in a = node_address(i, 0);

		(void)inet_ntop(AF_INET, &a.sin_addr, ip, sizeof(ip)); /* fits */
		node_name(i, name);
		if (i == 0)
			printf("[Mesh]\nName = bench\nCollector = http://%s:%u\n", ip,
			    port);
		printf("\n[Node]\nName = %s\nRole = %s\nAddress = %s/32\n", name,
		    i == 0 ? "hub" : "pop", ip);
		if (i == 0)
			printf("AllowedIPs = 10.64.0.0/16\n");
		printf("PublicKey = %042uA=\nEndpoint = 192.0.2.1:%u\n", i + 1, i + 1);
	}
}

/* As many descriptors as may be had. */
static inline void
node_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit); /* then there are fewer */
	}
}

#endif
