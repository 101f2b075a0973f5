/* SPDX-License-Identifier: MIT */
/*
 * Ports and keys are taken at the start, while the privilege is there to bind below
 * 1024; a mesh file that asks for other ones later takes a restart.
 */
#include "prober/stamping.h"

#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/stamp_key.h"

static bool
wants_sender(const struct roster *r)
{
	for (size_t i = 0; i < r->view.n_targets; i++)
		if (r->targets[i].method & MESH_STAMP)
			return true;
	return false;
}

static bool
wants_reflector(const struct roster *r)
{
	return r->mesh->nodes[r->view.self].method & MESH_STAMP;
}

/* The reflector's roster is whom we would probe ourselves. */
static void
admit(struct stamping *s, const struct roster *r)
{
	struct addr *addrs = mem_array(r->view.n_targets, sizeof(*addrs));
	size_t n = 0;

	for (size_t i = 0; i < r->view.n_targets; i++)
		if (r->targets[i].addr.family)
			addrs[n++] = r->targets[i].addr;
	if (s->reflector)
		stamp_reflector_roster(s->reflector, addrs, n);
	free(addrs);
}

int
stamping_open(struct stamping *s, const struct roster *roster, const char *key_file,
    int64_t timeout_ns, struct err *err)
{
	struct stamp_key key;
	struct stamp_sender_opts opts = { timeout_ns, roster->mesh->stamp_port,
		key_file ? &key : NULL };
	int rc = key_file ? stamp_key_load(key_file, &key, err) : 0;

	s->port = roster->mesh->stamp_port;
	if (rc == 0 && wants_sender(roster))
		rc = stamp_sender_new(&opts, &s->sender, err);
	if (rc == 0 && wants_reflector(roster))
		rc = stamp_reflector_new(s->port, opts.key, &s->reflector, err);
	if (rc == 0)
		admit(s, roster);
	return rc;
}

void
stamping_close(struct stamping *s)
{
	stamp_sender_free(s->sender);
	stamp_reflector_free(s->reflector);
	*s = (struct stamping){ 0 };
}

void
stamping_reload(struct stamping *s, const struct roster *roster)
{
	if (roster->mesh->stamp_port != s->port ||
	    (wants_sender(roster) && !s->sender) ||
	    (wants_reflector(roster) && !s->reflector))
		log_warnx("reload: what the mesh file now says of Method and StampPort "
			  "takes a restart");
	admit(s, roster);
}
