/* SPDX-License-Identifier: MIT */
#include "optimizer/config_files.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static FILE *begin(struct config_files *files, unsigned mode, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static FILE *
begin(struct config_files *files, unsigned mode, const char *fmt, ...)
{
	struct config_file *f = &files->file[files->n++];
	va_list ap;
	FILE *out;

	va_start(ap, fmt);
	(void)vsnprintf(f->path, sizeof(f->path), fmt, ap); /* names are short */
	va_end(ap);
	f->mode = mode;
	out = open_memstream(&f->text, &f->len);
	if (!out)
		abort(); /* of memory: as mem_alloc() does */
	return out;
}

static void
end(FILE *out)
{
	if (fclose(out) != 0)
		abort();
}

static void
networkd(struct config_out *c, const struct config_if *v, struct config_files *out)
{
	c->out = begin(out, 0640, "/etc/systemd/network/50-%s.netdev", v->name);
	config_netdev(c, v);
	end(c->out);
	c->out = begin(out, 0644, "/etc/systemd/network/50-%s.network", v->name);
	config_network(c, v);
	end(c->out);
}

/* networkd of Debian 12 has no setting for rp_filter; udev applies these to links. */
static void
sysctls(const struct config_if *v, size_t n, struct config_files *files)
{
	FILE *out = begin(files, 0644, "/etc/sysctl.d/50-meshopt.conf");

	for (size_t i = 0; i < n; i++)
		fprintf(out, "net.ipv4.conf.%s.rp_filter = 2\n", v[i].name);
	end(out);
}

static void
make(struct config_out *c, const struct config_if *v, size_t n,
    struct config_files *out)
{
	const char *name = v->self->name;

	switch (c->opts->format) {
	case CONFIG_WG_QUICK:
		for (size_t i = 0; i < n; i++) {
			c->out = begin(out, 0600, "/etc/wireguard/%s.conf", v[i].name);
			config_wgquick(c, &v[i]);
			end(c->out);
		}
		break;
	case CONFIG_NETWORKD:
		for (size_t i = 0; i < n; i++)
			networkd(c, &v[i], out);
		if (v->side_by_side)
			sysctls(v, n, out);
		break;
	case CONFIG_SCRIPT:
		c->out = begin(out, 0700, "/usr/local/sbin/meshopt-up-%s", name);
		config_script(c, v, n);
		end(c->out);
		break;
	case CONFIG_CLOUD_INIT:
		c->out = begin(out, 0600, "/%s.cloud-init.yaml", name);
		config_cloud(c, v, n);
		end(c->out);
		break;
	}
}

void
config_files_make(const struct config_opts *opts, struct config_files *out)
{
	struct config_out c = { opts, NULL };
	struct config_if v[2];
	size_t n = 1;

	memset(out, 0, sizeof(*out));
	config_view_hub(opts->mesh, opts->self, opts->topology, &v[0]);
	/* The hub has its tunnel to every node already. */
	if (opts->topology == CONFIG_SIDE_BY_SIDE && opts->self != opts->mesh->hub)
		config_view_direct(opts->mesh, opts->self, &v[n++]);
	make(&c, v, n, out);
	for (size_t i = 0; i < n; i++)
		config_view_fini(&v[i]);
}

void
config_files_fini(struct config_files *files)
{
	for (size_t i = 0; i < files->n; i++) {
		explicit_bzero(files->file[i].text, files->file[i].len);
		free(files->file[i].text);
	}
	memset(files, 0, sizeof(*files));
}
