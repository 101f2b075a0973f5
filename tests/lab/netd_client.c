/* SPDX-License-Identifier: MIT */
/*
 * netd on a line: the other half of the agent, as far as a scenario needs one.
 *
 *	netd-client run SOCKET MESH NODE STATE-DIR FREEZE-FILE BURST WINDOW-S
 *	netd-client ask SOCKET WORD...
 *
 * `run` starts netd as its child, says hello, and does what comes by the socket; when
 * netd dies it starts another. `ask` sends its words and prints the answer:
 *
 *	stage|commit|withdraw|unstage|adopt NODE
 *	relay NODE VIA
 *	lease NODE SECONDS [VIA]
 *	panic                 each prints "ERROR text", ERROR as errno(3) names it or 0
 *	state                 a line a node, one of the whole
 *	kill N                netd dies at the Nth step from now
 *	storm NODE N SEED     N random arrows, each with a kill at a random step
 *	pid                   of netd
 *
 * What a step is says steps.h.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "common/num.h"
#include "optimizer/netd/netd.h"
#include "optimizer/netd/serve.h"
#include "tests/lab/steps.h"

#define STORM_STEPS 14 /* a little more than the longest arrow has */

static volatile int *kill_in; /* shared with netd; 0 = live */

void
step(const char *when)
{
	(void)when; /* where it died is for the storm's own count */
	if (*kill_in > 0 && --*kill_in == 0)
		(void)kill(getpid(), SIGKILL); /* does not fail */
}

struct half {
	struct serve_opts opts;
	struct mesh *mesh;
	struct netd_client client;
	pid_t netd;
	FILE *out;	       /* of the request that is being served */
	struct netd_node node; /* of the last state, of the node of a storm */
	uint32_t watched;
};

static void
die(const char *what)
{
	log_die("netd-client: %s: %s", what, strerror(errno));
}

static const char *
word_of(int error)
{
	return error == 0 ? "0" : strerrorname_np(-error);
}

static void
print_node(const struct half *h, const struct netd_node *r)
{
	static const char *const paths[] = { "hub", "leased", "direct" };
	static const char *const peers[] = { "absent", "right", "differs" };

	fprintf(h->out,
	    "node %s path %s via %s holder %s peer %s lease %u flags %u age %lld rx "
	    "%llu "
	    "tx %llu %s\n",
	    h->mesh->nodes[r->node].name, paths[r->path],
	    r->via == NETD_NONE ? "-" : h->mesh->nodes[r->via].name,
	    r->holder == NETD_NONE ? "-" : h->mesh->nodes[r->holder].name,
	    peers[r->peer], r->lease_s, r->flags, (long long)r->handshake_age_ms,
	    (unsigned long long)r->rx_bytes, (unsigned long long)r->tx_bytes,
	    r->foreign);
}

/* The error of the reply; -EPIPE when netd died over it. */
static int
call(struct half *h, struct netd_request *req, char text[NETD_TEXT_MAX])
{
	union netd_answer a;
	int rc = netd_client_send(&h->client, req);

	text[0] = '\0';
	while (rc == 0 && (rc = netd_client_receive(&h->client, &a)) == 1) {
		rc = 0;
		if (a.head.kind == NETD_NODE && a.node.node == h->watched)
			h->node = a.node;
		if (h->out && a.head.kind == NETD_NODE)
			print_node(h, &a.node);
		if (h->out && a.head.kind == NETD_SELF)
			fprintf(h->out,
			    "self flags %u hub-age %lld changes %llu peers %u routes "
			    "%u "
			    "tokens %u next %u %s\n",
			    a.self.flags, (long long)a.self.hub_handshake_age_ms,
			    (unsigned long long)a.self.changes, a.self.n_peers,
			    a.self.n_routes, a.self.tokens, a.self.next_s,
			    a.self.verdict);
	}
	if (rc < 0)
		return -EPIPE;
	memcpy(text, a.reply.text, NETD_TEXT_MAX);
	return a.reply.error;
}

