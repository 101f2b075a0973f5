/* SPDX-License-Identifier: MIT */
/*
 * What the tests of apply share: a mesh of a hub, a POP and three backends, seen from
 * the POP hkg, and plans for it.  nrt and syd are behind NAT and start themselves; sin
 * has an endpoint and a larger key, so hkg starts towards it.  syd owns two prefixes.
 */
#ifndef TESTS_UNIT_APPLY_WORLD_H
#define TESTS_UNIT_APPLY_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/mesh.h"
#include "optimizer/apply/goals.h"
#include "optimizer/decide/plan.h"

#define WORLD_WALL ((struct wall){ 1700001000 * NS_PER_S })

static const char world_mesh_text[] =
    "[Mesh]\n"
    "Name = edgeproxy\n"
    "[Node]\n"
    "Name = dub\nRole = hub\nAddress = 10.50.0.1/24\nAllowedIPs = 10.50.0.0/16\n"
    "PublicKey = bzM6rw/efq+75VGhBgkCRChDnKfFlXQY560ejhvKCQY=\n"
    "Endpoint = 54.171.48.207:51820\n"
    "[Node]\n"
    "Name = hkg\nRole = pop\nAddress = 10.50.5.1/24\nAllowedIPs = 10.50.5.0/24\n"
    "PublicKey = GxuSsvO9/raKe5WctZQfX5tkHOrTf0PLJWmHEzrw1Go=\n"
    "Endpoint = 35.241.112.61:51820\n"
    "[Node]\n"
    "Name = nrt\nRole = backend\nAddress = 10.50.4.1/24\n"
    "PublicKey = 9ZK9FzSzihxrRX9gktc99Oj0WFSJMa0mf33pP2LJ/lU=\n"
    "[Node]\n"
    "Name = sin\nRole = backend\nAddress = 10.50.4.2/24\n"
    "PublicKey = gcwoqaT950PGW1ZaUEV75VEV7HOdyYT5rwdYOUBQzR0=\n"
    "Endpoint = 198.51.100.7:51820\n"
    "[Node]\n"
    "Name = syd\nRole = backend\nAddress = 10.50.4.3/24\n"
    "AllowedIPs = 10.50.4.3/32, 10.50.6.0/24\n"
    "PublicKey = 9yHQmzbLKEyM+F1x7obbX0WNaR25XhAcUOdU9SLBeEo=\n";

static inline struct mesh *
world_mesh(void)
{
	FILE *in = tmpfile();
	struct mesh *mesh = NULL;
	struct err err;

	if (!in || fputs(world_mesh_text, in) < 0)
		abort();
	rewind(in);
	if (mesh_read(in, "world", &mesh, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	(void)fclose(in); /* a temporary file */
	return mesh;
}

/* "nrt=direct:49 sin=hub" from hkg; times in ms, absent = unknown. */
static inline struct plan *
world_plan(const char *mesh, const char *text)
{
	static const char *const names[] = { "dub", "hkg", "nrt", "sin", "syd" };
	struct plan *plan = mem_alloc(sizeof(*plan));
	char *copy = mem_strdup(text), *save = NULL;

	strncpy(plan->mesh, mesh, sizeof(plan->mesh) - 1);
	plan->n_names = 5;
	plan->names = mem_array(5, sizeof(*plan->names));
	for (int i = 0; i < 5; i++)
		strncpy(plan->names[i], names[i], sizeof(plan->names[i]) - 1);
	plan->routes = mem_array(16, sizeof(*plan->routes));
	for (char *word = strtok_r(copy, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		struct plan_route *route = &plan->routes[plan->n_routes++];
		char *path = strchr(word, '=') + 1, *ms = strchr(word, ':');

		*route = (struct plan_route){ .a = 1, .us = PLAN_UNKNOWN };
		while (strncmp(names[route->b], word, 3) != 0)
			route->b++;
		route->path = *path == 'd'   ? PLAN_DIRECT
			      : *path == 'r' ? PLAN_RELAY
					     : PLAN_HUB;
		if (ms)
			route->us = strtol(ms + 1, NULL, 10) * 1000;
	}
	free(copy);
	return plan;
}

static inline struct goals
world_goals(const struct mesh *mesh, const char *text)
{
	struct plan *plan = world_plan("edgeproxy", text);
	struct goals goals;
	struct err err;

	if (goals_from_plan(mesh, mesh_find(mesh, "hkg"), plan, &goals, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	plan_free(plan);
	return goals;
}

#endif
