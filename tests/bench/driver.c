/* SPDX-License-Identifier: MIT */
/*
 * The prober's engine without its upload: the engine, the pinger, the pace and the
 * windows as they ship, for the bench.
 *
 * usage: driver [-a] [-d FILE] [-i INTERVAL_MS] BASE PATHS PERIOD_MS SECONDS
 *
 *   BASE     first address: 10.99.0.1, 127.1.0.1, fd99::1; each next is one more
 *   PATHS    how many, half of them overlay addresses and half public ones
 *   SECONDS  of sending; then it waits for the last answers
 *   -a       overlay addresses only, one a peer
 *   -i MS    interval of a report; 10 s as the prober's, if not given
 *   -d FILE  write each fate as "sequence rtt_ns", rtt -1 for what is lost
 *
 * Prints: probes sent answered lost late duplicate spoofed local_drop stamp
 * probes being all of them, sent those that count: a target's first one does not.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/num.h"
#include "prober/engine_core.h"
#include "prober/window.h"

#define MMAP_BYTES  (128 * 1024)
#define INTERVAL_NS (10 * NS_PER_S)
#define TAIL_NS	    (50 * NS_PER_MS) /* between two drains at the end */
#define TIMEOUT_NS  NS_PER_S	     /* as fping is given */

static FILE *dump;
static uint64_t probes, fates[PINGER_UNSENT + 1];

/* The linker puts these between the engine and what it calls (--wrap). */
uint64_t __real_pinger_queue(struct pinger *p, const struct pinger_probe *probe,
    struct mono now, pinger_cb *cb, void *ctx);
uint64_t __wrap_pinger_queue(struct pinger *p, const struct pinger_probe *probe,
    struct mono now, pinger_cb *cb, void *ctx);
int __real_pinger_send(struct pinger *p, const struct pinger_probe *probe,
    struct mono now, uint64_t *seq);
int __wrap_pinger_send(struct pinger *p, const struct pinger_probe *probe,
    struct mono now, uint64_t *seq);
void __real_window_result(struct window_set *set, const struct pinger_result *r,
    bool with_rtt);
void __wrap_window_result(struct window_set *set, const struct pinger_result *r,
    bool with_rtt);

uint64_t
__wrap_pinger_queue(struct pinger *p, const struct pinger_probe *probe, struct mono now,
    pinger_cb *cb, void *ctx)
{
	probes++;
	return __real_pinger_queue(p, probe, now, cb, ctx);
}

int
__wrap_pinger_send(struct pinger *p, const struct pinger_probe *probe, struct mono now,
    uint64_t *seq)
{
	probes++;
	return __real_pinger_send(p, probe, now, seq);
}

void
__wrap_window_result(struct window_set *set, const struct pinger_result *r,
    bool with_rtt)
{
	fates[r->fate]++;
	if (dump && (r->fate == PINGER_ANSWERED || r->fate == PINGER_LOST))
		fprintf(dump, "%llu %lld\n", (unsigned long long)r->seq,
		    (long long)(r->fate == PINGER_LOST ? -1 : r->rtt_ns));
	__real_window_result(set, r, with_rtt);
}

static void
on_report(const struct report *r, void *ctx)
{
	*(enum stamp *)ctx = r->stamp;
}

static struct addr
nth(struct addr a, uint32_t n)
{
	for (unsigned i = addr_bytes(&a); i-- > 0; n >>= 8) {
		n += a.b[i];
		a.b[i] = (uint8_t)n;
	}
	return a;
}

/* A mesh of as many nodes as it takes, ours the first. */
struct fleet {
	struct mesh mesh;
	struct target *targets;
	struct engine_roster roster;
};

static void
make_fleet(struct fleet *f, const struct addr *base, uint32_t paths, uint32_t each)
{
	uint32_t n = (paths + each - 1) / each;

	*f = (struct fleet){ .targets = mem_array(paths, sizeof(*f->targets)) };
	f->mesh.nodes = mem_array(n + 1, sizeof(*f->mesh.nodes));
	f->mesh.n_nodes = n + 1;
	for (uint32_t i = 0; i <= n; i++)
		(void)snprintf(f->mesh.nodes[i].name, MESH_NAME_MAX, "node%u", i);
	for (uint32_t i = 0; i < paths; i++)
		f->targets[i] = (struct target){ .node = 1 + i / each,
			.kind = i % each ? TARGET_PUBLIC : TARGET_OVERLAY,
			.addr = nth(*base, i) };
	f->roster = (struct engine_roster){ &f->mesh, 0, f->targets, paths };
}

