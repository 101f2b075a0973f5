/* SPDX-License-Identifier: MIT */
/*
 * The power goes while the SQLite store writes.  A layer below SQLite remembers what
 * was written since each file was last synced; at a random write a copy of the files is
 * made in which every sector of that is there or not, by chance.  The copy must open,
 * be sound, and have every report that was acknowledged by then, and of the batch that
 * was being written all or nothing.
 * links: collector/store_sqlite.c collector/store_sqlite_event.c
 * links: collector/store_sqlite_file.c collector/store_sqlite_report.c
 * links: collector/store_sqlite_rollup.c
 */
#include <sqlite3.h>

#include "tests/unit/seed.h"
#include "tests/unit/store_util.h"

#define SECTOR	  512
#define FILES_MAX 2
/* Sanitizers make each of them some fifty times as long. */
#ifdef __SANITIZE_ADDRESS__
#define ROUNDS 4
#else
#define ROUNDS 150
#endif

static struct backend sqlite = { .ops = &store_sqlite };

/* bytes NULL: cut the file at `at`. */
struct change {
	int64_t at;
	size_t len;
	uint8_t *bytes;
	struct change *next;
};

/* A file as it is on the disk for certain, and what may be there as well. */
struct disk {
	char path[420];
	uint8_t *bytes;
	size_t len, cap;
	struct change *first, **last;
};

static struct {
	struct disk disks[FILES_MAX]; /* the database and its log */
	struct seed seed;
	bool on;
	uint32_t countdown; /* writes until the power goes; 0 = it does not */
	char copy[420];	    /* where the files go then */
	bool cut;
} power;

static sqlite3_vfs *base;

struct shim {
	sqlite3_file file;
	struct disk *disk; /* NULL = of no interest */
	sqlite3_file *real;
};

static void
apply(struct disk *d, int64_t at, const uint8_t *bytes, size_t len)
{
	size_t end = (size_t)at + len;

	if (!bytes) {
		d->len = d->len < (size_t)at ? d->len : (size_t)at;
		return;
	}
	if (end > d->len) {
		if (end > d->cap) {
			d->cap = 2 * end;
			d->bytes = realloc(d->bytes, d->cap);
		}
		memset(d->bytes + d->len, 0, end - d->len);
		d->len = end;
	}
	memcpy(d->bytes + at, bytes, len);
}

static void
forget(struct disk *d)
{
	while (d->first) {
		struct change *c = d->first;

		d->first = c->next;
		free(c->bytes);
		free(c);
	}
	d->last = &d->first;
}

/* What the disk has when the power is back. */
static void
save_copy(const struct disk *d, const char *path, uint32_t odds)
{
	struct disk then = { .len = d->len, .cap = d->len + 1 };
	FILE *f = fopen(path, "w");

	then.bytes = malloc(d->len + 1);
	if (d->len)
		memcpy(then.bytes, d->bytes, d->len);
	for (const struct change *c = d->first; c; c = c->next) {
		size_t n;

		if (!c->bytes && seed_below(&power.seed, 100) < odds)
			apply(&then, c->at, NULL, 0);
		for (size_t i = 0; c->bytes && i < c->len; i += n) {
			n = SECTOR - (size_t)(c->at + (int64_t)i) % SECTOR;
			n = n < c->len - i ? n : c->len - i;
			if (seed_below(&power.seed, 100) < odds)
				apply(&then, c->at + (int64_t)i, c->bytes + i, n);
		}
	}
	assert_non_null(f);
	if (then.len)
		assert_int_equal(fwrite(then.bytes, then.len, 1, f), 1);
	assert_int_equal(fclose(f), 0);
	free(then.bytes);
}

static void
change(struct disk *d, int64_t at, const void *bytes, size_t len)
{
	static const uint32_t odds[] = { 0, 10, 50, 90, 100 };
	struct change *c = calloc(1, sizeof(*c));
	char path[440];
	uint32_t o = odds[seed_below(&power.seed, 5)];

	c->at = at;
	c->len = len;
	if (bytes) {
		c->bytes = malloc(len);
		memcpy(c->bytes, bytes, len);
	}
	*d->last = c;
	d->last = &c->next;
	if (power.countdown == 0 || --power.countdown > 0)
		return;
	save_copy(&power.disks[0], power.copy, o);
	(void)snprintf(path, sizeof(path), "%s-wal", power.copy);
	save_copy(&power.disks[1], path, o);
	power.cut = true;
}

static struct shim *
shim_of(sqlite3_file *file)
{
	return (struct shim *)file;
}

static int
shim_close(sqlite3_file *f)
{
	sqlite3_file *real = shim_of(f)->real;

	return real->pMethods->xClose(real);
}

static int
shim_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
	sqlite3_file *real = shim_of(f)->real;

	return real->pMethods->xRead(real, to, n, at);
}

