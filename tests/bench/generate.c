/* SPDX-License-Identifier: MIT */
/*
 * Instances for the benchmark of the optimizer: from a square CSV of RTTs in ms, or
 * generated (points on a globe, with detours).  Traffic is gravity with log-normal
 * masses.  Mode mesh: all pairs talk and every node relays (or the --relays heaviest);
 * mode role: a quarter are POPs, which relay, and talk to the backends.
 *
 *	generate MODE N SEED BUDGET [CSV|-] [RELAYS [CAP]]
 *
 * BUDGET is a number of tunnels, or with % a share of the pairs that talk.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX 4000
#define DETOURS	  2.0 /* the largest factor of a path over the great circle */

static struct {
	size_t n, hub;
	char names[NODES_MAX][64];
	double *ms; /* n x n, 0 = unknown */
	double mass[NODES_MAX];
	bool pop[NODES_MAX], relay[NODES_MAX];
} g;

static uint64_t state;

static double
uniform(void)
{
	/* xorshift64*, Vigna 2016: the same numbers on every machine. */
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return ((double)((state * UINT64_C(2685821657736338717)) >> 11) + 0.5) /
	       9007199254740992.0;
}

static double
normal(void)
{
	return sqrt(-2 * log(uniform())) * cos(2 * 3.14159265358979 * uniform());
}

static double *
cell(size_t a, size_t b)
{
	return &g.ms[a * g.n + b];
}

static void
clean(char *name)
{
	for (; *name; name++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "0123456789._-",
			*name))
			*name = '-';
}

/*
 * A subset of n nodes of the file, drawn by the seed.  Of more nodes than the file has,
 * the others are neighbours of those in it: the same RTTs, and each its own last mile.
 */
static void
read_csv(const char *path, size_t n)
{
	FILE *in = fopen(path, "r");
	char *line = NULL;
	size_t size = 0, total = 0, row = 0, keep[NODES_MAX], at[NODES_MAX];
	double *all, mile[NODES_MAX];

	if (!in || getline(&line, &size, in) < 0) {
		perror(path);
		exit(1);
	}
	for (const char *p = line; *p; p++)
		total += *p == ',';
	all = calloc(total * total, sizeof(*all));
	for (size_t i = 0; i < total; i++)
		at[i] = i;
	for (size_t i = total; i-- > 1;) {
		size_t k = (size_t)(uniform() * (double)(i + 1)), swap = at[i];

		at[i] = at[k];
		at[k] = swap;
	}
	g.n = n;
	for (size_t i = 0; i < n; i++) {
		keep[i] = at[i % total];
		mile[i] = i < total ? 0 : 0.5 - 3 * log(uniform());
	}
	g.ms = calloc(g.n * g.n, sizeof(*g.ms));
	while (row < total && getline(&line, &size, in) >= 0) {
		char *p = line, *field = strsep(&p, ",\r\n");

		for (size_t i = 0; i < g.n; i++)
			if (keep[i] == row && i < total)
				(void)snprintf(g.names[i], 64, "%s", field);
			else if (keep[i] == row)
				(void)snprintf(g.names[i], 64, "%.40s-%zu", field,
				    i / total);
		for (size_t c = 0; c < total && p; c++)
			all[row * total + c] = atof(strsep(&p, ",\r\n"));
		row++;
	}
	for (size_t i = 0; i < g.n; i++) {
		clean(g.names[i]);
		for (size_t k = 0; k < g.n; k++) {
			double x = all[keep[i] * total + keep[k]];
			double y = all[keep[k] * total + keep[i]];

			x = x > 0 && y > 0 ? (x + y) / 2 : x > 0 ? x : y;
			if (keep[i] == keep[k])
				x = 0.2;
			*cell(i, k) = i == k ? 0 : x > 0 ? x + mile[i] + mile[k] : 0;
		}
	}
	free(all);
	free(line);
	(void)fclose(in); /* only read from */
}

/* Points in 40 clusters on a globe; 1 ms per 100 km and a detour of up to DETOURS. */
static void
synthesise(size_t n)
{
	static double p[NODES_MAX][3], centre[40][3];

	g.n = n;
	g.ms = calloc(n * n, sizeof(*g.ms));
	for (size_t i = 0; i < 40; i++)
		for (int k = 0; k < 3; k++)
			centre[i][k] = normal();
	for (size_t i = 0; i < n; i++) {
		double norm = 0;
		size_t c = (size_t)(uniform() * 40);

		for (int k = 0; k < 3; k++) {
			p[i][k] = centre[c][k] + 0.15 * normal();
			norm += p[i][k] * p[i][k];
		}
		for (int k = 0; k < 3; k++)
			p[i][k] /= sqrt(norm);
		(void)snprintf(g.names[i], 64, "n%04zu", i);
	}
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < i; k++) {
			double dot =
			    p[i][0] * p[k][0] + p[i][1] * p[k][1] + p[i][2] * p[k][2];
			double km = 6371 * acos(dot > 1 ? 1 : dot < -1 ? -1 : dot);
			double detour = 1 + (DETOURS - 1) * uniform() * uniform();

			*cell(i, k) = *cell(k, i) = 1 + km / 100 * 1.3 * detour;
		}
	}
}

