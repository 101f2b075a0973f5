/* SPDX-License-Identifier: MIT */
/*
 * meshopt import: a mesh file out of what a fleet runs already.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/mesh_lint.h"
#include "common/opts.h"
#include "optimizer/apply/kernel.h"
#include "optimizer/cmd.h"
#include "optimizer/import.h"
#include "optimizer/nodes_csv.h"

#define TEXT_MAX_BYTES (16 * 1024 * 1024) /* of one source: thousands of peers */

struct options {
	struct import_opts how;
	struct prefix overlay;
	struct import_source *sources; /* owned */
	size_t n;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: meshopt import [OPTION...] [NAME=]FILE...\n"
	    "Print a mesh file made of wg-quick files, the output of `wg showconf IF` "
	    "or\n"
	    "`wg show IF dump`, or a CSV of nodes (FILE.csv). NAME is the node whose "
	    "file it is;\n"
	    "- is standard input.\n\n"
	    "  --interface [NAME=]IF  a WireGuard interface of this machine\n"
	    "  --name MESH            the name of the mesh\n"
	    "  --hub NAME             which node is the hub, if the files do not show "
	    "it\n"
	    "  --overlay PREFIX       what the spokes reach through the hub (default: "
	    "the least\n"
	    "                         that covers every node)\n");
}

static char *
slurp(FILE *in, size_t *len, const char *path, struct err *err)
{
	char *text = NULL;
	size_t room = 0;

	for (*len = 0; !feof(in) && !ferror(in);) {
		if (*len == room) {
			/* A private key must not stay behind in memory given back. */
			char *more = mem_alloc(room ? room * 2 : 65536);

			if (text) {
				memcpy(more, text, *len);
				explicit_bzero(text, *len);
				free(text);
			}
			text = more;
			room = room ? room * 2 : 65536;
		}
		if (room > TEXT_MAX_BYTES)
			break;
		*len += fread(text + *len, 1, room - *len, in);
	}
	if (!ferror(in) && *len > 0 && room <= TEXT_MAX_BYTES)
		return text;
	(void)err_set(err, "%s: %s", path,
	    ferror(in)	? strerror(errno)
	    : *len == 0 ? "empty"
			: "larger than any configuration");
	free(text);
	return NULL;
}

static int
read_source(const char *path, struct wgquick *w, struct err *err)
{
	bool standard = strcmp(path, "-") == 0;
	const char *dot = strrchr(path, '.'),
		   *name = standard ? "standard input" : path;
	FILE *in = standard ? stdin : fopen(path, "re"), *copy;
	size_t len = 0;
	char *text;
	int r;

	if (!in)
		return err_code(err, errno, "%s: %s", path, strerror(errno));
	setbuf(in, NULL); /* or keys would stay in a buffer of the library */
	text = slurp(in, &len, name, err);
	if (!standard)
		(void)fclose(in); /* only read from */
	if (!text)
		return -EINVAL;
	copy = fmemopen(text, len, "r");
	if (!copy)
		r = err_code(err, errno, "%s: %s", name, strerror(errno));
	else if (dot && strcasecmp(dot, ".csv") == 0)
		r = nodes_csv_read(copy, name, w, err);
	else
		r = wgquick_read(copy, name, w, err);
	if (copy)
		(void)fclose(copy); /* only read from */
	explicit_bzero(text, len);
	free(text);
	return r;
}

static void
take_device(const struct kernel_device *dev, const struct kernel_addr *addrs, size_t n,
    struct wgquick *w)
{
	w->has_key = dev->has_key;
	w->key = dev->key;
	w->port = dev->port;
	w->running = true;
	w->line = 1;
	for (size_t i = 0; i < n; i++) {
		w->address = mem_grow(w->address, i + 1, sizeof(*w->address));
		w->address[w->n_address++] = addrs[i].prefix;
	}
	for (size_t i = 0; i < dev->n_peers; i++) {
		const struct kernel_peer *from = &dev->peers[i];
		struct wgquick_peer *p = wgquick_add_peer(w);

		p->key = from->key;
		p->has_keepalive = from->keepalive_s != 0;
		p->keepalive_s = from->keepalive_s;
		p->n_allowed = from->n_allowed;
		p->allowed = mem_array(from->n_allowed + 1, sizeof(*p->allowed));
		if (from->n_allowed)
			memcpy(p->allowed, from->allowed,
			    from->n_allowed * sizeof(*p->allowed));
		if (!from->endpoint.family)
			continue;
		p->endpoint.addr = from->endpoint;
		p->endpoint.port = from->port;
		addr_format(&from->endpoint, p->endpoint.host);
	}
}

static int
read_interface(const char *name, struct wgquick *w, struct err *err)
{
	struct kernel_device *dev = NULL;
	struct kernel_addr *addrs = NULL;
	struct kernel_link link = { .ifindex = 0 };
	struct kernel *k = NULL;
	size_t n = 0;
	int r = kernel_open(name, &k, err);

	if (r < 0)
		return r;
	memset(w, 0, sizeof(*w));
	r = kernel_link(k, name, &link);
	if (r == 0)
		r = kernel_device(k, name, &dev);
	if (r == 0)
		r = kernel_addrs(k, link.ifindex, &addrs, &n);
	if (r == 0) {
		take_device(dev, addrs, n, w);
		w->mtu = (uint16_t)link.mtu;
		r = wgquick_check(w, name, err);
	} else {
		r = err_code(err, -r, "%s: %s%s", name, strerror(-r),
		    r == -EPERM ? "; the kernel shows it to root only" : "");
	}
	kernel_device_free(dev);
	free(addrs);
	kernel_close(k);
	return r;
}

