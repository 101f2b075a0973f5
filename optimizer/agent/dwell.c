/* SPDX-License-Identifier: MIT */
/*
 * The file: "meshopt-dwell 1 BOOT", a line "NODE MILLISECONDS" for each path that
 * dwells until then by CLOCK_MONOTONIC, and "crc XXXXXXXX" of all that.
 */
#include "optimizer/agent/dwell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/crc32c.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/num.h"
#include "optimizer/agent/keep.h"

#define HEAD	       "meshopt-dwell 1 "
#define CRC_LEN	       (sizeof("crc 01234567\n") - 1)
#define LINE_MAX_BYTES (MESH_NAME_MAX + 32)
/* Less than this longer is not worth a write: a fault is seen again until it is left.
 */
#define SLACK_NS (5 * NS_PER_S)
#define RETRY_NS (60 * NS_PER_S) /* after a disk that could not */

static void
read_boot(char boot[40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, boot, 36);

	if (fd >= 0)
		(void)close(fd); /* was only read */
	boot[n == 36 ? 36 : 0] = '\0';
}

void
dwell_init(struct dwell *d, const char *dir)
{
	*d = (struct dwell){ .dir = dir };
	read_boot(d->boot);
}

void
dwell_fini(struct dwell *d)
{
	free(d->kept);
	d->kept = NULL;
}

/* One line without its end: NULL when there is none. */
static char *
next_line(char **at)
{
	char *line = *at, *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*end = '\0';
	*at = end + 1;
	return line;
}

/* Of a line "NODE MS": one that has left the roster dwells nowhere. */
static int
read_node(char *line, bool same_boot, const struct mesh *mesh, struct core *core,
    struct mono now)
{
	char *ms = strchr(line, ' ');
	struct mono most = mono_add(now, WAY_HOLD_NS), until = most;
	uint64_t value;
	size_t i;

	if (!ms || num_u64(ms + 1, 0, NUM_U64_MAX / 1000, &value) < 0)
		return -EBADMSG;
	*ms = '\0';
	i = mesh_find(mesh, line);
	if (same_boot && (int64_t)value * NS_PER_MS < most.ns)
		until.ns = (int64_t)value * NS_PER_MS;
	if (i != SIZE_MAX && until.ns > now.ns)
		core_hold(core, i, until);
	return 0;
}

/* text ends with a NUL beyond len. */
static int
read_text(const struct dwell *d, char *text, size_t len, const struct mesh *mesh,
    struct core *core, struct mono now)
{
	char crc[CRC_LEN + 1], *at = text, *line;
	bool same_boot;
	int rc = 0;

	if (len < CRC_LEN || strlen(text) != len)
		return -EBADMSG;
	len -= CRC_LEN;
	(void)snprintf(crc, sizeof(crc), "crc %08x\n", crc32c(0, text, len)); /* fits */
	if (strcmp(text + len, crc) != 0)
		return -EBADMSG;
	text[len] = '\0';
	line = next_line(&at);
	if (!line || strncmp(line, HEAD, sizeof(HEAD) - 1) != 0)
		return -EBADMSG;
	line += sizeof(HEAD) - 1;
	same_boot = line[0] && strcmp(line, d->boot) == 0;
	while (rc == 0 && (line = next_line(&at)))
		rc = read_node(line, same_boot, mesh, core, now);
	return *at ? -EBADMSG : rc;
}

void
dwell_restore(struct dwell *d, const struct mesh *mesh, struct core *core,
    struct mono now)
{
	struct wall written;
	uint8_t *bytes = NULL;
	char *text;
	size_t len;
	int rc = keep_read(d->dir, DWELL_FILE, &bytes, &len, &written);

	free(d->kept);
	d->n = mesh->n_nodes;
	d->kept = mem_array(d->n, sizeof(*d->kept));
	if (rc == -ENOENT)
		return;
	if (rc == 0) {
		text = mem_alloc(len + 1);
		memcpy(text, bytes, len);
		rc = read_text(d, text, len, mesh, core, now);
		free(text);
	}
	free(bytes);
	if (rc == 0)
		return;
	log_warnx("%s/" DWELL_FILE ": %s: no path is begun for %lld minutes", d->dir,
	    strerror(-rc), (long long)(WAY_HOLD_NS / NS_PER_S / 60));
	for (size_t i = 0; i < d->n; i++)
		core_hold(core, i, mono_add(now, WAY_HOLD_NS));
}

/* *out is for free(). */
static size_t
write_text(const struct dwell *d, const struct mesh *mesh, struct mono now, char **out)
{
	char *text = mem_array(d->n + 3, LINE_MAX_BYTES);
	size_t len;

	*out = text;
	len = (size_t)snprintf(text, LINE_MAX_BYTES, HEAD "%s\n", d->boot); /* fits */
	for (size_t i = 0; i < d->n; i++) {
		if (d->kept[i].ns > now.ns)
			len += (size_t)snprintf(text + len, LINE_MAX_BYTES, "%s %lld\n",
			    mesh->nodes[i].name,
			    (long long)(d->kept[i].ns / NS_PER_MS)); /* fits */
	}
	return len + (size_t)snprintf(text + len, LINE_MAX_BYTES, "crc %08x\n",
			 crc32c(0, text, len)); /* fits */
}

void
dwell_keep(struct dwell *d, const struct mesh *mesh, const struct core *core,
    struct mono now)
{
	bool changed = d->said != 0 && now.ns >= d->retry_at.ns;
	char *text;
	size_t len;
	int rc;

	for (size_t i = 0; i < d->n; i++) {
		struct mono until = core_way(core, i)->hold_until;

		if (until.ns <= now.ns || mono_diff(until, d->kept[i]) < SLACK_NS)
			continue;
		d->kept[i] = until;
		changed = true;
	}
	if (!changed)
		return;
	len = write_text(d, mesh, now, &text);
	rc = keep_write(d->dir, DWELL_FILE, text, len);
	free(text);
	if (rc < 0 && rc != d->said)
		log_warnx("%s/" DWELL_FILE ": %s: a restart would forget which paths "
			  "dwell",
		    d->dir, strerror(-rc));
	d->said = rc;
	d->retry_at = mono_add(now, RETRY_NS);
}