static bool
named_hub(const char *name)
{
	return strcasestr(name, "dublin") || strcasestr(name, "ireland") ||
	       strcasestr(name, "northeurope") || strcasestr(name, "north-europe") ||
	       strcmp(name, "eu-west-1") == 0;
}

static void
choose_hub(void)
{
	double best = INFINITY;

	for (size_t h = 0; h < g.n; h++) {
		double sum = 0;

		for (size_t i = 0; i < g.n; i++)
			sum += i == h ? 0 : *cell(h, i) > 0 ? *cell(h, i) : 1000;
		if (named_hub(g.names[h]))
			sum = 0;
		if (sum < best) {
			best = sum;
			g.hub = h;
		}
	}
}

static void
choose_roles(bool mesh, size_t relays)
{
	size_t pops = 0;

	for (size_t i = 0; i < g.n; i++)
		g.mass[i] = exp(normal());
	while (!mesh && pops < (g.n - 1 + 2) / 4) {
		size_t i = (size_t)(uniform() * (double)g.n);

		if (i == g.hub || g.pop[i])
			continue;
		g.pop[i] = true;
		pops++;
	}
	for (size_t i = 0; i < g.n; i++)
		g.relay[i] = (mesh || g.pop[i]) && (!relays || !mesh);
	/* The heaviest ones relay: ties cannot be, masses are real numbers. */
	for (size_t r = 0; mesh && r < relays; r++) {
		size_t best = SIZE_MAX;

		for (size_t i = 0; i < g.n; i++)
			if (i != g.hub && !g.relay[i] &&
			    (best == SIZE_MAX || g.mass[i] > g.mass[best]))
				best = i;
		if (best != SIZE_MAX)
			g.relay[best] = true;
	}
}

static void
print_instance(bool mesh, const char *budget, const char *cap)
{
	size_t pops = 0, pairs, tunnels;

	for (size_t i = 0; i < g.n; i++)
		pops += g.pop[i];
	pairs = mesh ? (g.n - 1) * (g.n - 2) / 2 : pops * (g.n - 1 - pops);
	tunnels = strchr(budget, '%')
		      ? (size_t)((double)pairs * atof(budget) / 100 + 0.5)
		      : (size_t)atol(budget);
	printf("meshopt-instance 1\nhop 200\nobjective mean\nbudget %zu\n", tunnels);
	for (size_t i = 0; i < g.n; i++) {
		/* Their products are summed: of many nodes they must be smaller. */
		long weight = lround((g.n > 1500 ? 20 : 100) * g.mass[i]);

		printf("node %s %s %s public weight %ld", g.names[i],
		    i == g.hub	       ? "hub"
		    : mesh || g.pop[i] ? "pop"
				       : "backend",
		    g.relay[i] && i != g.hub ? "relay" : "-", weight > 0 ? weight : 1);
		if (cap)
			printf(" cap %s", cap);
		putchar('\n');
	}
	printf(mesh ? "demand all gravity\n" : "demand role pop backend gravity\n");
	for (size_t i = 0; i < g.n; i++)
		for (size_t k = 0; k < i; k++)
			if (*cell(i, k) > 0)
				printf("rtt %s %s %ld\n", g.names[i], g.names[k],
				    lround(*cell(i, k) * 1000) > 0
					? lround(*cell(i, k) * 1000)
					: 1);
}

int
main(int argc, char **argv)
{
	bool mesh;
	size_t n;

	if (argc < 5) {
		fprintf(stderr, "usage: generate mesh|role N SEED BUDGET[%%] [CSV|-] "
				"[RELAYS [CAP]]\n");
		return 2;
	}
	mesh = strcmp(argv[1], "mesh") == 0;
	n = (size_t)atol(argv[2]);
	state = strtoull(argv[3], NULL, 10) * 2 + 1;
	for (int i = 0; i < 16; i++)
		(void)uniform(); /* a small seed needs a few rounds to spread */
	if (n < 2 || n > NODES_MAX)
		return 2;
	if (argc > 5 && strcmp(argv[5], "-"))
		read_csv(argv[5], n);
	else
		synthesise(n);
	choose_hub();
	choose_roles(mesh, argc > 6 ? (size_t)atol(argv[6]) : 0);
	print_instance(mesh, argv[4], argc > 7 ? argv[7] : NULL);
	free(g.ms);
	return ferror(stdout) ? 1 : 0;
}
