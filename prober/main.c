/* SPDX-License-Identifier: MIT */
/*
 * meshopt-prober: measures the paths from this node to every other and reports them to
 * the collector.  Here: who we are, privileges, and the order in which things
 * start and stop.  meshopt-prober(8) describes it.
 */
#include <errno.h>
#include <linux/capability.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/caps.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/sdnotify.h"
#include "prober/loop.h"
#include "prober/metrics.h"
#include "prober/options.h"
#include "prober/roster.h"
#include "prober/spool.h"
#include "prober/stamping.h"

/*
 * glibc raises this with each large block that is freed, and then carves large arrays
 * from a heap that never shrinks: 14 MB instead of 11 at 10,000 paths.
 */
#define MMAP_BYTES (128 * 1024)

struct reloader {
	const struct options *config;
	struct roster *roster;
	struct stamping *stamping;
	struct names *names;
};

static void
reload(struct engine *e, void *ctx)
{
	struct reloader *l = ctx;
	struct roster fresh = { 0 };
	struct err err;

	if (roster_load(&fresh, l->config->mesh_path, l->config->node, &err) < 0) {
		log_warnx("reload: %s; the old mesh stays in force", err.text);
		return;
	}
	roster_want(&fresh, l->names);
	roster_resolve(&fresh, l->names);
	engine_reload(e, &fresh.view, clock_mono());
	roster_free(l->roster);
	*l->roster = fresh;
	stamping_reload(l->stamping, l->roster);
	log_info("reload: %zu nodes, %zu targets", fresh.mesh->n_nodes,
	    fresh.view.n_targets);
}

static void
poll_names(struct engine *e, void *ctx)
{
	struct reloader *l = ctx;

	if (!names_poll(l->names, clock_mono()))
		return;
	roster_resolve(l->roster, l->names);
	engine_reload(e, &l->roster->view, clock_mono());
	stamping_reload(l->stamping, l->roster);
}

/* The URL without its last slash, or an error that says what to do. */
static int
find_collector(const struct options *c, const struct mesh *mesh,
    char out[MESH_COLLECTOR_MAX], struct err *err)
{
	const char *url = c->collector ? c->collector : mesh->collector;
	size_t len = strlen(url);

	if (len == 0)
		return err_set(err,
		    "%s: no Collector in [Mesh]; write it there or give "
		    "--collector URL",
		    c->mesh_path);
	if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
		return err_set(err,
		    "%s: Collector = %s: not an http:// or https:// URL", c->mesh_path,
		    url);
	if (url[len - 1] == '/')
		len--;
	if (len >= MESH_COLLECTOR_MAX)
		return err_set(err, "--collector: longer than %d characters",
		    MESH_COLLECTOR_MAX - 1);
	memcpy(out, url, len);
	out[len] = '\0';
	return 0;
}

static void
say_spool(const struct spool *spool)
{
	struct spool_stats stats = spool_stats(spool);

	if (stats.damaged)
		log_warnx("spool %s: %llu damaged bytes passed over", spool_dir(spool),
		    (unsigned long long)stats.damaged);
	if (stats.reports)
		log_info("spool %s: %llu reports of a former run wait",
		    spool_dir(spool), (unsigned long long)stats.reports);
}

static void
say_start(const struct roster *r, const struct pinger *p, const char *collector)
{
	log_info("%s of mesh %s: %zu targets, %s, stamps %s, reports to %s",
	    r->mesh->nodes[r->view.self].name, r->mesh->name, r->view.n_targets,
	    pinger_mode(p), stamp_name(pinger_stamp(p)), collector);
}

/* Everything that takes a privilege or may fail; the caller closes it in any case. */
static int
open_all(const struct options *c, const struct roster *roster, struct loop_opts *opts,
    struct stamping *stamping, struct err *err)
{
	struct pinger_opts icmp = { .timeout_ns = c->timeout_ns, .tx_stamps = true };
	struct pinger_opts full = { .timeout_ns = c->timeout_ns,
		.dont_fragment = true };
	int rc = pinger_new(&icmp, &opts->engine.pinger, err);

	if (rc == 0)
		rc = pinger_new(&full, &opts->engine.mtu_pinger, err);
	if (rc < 0)
		return rc;
	rc = fib_open(&opts->engine.fib);
	if (rc < 0)
		return err_code(err, -rc, "rtnetlink: %s", strerror(-rc));
	rc = spool_open(c->spool, SPOOL_BYTES_MAX, &opts->spool, err);
	if (rc == 0)
		rc = stamping_open(stamping, roster, c->stamp_key, c->timeout_ns, err);
	if (rc == 0 && c->metrics.addr.family)
		rc = opts->metrics_fd = metrics_listen(&c->metrics, err);
	if (rc < 0)
		return rc;
	opts->engine.stamp = stamping->sender;
	opts->reflector = stamping->reflector;
	rc = caps_keep(CAPS_BIT(CAP_NET_RAW));
	return rc < 0 ? err_code(err, -rc, "dropping capabilities: %s", strerror(-rc))
		      : 0;
}

static int
run(const struct options *c, struct roster *roster, struct err *err)
{
	struct stamping stamping = { 0 };
	struct reloader reloader = { c, roster, &stamping, names_new() };
	char collector[MESH_COLLECTOR_MAX];
	struct loop_opts opts = { .reload = reload,
		.poll = poll_names,
		.ctx = &reloader,
		.collector = collector,
		.roster = roster->view,
		.metrics_fd = -1 };
	struct loop *loop = NULL;
	int rc;

	opts.engine.period_ns = c->period_ns;
	opts.engine.interval_ns = c->interval_ns;
	opts.engine.timeout_ns = c->timeout_ns;
	opts.engine.source = c->source;
	opts.engine.source_ifindex = c->source_ifindex;
	roster_want(roster, reloader.names);
	rc = find_collector(c, roster->mesh, collector, err);
	if (rc == 0)
		rc = open_all(c, roster, &opts, &stamping, err);
	if (rc == 0)
		rc = loop_new(&opts, &loop, err);
	if (rc < 0)
		goto out;
	say_start(roster, opts.engine.pinger, collector);
	say_spool(opts.spool);
	if (sdnotify("READY=1") < 0)
		log_warnx("NOTIFY_SOCKET: nobody there; systemd may time out");
	loop_run(loop);
	(void)sdnotify("STOPPING=1"); /* a courtesy: systemd sees the exit anyway */
out:
	loop_free(loop);
	names_free(reloader.names);
	stamping_close(&stamping);
	spool_free(opts.spool);
	fib_close(opts.engine.fib);
	pinger_free(opts.engine.mtu_pinger);
	pinger_free(opts.engine.pinger);
	return rc;
}

int
main(int argc, char **argv)
{
	struct options c;
	struct roster roster = { 0 };
	struct err err;
	int rc;

	log_init("meshopt-prober", false);
	/* Refusal would cost memory only. */
	(void)mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
	options_read(&c, argc, argv);
	log_init("meshopt-prober", c.verbose);
	log_no_wait();
	(void)signal(SIGPIPE, SIG_IGN); /* a TLS library may write to a closed socket */
	rc = roster_load(&roster, c.mesh_path, c.node, &err);
	if (rc == 0)
		rc = run(&c, &roster, &err);
	if (rc < 0)
		log_warnx("%s", err.text);
	roster_free(&roster);
	return rc < 0 ? 1 : 0;
}
