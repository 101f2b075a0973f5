/* SPDX-License-Identifier: MIT */
/*
 * meshopt doctor: what is wrong here, why it is thought so, and what to type next.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/num.h"
#include "common/opts.h"
#include "optimizer/busy.h"
#include "optimizer/cmd.h"
#include "optimizer/operate/examine.h"
#include "optimizer/operate/self.h"
#include "optimizer/table.h"

/* Two attempts at a handshake, which WireGuard makes 5 s apart after 15 s of silence.
 */
#define WAIT_DEFAULT (25 * NS_PER_S)

struct doctor_opts {
	const char *mesh, *node, *peer;
	struct examine_opts examine;
	bool json;
};

struct print {
	const struct mesh *mesh;
	size_t checks;
	bool colour;
	json_t *list; /* with --json */
};

static volatile sig_atomic_t stopped;

static void
on_signal(int signum)
{
	(void)signum;
	stopped = 1;
}

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: meshopt doctor [OPTION...] [PEER]\n"
	    "Find out what is wrong with this node's tunnels, or with the way to "
	    "PEER.\n\n"
	    "  --wait 25s     how long to wait for a handshake that was asked for\n"
	    "  --mesh FILE    mesh file (default " MESH_DEFAULT_PATH ")\n"
	    "  --node NAME    which node this is (default: found by its addresses)\n"
	    "  -j, --json\n"
	    "Exit status 0: healthy; 1: something was found.\n");
}

static int
parse(int argc, char **argv, struct doctor_opts *o)
{
	static const struct option options[] = {
		{ "wait", required_argument, NULL, 'w' },
		{ "mesh", required_argument, NULL, 'm' },
		{ "node", required_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = opts_next(argc, argv, "jh", options)) != -1) {
		if (c == 'w' && num_duration(optarg, &o->examine.wait_ns) < 0) {
			log_warnx("--wait: \"%s\" is not a time such as 25s", optarg);
			return EXIT_USAGE;
		}
		if (c == 'm')
			o->mesh = optarg;
		else if (c == 'n')
			o->node = optarg;
		else if (c == 'j')
			o->json = true;
		else if (c != 'w') {
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_DONE : EXIT_USAGE;
		}
	}
	if (optind + 1 < argc) {
		log_warnx("doctor: one peer at most");
		usage(stderr);
		return EXIT_USAGE;
	}
	o->peer = argv[optind];
	return -1;
}

static void
print_text(const struct doctor_finding *f, void *ctx)
{
	struct print *p = ctx;
	const char *bad = p->colour ? "\033[31mBAD\033[0m" : "BAD";
	const char *good = p->colour ? "\033[32mok\033[0m " : "ok ";

	p->checks++;
	if (!f->bad) {
		printf("%s  %-13s  %s (%s)\n", good, doctor_check_name(f->check),
		    f->verdict, f->evidence);
		return;
	}
	printf("%s  %-13s  %s\n", bad, doctor_check_name(f->check), f->verdict);
	printf("     %-13s  %s\n", "", f->evidence);
	printf("     %-13s  next: %s\n", "", f->next);
}

static void
print_json(const struct doctor_finding *f, void *ctx)
{
	struct print *p = ctx;
	const char *node = f->node == SIZE_MAX ? NULL : p->mesh->nodes[f->node].name;
	json_t *o = json_object();

	p->checks++;
	json_object_set_new(o, "check", json_string(doctor_check_name(f->check)));
	json_object_set_new(o, "node", node ? json_string(node) : json_null());
	json_object_set_new(o, "ok", json_boolean(!f->bad));
	json_object_set_new(o, "verdict", json_string(f->verdict));
	json_object_set_new(o, "evidence", json_string(f->evidence));
	json_object_set_new(o, "next", f->bad ? json_string(f->next) : json_null());
	json_array_append_new(p->list, o);
}

static int
judge(const struct doctor_opts *o, const struct examine *e, size_t peer)
{
	const struct mesh *mesh = e->facts.mesh;
	struct print p = { .mesh = mesh, .colour = !o->json && table_colour(stdout) };
	const char *self = mesh->nodes[e->facts.self].name;
	json_t *top;
	size_t bad;

	if (!o->json) {
		bad = doctor_judge(&e->facts, peer, print_text, &p);
		printf("%s: %zu checks, %zu finding%s\n", self, p.checks, bad,
		    bad == 1 ? "" : "s");
		return bad ? EXIT_FAILED : EXIT_DONE;
	}
	top = json_object();
	p.list = json_array();
	bad = doctor_judge(&e->facts, peer, print_json, &p);
	json_object_set_new(top, "node", json_string(self));
	json_object_set_new(top, "healthy", json_boolean(bad == 0));
	json_object_set_new(top, "checks", p.list);
	json_dumpf(top, stdout, JSON_INDENT(1));
	printf("\n");
	json_decref(top);
	return bad ? EXIT_FAILED : EXIT_DONE;
}

static int
doctor(const struct doctor_opts *o, const struct mesh *mesh, struct kernel *k,
    struct err *err)
{
	struct examine e = { 0 };
	size_t self, peer = SIZE_MAX;
	int rc, status = EXIT_FAILED;

	if (!kernel_may_change(k))
		return err_code(err, EPERM,
		    "no CAP_NET_ADMIN: the kernel shows its tunnels to root alone");
	rc = self_find(k, mesh, o->node, &self, err);
	if (rc == 0 && o->peer) {
		peer = mesh_find(mesh, o->peer);
		if (peer == SIZE_MAX)
			return err_set(err,
			    "doctor: there is no node \"%s\" in mesh %s", o->peer,
			    mesh->name);
	}
	if (rc == 0) {
		busy_begin("%s: asking %zu nodes, up to %lld s for one that is silent",
		    mesh->nodes[self].name, mesh->n_nodes - 1,
		    (long long)(o->examine.wait_ns / NS_PER_S));
		rc = examine_run(k, mesh, self, &o->examine, &e, err);
		busy_end();
	}
	if (rc == 0 && !stopped)
		status = judge(o, &e, peer);
	examine_fini(&e);
	return rc < 0 ? rc : status;
}

int
cmd_doctor(int argc, char **argv)
{
	struct doctor_opts o = { .mesh = MESH_DEFAULT_PATH,
		.examine = { WAIT_DEFAULT, &stopped } };
	struct mesh *mesh = NULL;
	struct kernel *k = NULL;
	struct err err;
	int rc = parse(argc, argv, &o);

	if (rc >= 0)
		return rc;
	(void)signal(SIGINT, on_signal); /* else it would die of it, which is as well */
	rc = mesh_load(o.mesh, &mesh, &err);
	if (rc == 0)
		rc = kernel_open(mesh->direct_interface, &k, &err);
	if (rc == 0)
		rc = doctor(&o, mesh, k, &err);
	if (rc < 0)
		log_warnx("%s", err.text);
	kernel_close(k);
	mesh_free(mesh);
	return rc < 0 ? EXIT_FAILED : rc;
}
