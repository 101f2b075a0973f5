/* SPDX-License-Identifier: MIT */
#include "optimizer/cmd_status_agent.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/when.h"

/* It renews its file every few seconds. */
#define SILENT (60 * NS_PER_S)

json_t *
cmd_status_agent_load(const char *path, const char *node)
{
	json_t *o = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	const char *name = json_string_value(json_object_get(o, "node"));

	if (name && strcmp(name, node) == 0)
		return o;
	json_decref(o);
	return json_null();
}

static const char *
text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* Its word is of then; what it says of pairs may be long over. */
static bool
is_silent(FILE *out, const json_t *agent, struct wall now)
{
	struct wall said = now;

	if (when_parse_rfc3339(text(agent, "time"), &said) < 0 ||
	    now.ns - said.ns <= SILENT)
		return false;
	fprintf(out,
	    "agent: has said nothing for %lld s: systemctl status meshopt-agent\n",
	    (long long)((now.ns - said.ns) / NS_PER_S));
	return true;
}

static void
print_node(FILE *out, const json_t *agent)
{
	const json_t *plan = json_object_get(agent, "plan");
	const json_t *hub = json_object_get(agent, "hub");
	json_int_t epoch = json_integer_value(json_object_get(plan, "epoch"));

	fprintf(out, "agent: ");
	if (epoch)
		fprintf(out, "plan %lld%s", (long long)epoch,
		    json_is_true(json_object_get(plan, "fresh")) ? "" : ", too old");
	else
		fprintf(out, "no plan yet");
	fprintf(out, ", the hub %s\n",
	    json_is_true(json_object_get(hub, "answers")) ? "answers"
							  : "does not answer");
}

static void
print_word(FILE *out, const char *what, const char *words)
{
	if (*words)
		fprintf(out, "agent: %s%s%s\n", what, *what ? ": " : "", words);
}

static void
print_pair(FILE *out, const json_t *pair)
{
	json_int_t hold_s = json_integer_value(json_object_get(pair, "hold_s"));
	const char *peer = text(pair, "peer"), *words = text(pair, "text");
	size_t n = strlen(peer);

	/* Most of the agent's own words begin with the peer's name. */
	print_word(out,
	    strncmp(words, peer, n) == 0 && strncmp(words + n, ": ", 2) == 0 ? ""
									     : peer,
	    words);
	if (hold_s > 0 && strcmp(text(pair, "plan"), "hub") != 0)
		fprintf(out,
		    "agent: %s: stays by the hub for another %lld min %lld s, after a "
		    "fault\n",
		    peer, (long long)hold_s / 60, (long long)hold_s % 60);
}

void
cmd_status_agent_print(const json_t *agent, struct wall now, FILE *out)
{
	const json_t *pairs = json_object_get(agent, "pairs"), *pair;

	if (!json_is_object(agent) || is_silent(out, agent, now))
		return;
	print_node(out, agent);
	if (json_is_true(json_object_get(agent, "frozen")))
		print_word(out, "frozen", "no change until `meshopt freeze --off`");
	print_word(out, "", text(json_object_get(agent, "plan"), "refused"));
	print_word(out, "", text(json_object_get(agent, "netd"), "verdict"));
	print_word(out, "collector", text(agent, "collector"));
	for (size_t i = 0; (pair = json_array_get(pairs, i)); i++)
		print_pair(out, pair);
}
