/* SPDX-License-Identifier: MIT */
/*
 * A step in words, for a dry run and for messages.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "optimizer/apply/steps.h"

static void append(char text[STEPS_TEXT_MAX], const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
append(char text[STEPS_TEXT_MAX], const char *fmt, ...)
{
	size_t len = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text + len, STEPS_TEXT_MAX - len, fmt, ap); /* cut is fine */
	va_end(ap);
}

static void
peer_text(const struct goals *goals, const struct step *step, char text[STEPS_TEXT_MAX])
{
	const struct kernel_peer_change *change = &step->change;
	const struct mesh *mesh = goals->mesh;
	char key[WGKEY_SHORT_MAX], prefix[PREFIX_TEXT_MAX], addr[ADDR_TEXT_MAX];

	wgkey_short(&change->key, key);
	append(text, "%s peer %s on %s", step->fresh ? "add" : "complete", key,
	    mesh->direct_interface);
	for (size_t i = 0; i < change->n_allowed; i++) {
		prefix_format(&change->allowed[i], prefix);
		append(text, "%s%s", i ? "," : ", allowed ", prefix);
	}
	if (change->endpoint.family) {
		addr_format(&change->endpoint, addr);
		append(text,
		    change->endpoint.family == AF_INET6 ? ", endpoint [%s]:%u"
							: ", endpoint %s:%u",
		    addr, change->port);
	} else if (!goals->goal[step->goal].starts && step->fresh) {
		append(text, ", %s starts the handshake",
		    goals_node(goals, step->goal)->name);
	}
	if (change->set_keepalive)
		append(text, ", keepalive %u s", change->keepalive_s);
}

static void
route_text(const char *dev, const struct step *step, char text[STEPS_TEXT_MAX])
{
	char prefix[PREFIX_TEXT_MAX], src[ADDR_TEXT_MAX];

	prefix_format(&step->route.dst, prefix);
	append(text, "%s route %s dev %s", step->kind == STEP_ROUTE ? "add" : "delete",
	    prefix, dev);
	if (step->route.src.family) {
		addr_format(&step->route.src, src);
		append(text, " src %s", src);
	}
	if (step->kind == STEP_DROP)
		append(text, ": its tunnel is dead");
}

void
steps_text(const struct goals *goals, const struct step *step,
    char text[STEPS_TEXT_MAX])
{
	const struct mesh *mesh = goals->mesh;
	const char *dev = mesh->direct_interface;
	char prefix[PREFIX_TEXT_MAX];

	text[0] = '\0';
	append(text, "%s: ",
	    step->goal == STEPS_NODE ? dev : goals_node(goals, step->goal)->name);
	switch (step->kind) {
	case STEP_LINK:
		append(text, "create WireGuard interface, MTU %u", step->mtu);
		break;
	case STEP_KEY:
		append(text, "set the key of %s and UDP port %u", mesh->interface,
		    mesh->direct_port);
		break;
	case STEP_UP:
		append(text, "set up");
		break;
	case STEP_ADDR:
		prefix_format(&step->prefix, prefix);
		append(text, "add address %s", prefix);
		break;
	case STEP_PEER:
		peer_text(goals, step, text);
		break;
	case STEP_DEMOTE:
	case STEP_DROP:
	case STEP_ROUTE:
		route_text(dev, step, text);
		break;
	}
}
