/* SPDX-License-Identifier: MIT */
/*
 * Faults, refusals and what others changed are warnings; all else is information.
 */
#include "optimizer/agent/event_log.h"

#include "common/log.h"
#include "optimizer/agent/event_json.h"

void
event_log(const struct mesh *mesh, const struct core_event *e)
{
	const char *kind = event_json_kind(e->kind), *name;
	char path[MESH_NAME_MAX + 8];

	if (e->node == SIZE_MAX) {
		log_info("%s", e->text);
		return;
	}
	name = mesh->nodes[e->node].name;
	event_json_path(mesh, e->path, e->via, path);
	if (e->kind == CORE_OPERATOR)
		log_warnx("%s: %s: it is left alone, by %s, until you say: systemctl "
			  "kill -s USR1 meshopt-agent",
		    name, e->text, path);
	else if (e->node == mesh->hub)
		log_warnx("%s", e->text);
	else if (e->kind == CORE_FAULT || e->kind == CORE_REFUSED)
		log_warnx("%s; now by %s", e->text, path);
	else if (e->rtt_us >= 0)
		log_info("%s: %s: %s, %.1f ms: %s", name, kind, path,
		    (double)e->rtt_us / 1000, e->text);
	else
		log_info("%s: %s: %s: %s", name, kind, path, e->text);
}