static void
start(struct half *h)
{
	struct netd_request req;
	char text[NETD_TEXT_MAX];
	FILE *out = h->out;
	int fd[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) < 0)
		die("socketpair");
	h->netd = fork();
	if (h->netd < 0)
		die("fork");
	if (h->netd == 0) {
		/* Else whoever asks waits for the end of a line that netd holds as
		 * well. */
		for (int i = 3; i < 64; i++) {
			if (i != fd[1])
				(void)close(i); /* most of them are not open */
		}
		h->opts.fd = fd[1];
		exit(serve_run(&h->opts));
	}
	(void)close(fd[1]); /* the other's */
	netd_client_init(&h->client, fd[0], h->mesh->n_nodes);
	netd_request_init(&req, NETD_HELLO);
	req.hash = netd_roster_hash(h->mesh);
	h->out = NULL;
	rc = call(h, &req, text);
	h->out = out;
	if (rc < 0)
		log_die("hello: %s %s", word_of(rc), text);
}

/* netd is dead: another takes its place. */
static void
restart(struct half *h)
{
	*kill_in = 0;
	(void)close(h->client.fd); /* nobody is at the other end */
	(void)waitpid(h->netd, NULL, 0);
	start(h);
}

static uint32_t
find(const struct half *h, const char *name)
{
	size_t i = name ? mesh_find(h->mesh, name) : SIZE_MAX;

	return i == SIZE_MAX ? NETD_NONE : (uint32_t)i;
}

static int
arrow(struct half *h, enum netd_verb verb, uint32_t node, uint32_t seconds)
{
	struct netd_request req;
	char text[NETD_TEXT_MAX];

	netd_request_init(&req, verb);
	req.node = node;
	req.seconds = seconds;
	return call(h, &req, text);
}

/* After each death the pair must be whole, on one of its paths, and nobody blamed. */
static void
storm(struct half *h, uint32_t node, uint32_t n, uint32_t seed)
{
	static const enum netd_verb verbs[] = { NETD_STAGE, NETD_LEASE, NETD_COMMIT,
		NETD_WITHDRAW };
	uint32_t kills = 0, wrong = 0;
	FILE *out = h->out;

	h->out = NULL;
	h->watched = node;
	for (uint32_t i = 0; kills < n && i < 40 * n; i++) {
		enum netd_verb verb;

		seed = seed * 1664525 + 1013904223;
		verb = verbs[seed >> 30];
		*kill_in = (int)(seed >> 8) % STORM_STEPS + 1;
		if (arrow(h, verb, node, verb == NETD_LEASE ? 60 : 0) != -EPIPE) {
			*kill_in = 0;
			continue;
		}
		kills++;
		restart(h);
		memset(&h->node, 0, sizeof(h->node));
		if (arrow(h, NETD_STATE, NETD_NONE, 0) != 0 || h->node.flags)
			wrong++;
	}
	*kill_in = 0;
	h->watched = NETD_NONE;
	h->out = out;
	fprintf(out, "storm kills %u wrong %u\n", kills, wrong);
}

static void
request(struct half *h, char *word[], int n)
{
	static const struct {
		const char *name;
		enum netd_verb verb;
	} verbs[] = { { "stage", NETD_STAGE }, { "relay", NETD_STAGE_RELAY },
		{ "lease", NETD_LEASE }, { "commit", NETD_COMMIT },
		{ "withdraw", NETD_WITHDRAW }, { "unstage", NETD_UNSTAGE },
		{ "adopt", NETD_ADOPT }, { "panic", NETD_PANIC },
		{ "state", NETD_STATE } };
	struct netd_request req;
	char text[NETD_TEXT_MAX];
	size_t i;
	int rc;

	for (i = 0; i < 9 && strcmp(verbs[i].name, word[0]) != 0; i++)
		;
	if (i == 9) {
		fprintf(h->out, "EINVAL no such word\n");
		return;
	}
	netd_request_init(&req, verbs[i].verb);
	req.node = find(h, n > 1 ? word[1] : NULL);
	if (req.verb == NETD_LEASE) {
		(void)num_u32(n > 2 ? word[2] : "", 0, 1000, &req.seconds); /* or 0 */
		req.via = find(h, n > 3 ? word[3] : NULL);
	} else {
		req.via = find(h, n > 2 ? word[2] : NULL);
	}
	rc = call(h, &req, text);
	fprintf(h->out, "%s %s\n", word_of(rc), text);
	if (rc == -EPIPE)
		restart(h);
}

