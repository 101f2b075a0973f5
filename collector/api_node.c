/* SPDX-License-Identifier: MIT */
#include "collector/api_node.h"

#include <stdio.h>

#include "common/log.h"

#include "collector/api_json.h"
#include "collector/api_reply.h"

static int
make(struct api_job *job, struct store *store, FILE *out)
{
	(void)store;
	fputs(job->text, out);
	return 0;
}

/* The same as JSON has, but reasons, which are for people. */
static char *
csv(const struct api *api, struct wall now)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		log_die("out of memory");
	fputs("name,role,address,state,last,age_s,skew_s,stamp,version,reports,gaps,"
	      "duplicates,refused\n",
	    f);
	for (size_t i = 0; i < api->mesh->n_nodes; i++) {
		const struct mesh_node *in = &api->mesh->nodes[i];
		const struct node_state *node = &api->nodes[i];
		char address[ADDR_TEXT_MAX], last[WALL_TEXT_MAX] = "";

		addr_format(&in->address.addr, address);
		fprintf(f, "%s,%s,%s,%s,", in->name, mesh_role_name(in->role), address,
		    nodes_state_name(node, now));
		if (node->seen) {
			wall_format(node->start, last);
			fprintf(f, "%s,%.3f,%.3f,%s", last,
			    (double)(now.ns - node->start.ns) / (double)NS_PER_S,
			    (double)node->skew_ns / (double)NS_PER_S,
			    stamp_name(node->stamp));
		} else {
			fputs(",,,", f);
		}
		fprintf(f, ",%s,%llu,%llu,%llu,%llu\n", node->version,
		    (unsigned long long)node->accepted,
		    (unsigned long long)nodes_gaps(node),
		    (unsigned long long)node->duplicates,
		    (unsigned long long)node->refused);
	}
	if (fclose(f) != 0)
		log_die("out of memory");
	return text;
}

/* The loop owns the states, so it writes them; the reader packs the text. */
void
api_node_get(struct api *api, struct http_request *request)
{
	const struct query_rules rules = { "nodes", 1u << QUERY_FORMAT,
		1u << QUERY_JSON | 1u << QUERY_CSV, 0 };
	struct api_job job = { .api = api, .request = request, .now = clock_wall() };
	struct err err;

	if (query_parse(request, &rules, job.now, &job.query, &err) < 0) {
		api_reply_error(request, 400, err.text);
		return;
	}
	job.text = job.query.format == QUERY_CSV ? csv(api, job.now)
						 : api_json_nodes(api, job.now);
	job.type = query_media_type(job.query.format);
	job.make = make;
	job.job.quick = true;
	api_reply_job(&job);
}

void
api_node_get_mesh(struct api *api, struct http_request *request)
{
	struct api_job job = { .api = api, .request = request };

	if (request->n_params > 0) {
		api_reply_error(request, 400, "/api/v1/mesh takes no parameter");
		return;
	}
	job.text = api_json_mesh(api->mesh);
	job.type = API_REPLY_JSON;
	job.make = make;
	job.job.quick = true;
	api_reply_job(&job);
}