static void
rest(struct mono until)
{
	struct timespec ts = { until.ns / NS_PER_S, until.ns % NS_PER_S };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) != 0)
		continue;
}

static void
tick(struct engine *e)
{
	struct mono now = clock_mono();

	rest(mono_add(now, engine_tick(e, now)));
}

static void
run(struct engine_opts *opts, struct fleet *fleet, int64_t length_ns)
{
	struct mono end = mono_add(clock_mono(), length_ns);
	struct engine *e = engine_new(opts, &fleet->roster, clock_mono());

	/* The engine keeps nothing of it, and fping forgets its own list too. */
	free(fleet->mesh.nodes);
	free(fleet->targets);
	while (mono_diff(end, clock_mono()) > 0)
		tick(e);
	/* The last answers, and what is lost. */
	end = mono_add(clock_mono(), opts->timeout_ns + TAIL_NS);
	while (mono_diff(end, clock_mono()) > 0) {
		rest(mono_add(clock_mono(), TAIL_NS));
		engine_probe_drain(e, clock_mono());
	}
	engine_free(e);
}

static uint32_t
number(const char *text)
{
	uint32_t n;

	if (num_u32(text, 1, 1000000, &n) < 0)
		log_die("%s: not a number", text);
	return n;
}

int
main(int argc, char **argv)
{
	struct pinger_opts pinger_opts = { .timeout_ns = TIMEOUT_NS,
		.tx_stamps = true };
	enum stamp stamp = STAMP_COUNT;
	struct engine_opts opts = { .interval_ns = INTERVAL_NS,
		.report = on_report,
		.ctx = &stamp };
	struct pinger_counts counts;
	uint32_t each = 2;
	struct fleet fleet;
	struct addr base;
	struct err err;
	int option;

	log_init("driver", false);
	(void)mallopt(M_MMAP_THRESHOLD, MMAP_BYTES); /* as prober/main.c */
	while ((option = getopt(argc, argv, "ad:i:")) != -1) {
		if (option == 'a')
			each = 1;
		else if (option == 'd')
			dump = fopen(optarg, "w");
		else if (option == 'i')
			opts.interval_ns = number(optarg) * NS_PER_MS;
		else
			return 2;
	}
	if (argc - optind != 4 || addr_parse(argv[optind], &base) < 0)
		log_die("usage: driver [-a] [-d FILE] [-i MS] BASE PATHS PERIOD_MS "
			"SECONDS");
	opts.timeout_ns = pinger_opts.timeout_ns;
	opts.period_ns = number(argv[optind + 2]) * NS_PER_MS;
	make_fleet(&fleet, &base, number(argv[optind + 1]), each);
	if (pinger_new(&pinger_opts, &opts.pinger, &err) < 0)
		log_die("%s", err.text);
	if (fib_open(&opts.fib) < 0)
		log_die("rtnetlink: cannot be opened");
	run(&opts, &fleet, number(argv[optind + 3]) * NS_PER_S);
	counts = pinger_counts(opts.pinger);
	printf("%llu %llu %llu %llu %llu %llu %llu %llu %s\n",
	    (unsigned long long)probes,
	    (unsigned long long)(fates[PINGER_ANSWERED] + fates[PINGER_LOST]),
	    (unsigned long long)fates[PINGER_ANSWERED],
	    (unsigned long long)fates[PINGER_LOST],
	    (unsigned long long)fates[PINGER_LATE],
	    (unsigned long long)fates[PINGER_DUPLICATE],
	    (unsigned long long)counts.spoofed, (unsigned long long)counts.local_drop,
	    stamp_name(stamp));
	if (dump)
		(void)fclose(dump);
	return 0;
}