static void
serve_line(struct half *h, char *line)
{
	char *word[8], *save = NULL;
	uint32_t v[2] = { 0 };
	int n = 0, status;

	/* It may have died while nobody asked. */
	if (waitpid(h->netd, &status, WNOHANG) == h->netd)
		restart(h);
	for (char *w = strtok_r(line, " \n", &save); w && n < 8;
	     w = strtok_r(NULL, " \n", &save))
		word[n++] = w;
	if (n == 0)
		return;
	for (int i = 0; i < 2 && i + 2 < n; i++)
		(void)num_u32(word[i + 2], 0, UINT32_MAX, &v[i]); /* or 0 */
	if (strcmp(word[0], "pid") == 0) {
		fprintf(h->out, "%d\n", (int)h->netd);
	} else if (strcmp(word[0], "kill") == 0 && n > 1) {
		(void)num_u32(word[1], 0, 1000, &v[0]); /* or 0 */
		*kill_in = (int)v[0];
		fprintf(h->out, "0 \n");
	} else if (strcmp(word[0], "storm") == 0 && find(h, word[1]) != NETD_NONE) {
		storm(h, find(h, word[1]), v[0], v[1]);
	} else {
		request(h, word, n);
	}
}

static struct sockaddr_un
address(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(sun.sun_path))
		log_die("%s: name too long", path);
	memcpy(sun.sun_path, path, strlen(path));
	return sun;
}

static int
run(char *arg[])
{
	struct half h = { .opts = { .mesh_path = arg[1],
			      .node = arg[2],
			      .state_dir = arg[3],
			      .freeze_path = arg[4] },
		.watched = NETD_NONE };
	struct sockaddr_un sun = address(arg[0]);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint32_t window_s;
	struct err err;

	kill_in = mmap(NULL, sizeof(*kill_in), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (kill_in == MAP_FAILED || num_u32(arg[5], 1, 1000000, &h.opts.burst) < 0 ||
	    num_u32(arg[6], 1, 1000000, &window_s) < 0)
		die("arguments");
	h.opts.window_ns = window_s * NS_PER_S;
	if (mesh_load(arg[1], &h.mesh, &err) < 0)
		log_die("%s", err.text);
	start(&h);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ||
	    listen(fd, 8) < 0)
		die(arg[0]);
	for (;;) {
		char line[512] = "";
		int one = accept(fd, NULL, NULL);
		ssize_t len = one < 0 ? -1 : read(one, line, sizeof(line) - 1);

		h.out = one < 0 ? NULL : fdopen(one, "w");
		if (!h.out || len < 0)
			die("accept");
		serve_line(&h, line);
		(void)fclose(h.out); /* who asked may be gone */
	}
}

static int
ask(char *arg[], int n)
{
	struct sockaddr_un sun = address(arg[0]);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char line[512] = "", answer[8192];
	ssize_t len;

	if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		die(arg[0]);
	for (int i = 1; i < n; i++) {
		size_t at = strlen(line);

		(void)snprintf(line + at, sizeof(line) - at, "%s%s", i > 1 ? " " : "",
		    arg[i]); /* the scenario's words are short */
	}
	if (write(fd, line, strlen(line)) < 0)
		die("write");
	while ((len = read(fd, answer, sizeof(answer))) > 0)
		(void)fwrite(answer, 1, (size_t)len, stdout); /* seen by the reader */
	return len < 0;
}

int
main(int argc, char *argv[])
{
	log_init("netd-client", false);
	if (argc == 9 && strcmp(argv[1], "run") == 0)
		return run(argv + 2);
	if (argc > 3 && strcmp(argv[1], "ask") == 0)
		return ask(argv + 2, argc - 2);
	log_die("usage: netd-client run SOCKET MESH NODE DIR FREEZE BURST WINDOW | "
		"ask SOCKET WORD...");
}