static int
shim_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
	sqlite3_file *real = shim_of(f)->real;

	if (shim_of(f)->disk)
		change(shim_of(f)->disk, at, from, (size_t)n);
	return real->pMethods->xWrite(real, from, n, at);
}

static int
shim_truncate(sqlite3_file *f, sqlite3_int64 at)
{
	sqlite3_file *real = shim_of(f)->real;

	if (shim_of(f)->disk)
		change(shim_of(f)->disk, at, NULL, 0);
	return real->pMethods->xTruncate(real, at);
}

static int
shim_sync(sqlite3_file *f, int flags)
{
	struct disk *d = shim_of(f)->disk;

	(void)flags;
	for (struct change *c = d ? d->first : NULL; c; c = c->next)
		apply(d, c->at, c->bytes, c->len);
	if (d)
		forget(d);
	return SQLITE_OK;
}

static int
shim_size(sqlite3_file *f, sqlite3_int64 *size)
{
	sqlite3_file *real = shim_of(f)->real;

	return real->pMethods->xFileSize(real, size);
}

static int
shim_lock(sqlite3_file *f, int level)
{
	sqlite3_file *real = shim_of(f)->real;

	return real->pMethods->xLock(real, level);
}

static int
shim_unlock(sqlite3_file *f, int level)
{
	sqlite3_file *real = shim_of(f)->real;

	return real->pMethods->xUnlock(real, level);
}

static int
shim_reserved(sqlite3_file *f, int *out)
{
	sqlite3_file *real = shim_of(f)->real;

	return real->pMethods->xCheckReservedLock(real, out);
}

static int
shim_control(sqlite3_file *f, int op, void *arg)
{
	sqlite3_file *real = shim_of(f)->real;

	return real->pMethods->xFileControl(real, op, arg);
}

static int
shim_sector(sqlite3_file *f)
{
	(void)f;
	return SECTOR;
}

static int
shim_traits(sqlite3_file *f)
{
	(void)f;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* what Linux is told to be */
}

static int
shim_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	sqlite3_file *real = shim_of(f)->real;

	return real->pMethods->xShmMap(real, page, size, extend, out);
}

static int
shim_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
	sqlite3_file *real = shim_of(f)->real;

	return real->pMethods->xShmLock(real, at, n, flags);
}

static void
shim_shm_barrier(sqlite3_file *f)
{
	sqlite3_file *real = shim_of(f)->real;

	real->pMethods->xShmBarrier(real);
}

static int
shim_shm_unmap(sqlite3_file *f, int away)
{
	sqlite3_file *real = shim_of(f)->real;

	return real->pMethods->xShmUnmap(real, away);
}

static const sqlite3_io_methods shim_methods = {
	.iVersion = 2,
	.xClose = shim_close,
	.xRead = shim_read,
	.xWrite = shim_write,
	.xTruncate = shim_truncate,
	.xSync = shim_sync,
	.xFileSize = shim_size,
	.xLock = shim_lock,
	.xUnlock = shim_unlock,
	.xCheckReservedLock = shim_reserved,
	.xFileControl = shim_control,
	.xSectorSize = shim_sector,
	.xDeviceCharacteristics = shim_traits,
	.xShmMap = shim_shm_map,
	.xShmLock = shim_shm_lock,
	.xShmBarrier = shim_shm_barrier,
	.xShmUnmap = shim_shm_unmap,
};

static int
shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	struct shim *shim = shim_of(f);
	int code;

	(void)vfs;
	shim->real = (sqlite3_file *)(shim + 1);
	shim->disk = NULL;
	for (int i = 0; name && power.on && i < FILES_MAX; i++)
		if (strcmp(name, power.disks[i].path) == 0)
			shim->disk = &power.disks[i];
	code = base->xOpen(base, name, shim->real, flags, out);
	shim->file.pMethods = shim->real->pMethods ? &shim_methods : NULL;
	return code;
}

static void
power_on(const char *path)
{
	static sqlite3_vfs vfs;

	if (!base) {
		base = sqlite3_vfs_find(NULL);
		vfs = *base;
		vfs.zName = "power";
		vfs.szOsFile = (int)sizeof(struct shim) + base->szOsFile;
		vfs.xOpen = shim_open;
		assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
	}
	for (int i = 0; i < FILES_MAX; i++) {
		struct disk *d = &power.disks[i];

		free(d->bytes);
		forget(d);
		*d = (struct disk){ .last = &d->first };
		(void)snprintf(d->path, sizeof(d->path), "%s%s", path, i ? "-wal" : "");
	}
	power.on = true;
}

enum { NAMES = 3, STARTS = 400, BODY_MAX = 20000 };
static const char *const names[NAMES] = { "hkg", "nrt", "sin" };

struct model {
	bool acked[NAMES][STARTS], trying[NAMES][STARTS], found[NAMES][STARTS];
};