/* "NAME=PATH"; what stands before '=' is a name only if it can be one. */
static int
add_source(struct options *o, char *arg, bool interface, struct err *err)
{
	struct import_source *s;
	char *equals = strchr(arg, '=');
	int r;

	o->sources = mem_grow(o->sources, o->n + 1, sizeof(*o->sources));
	s = &o->sources[o->n];
	memset(s, 0, sizeof(*s));
	s->path = arg;
	if (equals && !memchr(arg, '/', (size_t)(equals - arg))) {
		*equals = '\0';
		s->name = arg;
		s->path = equals + 1;
		if (!mesh_name_ok(arg))
			return err_set(err,
			    "\"%.80s\" is not the name of a node: up to 63 characters "
			    "a-z 0-9 . _ -, starting with a letter or digit",
			    arg);
	}
	r = interface ? read_interface(s->path, &s->w, err)
		      : read_source(s->path, &s->w, err);
	if (r == 0)
		o->n++;
	return r;
}

static void
say_fault(const struct mesh_fault *f, void *ctx)
{
	(void)ctx;
	log_warnx("%s: %s", f->hard ? "to be mended" : "warning", f->text);
}

/* What comes out is judged as any mesh file is. */
static int
judge(char *text, size_t len, size_t unknown)
{
	FILE *in = fmemopen(text, len, "r");
	struct mesh *mesh = NULL;
	struct err err;
	size_t hard;

	if (!in)
		return EXIT_FAILED;
	if (unknown)
		log_warnx("%zu %s that the files do not answer: see the lines that "
			  "begin # TODO",
		    unknown, unknown == 1 ? "question" : "questions");
	if (mesh_parse(in, "the new mesh file", &mesh, &err) < 0) {
		if (!unknown)
			log_warnx("%s", err.text);
		(void)fclose(in); /* only read from */
		return EXIT_PARTIAL;
	}
	(void)fclose(in); /* only read from */
	hard = mesh_lint(mesh, say_fault, NULL);
	mesh_free(mesh);
	return hard || unknown ? EXIT_PARTIAL : EXIT_DONE;
}

static int
run(struct options *o)
{
	struct import *im = NULL;
	struct err err;
	char *text = NULL;
	size_t len = 0;
	FILE *out;
	int status;

	if (import_new(o->sources, o->n, &o->how, &im, &err) < 0) {
		log_warnx("%s", err.text);
		return EXIT_FAILED;
	}
	out = open_memstream(&text, &len);
	if (!out)
		abort(); /* of memory: as mem_alloc() does */
	import_write(im, out);
	if (fclose(out) != 0)
		abort();
	printf("%s", text);
	(void)fflush(stdout); /* main() looks at it */
	status = judge(text, len, im->unknown);
	import_free(im);
	free(text);
	return status;
}

static int
take_option(struct options *o, int c, struct err *err)
{
	switch (c) {
	case 'i':
		return add_source(o, optarg, true, err);
	case 'n':
		o->how.mesh_name = optarg;
		break;
	case 'H':
		o->how.hub = optarg;
		break;
	case 'O':
		if (prefix_parse(optarg, &o->overlay) < 0)
			return err_set(err,
			    "--overlay: \"%s\" is not a prefix such as "
			    "10.50.0.0/16",
			    optarg);
		o->overlay = prefix_masked(&o->overlay);
		o->how.overlay = &o->overlay;
		break;
	}
	if (c == 'n' && !mesh_name_ok(optarg))
		return err_set(err, "--name: \"%.80s\" cannot be the name of a mesh",
		    optarg);
	return 0;
}

int
cmd_import(int argc, char **argv)
{
	static const struct option options[] = {
		{ "interface", required_argument, NULL, 'i' },
		{ "name", required_argument, NULL, 'n' },
		{ "hub", required_argument, NULL, 'H' },
		{ "overlay", required_argument, NULL, 'O' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { .n = 0 };
	struct err err;
	int c, r = 0, status = EXIT_FAILED;

	while (r == 0 && (c = opts_next(argc, argv, "h", options)) != -1) {
		if (c == 'h' || c == '?') {
			usage(c == 'h' ? stdout : stderr);
			status = c == 'h' ? EXIT_DONE : EXIT_USAGE;
			goto out;
		}
		r = take_option(&o, c, &err);
	}
	for (int i = optind; r == 0 && i < argc; i++)
		r = add_source(&o, argv[i], false, &err);
	if (r < 0) {
		log_warnx("%s", err.text);
	} else if (o.n == 0) {
		usage(stderr);
		status = EXIT_USAGE;
	} else {
		status = run(&o);
	}
out:
	for (size_t i = 0; i < o.n; i++)
		wgquick_fini(&o.sources[i].w);
	free(o.sources);
	return status;
}