static int
find(const struct store_report *r, void *ctx)
{
	struct model *m = ctx;
	int64_t start = (r->start.ns - T0) / NS_PER_S;
	int src = r->src[0] == 'h' ? 0 : r->src[0] == 'n' ? 1 : 2;

	assert_in_range(start, 0, STARTS - 1);
	for (size_t i = 0; i < r->len; i++) /* a torn body would show */
		assert_int_equal(r->body[i], (uint8_t)start);
	m->found[src][start] = true;
	return 0;
}

/* The power is back: look at the copy. */
static void
look(struct model *m)
{
	const struct store_scan all = { .window = forever };
	struct backend copy = { .ops = &store_sqlite };
	struct store *s;
	unsigned some = 0, none = 0;

	(void)strcpy(copy.where, power.copy);
	memset(m->found, 0, sizeof(m->found));
	power.on = false;
	s = open_store(&copy);
	assert_int_equal(s->ops->check(s, NULL), 0);
	assert_int_equal(s->ops->scan(s, &all, find, m, NULL), 0);
	s->ops->close(s);
	for (int src = 0; src < NAMES; src++)
		for (int i = 0; i < STARTS; i++) {
			if (m->acked[src][i] && !m->found[src][i])
				fail_msg("%s@%d was acknowledged", names[src], i);
			if (m->trying[src][i] && !m->acked[src][i])
				*(m->found[src][i] ? &some : &none) += 1;
			else if (m->found[src][i])
				assert_true(m->acked[src][i]);
		}
	if (some > 0 && none > 0)
		fail_msg("%u of a batch of %u", some, some + none);
}

/* A batch; what the power cut finds in between is in the model. */
static void
put_batch(struct store *s, struct model *m, struct seed *seed)
{
	static uint8_t bodies[16][BODY_MAX];
	struct store_report reports[16], *batch[16];
	size_t n = 1 + seed_below(seed, 16);

	memset(m->trying, 0, sizeof(m->trying));
	for (size_t i = 0; i < n; i++) {
		uint32_t src = seed_below(seed, NAMES), at = seed_below(seed, STARTS);

		reports[i] = (struct store_report){ .src = names[src],
			.start.ns = T0 + at * NS_PER_S,
			.body = bodies[i],
			.len = 1 + seed_below(seed, BODY_MAX) };
		memset(bodies[i], (uint8_t)at, reports[i].len);
		batch[i] = &reports[i];
		m->trying[src][at] = true;
	}
	assert_int_equal(s->ops->put_reports(s, batch, n, NULL), 0);
	if (power.cut)
		return;
	for (int src = 0; src < NAMES; src++)
		for (int i = 0; i < STARTS; i++)
			m->acked[src][i] |= m->trying[src][i];
}

/* Roll-ups and events between the batches: other pages, and checkpoints. */
static void
do_others(struct store *s, struct seed *seed)
{
	const struct store_due due = { STORE_5MIN, { INT64_MAX }, { INT64_MAX } };
	struct store_rollup rollup = { .body = (const uint8_t *)"r", .len = 1 };
	struct store_event event = { "hkg", 1, seed_next(seed) >> 1, { T0 }, "k", "t",
		0 };
	size_t n;

	assert_int_equal(s->ops->marks(s, &due, &rollup.mark, 1, &n, NULL), 0);
	if (n > 0)
		assert_int_equal(s->ops->put_rollups(s, &rollup, 1, NULL), 0);
	assert_int_equal(s->ops->put_events(s, &event, 1, NULL), 0);
}

static void
test_power(void **state)
{
	struct backend *b = *state;
	int rounds = getenv("UNDER_VALGRIND") ? 2 : ROUNDS, acked = 0;

	power.seed = seed_new("test_power");
	for (int round = 0; round < rounds; round++) {
		struct seed *seed = &power.seed;
		struct model *m = calloc(1, sizeof(*m));
		struct store *s;

		setup(state);
		(void)snprintf(power.copy, sizeof(power.copy), "%.400s.copy", b->where);
		power_on(b->where);
		power.countdown = 0;
		power.cut = false;
		s = open_store(b);
		power.countdown = 1 + seed_below(seed, 1500);
		while (!power.cut) {
			put_batch(s, m, seed);
			if (power.cut)
				break;
			memset(m->trying, 0, sizeof(m->trying));
			if (seed_below(seed, 4) == 0)
				do_others(s, seed);
		}
		look(m);
		s->ops->close(s);
		for (int i = 0; i < NAMES * STARTS; i++)
			acked += (&m->acked[0][0])[i];
		free(m);
		(void)unlink(b->where);
		(void)unlink(power.copy);
	}
	power_on("");
	power.on = false;
	printf("power cuts %d, acknowledged %d, all found\n", rounds, acked);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON(sqlite, test_power),
	};

	return run_stores(tests, sizeof(tests) / sizeof(tests[0]));
}
