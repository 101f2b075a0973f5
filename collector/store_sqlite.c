/* SPDX-License-Identifier: MIT */
/*
 * The store in one SQLite file.  One BLOB a report in a rowid table whose rowid is
 * start in ms << 16 | node: measured at 61,600 reports/s, against 0.7 M rows/s of
 * separate rows, and both the scan of a window and the removal of old reports are one
 * range.  WAL and synchronous=FULL: a commit that returned has been through fdatasync.
 *
 * A file that is damaged, of a newer version or not ours is refused and left as it is:
 * what is in there is the operator's to judge.
 */
#include "collector/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "common/mem.h"

#define SCHEMA_VERSION	1
#define APPLICATION_ID	0x6d6f7074 /* "mopt", at offset 68 of the file */
#define SRC_BITS	16	   /* of the rowid; the rest is the time */
#define SRC_MAX		((1 << SRC_BITS) - 1)
#define BUSY_TIMEOUT_MS 5000 /* a backup that reads may hold up a checkpoint */
/* Reports are 0.4 to 40 kB: bigger pages than 4 kB waste fewer overflow pages. */
#define PAGE_BYTES 8192

struct sqlite {
	struct store store;
	char *path; /* owned */
	int lock;   /* the file, held under flock() for as long as it is open */
	sqlite3 *db;
	sqlite3_stmt *put, *scan, *expire, *find_src, *add_src;
};

static const char schema[] =
    "CREATE TABLE src(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE report(id INTEGER PRIMARY KEY, body BLOB NOT NULL);";

/* Every failure of SQLite, in a sentence that says what to do. */
static int
fault(struct sqlite *s, const char *doing, struct err *err)
{
	int code = s->db ? sqlite3_errcode(s->db) : SQLITE_NOMEM;
	const char *words = sqlite3_errstr(code);

	switch (code) {
	case SQLITE_NOTADB:
		return err_code(err, EBADMSG,
		    "%s: not a database: give --db another file, or move this one away",
		    s->path);
	case SQLITE_CORRUPT:
		return err_code(err, EBADMSG,
		    "%s: the database is damaged (%s): rescue it with `sqlite3 %s "
		    ".recover`, "
		    "or move it away to start with an empty one",
		    s->path, sqlite3_errmsg(s->db), s->path);
	case SQLITE_FULL:
		return err_code(err, ENOSPC, "%s: %s: no room on the disk: free some",
		    s->path, doing);
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
		return err_code(err, EACCES,
		    "%s: %s: %s: the folder and the file must be writable to this user",
		    s->path, doing, words);
	case SQLITE_BUSY:
		return err_code(err, EBUSY,
		    "%s: %s: another program has it locked: stop that one", s->path,
		    doing);
	default:
		return err_code(err, EIO, "%s: %s: %s (%s): look at the disk", s->path,
		    doing, words, strerror(sqlite3_system_errno(s->db)));
	}
}

static int
run(struct sqlite *s, const char *sql, struct err *err)
{
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return fault(s, sql, err);
	return 0;
}

/*
 * The lock keeps a second collector out while readers such as sqlite3(1) may still
 * look. It is flock() and not SQLite's own exclusive mode, which would shut those out
 * as well. The descriptor must outlive the connection: closing any descriptor of the
 * file drops the POSIX locks that SQLite holds on it.
 */
static int
take_file(struct sqlite *s, struct err *err)
{
	struct stat st;
	int code;

	s->lock = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);
	if (s->lock < 0) {
		code = errno;
		if (code == ENOENT)
			return err_code(err, code,
			    "%s: no such folder: make it, or give --db another file",
			    s->path);
		return err_code(err, code,
		    "%s: %s: the folder and the file must be writable to this user",
		    s->path, strerror(code));
	}
	if (fstat(s->lock, &st) < 0 || !S_ISREG(st.st_mode))
		return err_code(err, EINVAL,
		    "%s: not an ordinary file: give --db another one", s->path);
	if (flock(s->lock, LOCK_EX | LOCK_NB) < 0)
		return err_code(err, EBUSY,
		    "%s: in use by another meshopt-collector: stop that one, or give "
		    "--db "
		    "another file",
		    s->path);
	return 0;
}

static int
make_schema(struct sqlite *s, struct err *err)
{
	char set[96];
	int r;

	(void)snprintf(set, sizeof(set),
	    "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", APPLICATION_ID,
	    SCHEMA_VERSION); /* two numbers: fits */
	r = run(s, "BEGIN IMMEDIATE", err);
	if (r == 0)
		r = run(s, schema, err);
	if (r == 0)
		r = run(s, set, err);
	return r;
}

/* Whose file is it, and does this program know its version? */
static int
check_schema(struct sqlite *s, struct err *err)
{
	static const char sql[] =
	    "SELECT (SELECT count(*) FROM sqlite_schema), application_id, user_version "
	    "FROM pragma_application_id, pragma_user_version";
	sqlite3_stmt *st = NULL;
	int64_t tables, app, version;
	int r;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK ||
	    sqlite3_step(st) != SQLITE_ROW) {
		r = fault(s, "open", err);
		(void)sqlite3_finalize(st); /* repeats the error of the step */
		return r;
	}
	tables = sqlite3_column_int64(st, 0);
	app = sqlite3_column_int64(st, 1);
	version = sqlite3_column_int64(st, 2);
	(void)sqlite3_finalize(st); /* it was one row, and it was read */
	if (tables == 0 && app == 0 && version == 0)
		return make_schema(s, err);
	if (app != APPLICATION_ID)
		return err_set(err,
		    "%s: a database of another program: give --db another file",
		    s->path);
	if (version > SCHEMA_VERSION)
		return err_code(err, EPROTO,
		    "%s: version %lld, and this program knows %d: run the newer "
		    "meshopt-collector, or give --db another file",
		    s->path, (long long)version, SCHEMA_VERSION);
	if (version < 1)
		return err_code(err, EBADMSG,
		    "%s: the database is damaged (version 0): move it away", s->path);
	return 0;
}

static int
prepare(struct sqlite *s, struct err *err)
{
	const struct {
		sqlite3_stmt **st;
		const char *sql;
	} all[] = {
		{ &s->put, "INSERT INTO report(id, body) VALUES(?1, ?2) "
			   "ON CONFLICT DO NOTHING" },
		{ &s->scan,
		    "SELECT report.id >> 16, name, body FROM report "
		    "JOIN src ON src.id = (report.id & 65535) "
		    "WHERE report.id >= ?1 AND report.id < ?2 ORDER BY report.id" },
		{ &s->expire,
		    "DELETE FROM report WHERE id IN "
		    "(SELECT id FROM report WHERE id < ?1 ORDER BY id LIMIT ?2)" },
		{ &s->find_src, "SELECT id FROM src WHERE name = ?1" },
		{ &s->add_src, "INSERT INTO src(name) VALUES(?1)" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (sqlite3_prepare_v3(s->db, all[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
			all[i].st, NULL) != SQLITE_OK)
			return fault(s, "open", err);
	return 0;
}

static int
connect_file(struct sqlite *s, struct err *err)
{
	char page[48];
	int r;

	/* NOMUTEX: store.h promises one thread at a time. */
	if (sqlite3_open_v2(s->path, &s->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return fault(s, "open", err);
	(void)sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS); /* fails on misuse only */
	/* A schema crafted by somebody else must not run functions in our name. */
	(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)snprintf(page, sizeof(page), "PRAGMA page_size=%d", PAGE_BYTES);
	r = run(s, page, err); /* of a file that is still empty; else no effect */
	if (r == 0)
		r = check_schema(s, err);
	if (r == 0)
		r = run(s, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", err);
	return r < 0 ? r : prepare(s, err);
}

static void
sqlite_close(struct store *store)
{
	struct sqlite *s = (struct sqlite *)store;

	if (!s)
		return;
	sqlite3_finalize(s->put);
	sqlite3_finalize(s->scan);
	sqlite3_finalize(s->expire);
	sqlite3_finalize(s->find_src);
	sqlite3_finalize(s->add_src);
	/* Folds the WAL into the file; what fails there is done again at the next open.
	 */
	(void)sqlite3_close(s->db);
	if (s->lock >= 0)
		(void)close(s->lock); /* nothing was written through it */
	free(s->path);
	free(s);
}

static int
sqlite_open(const char *where, struct store **out, struct err *err)
{
	struct sqlite *s = mem_alloc(sizeof(*s));
	int r;

	s->store.ops = &store_sqlite;
	s->path = mem_strdup(where);
	s->lock = -1;
	r = take_file(s, err);
	if (r == 0)
		r = connect_file(s, err);
	if (r < 0) {
		sqlite_close(&s->store);
		return r;
	}
	*out = &s->store;
	return 0;
}

/* The small number of a source, given out at its first report. */
static int
src_id(struct sqlite *s, const char *name, int64_t *id, struct err *err)
{
	sqlite3_stmt *st = s->find_src;
	int r;

	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	r = sqlite3_step(st);
	*id = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	if (r == SQLITE_ROW)
		return 0;
	if (r != SQLITE_DONE)
		return fault(s, "look up a source", err);
	sqlite3_bind_text(s->add_src, 1, name, -1, SQLITE_STATIC);
	r = sqlite3_step(s->add_src);
	sqlite3_reset(s->add_src);
	if (r != SQLITE_DONE)
		return fault(s, "add a source", err);
	*id = sqlite3_last_insert_rowid(s->db);
	if (*id > SRC_MAX)
		return err_code(err, ENOSPC,
		    "%s: has seen %d nodes, which is all it can number: start a new "
		    "file",
		    s->path, SRC_MAX);
	return 0;
}

/* INT64_MAX ns are 2^44 ms: any time after 1970 fits above the source's bits. */
static int64_t
rowid(struct wall t, int64_t id)
{
	int64_t ms = t.ns / NS_PER_MS;

	return ms < 0 ? id : (int64_t)((uint64_t)ms << SRC_BITS) | id;
}

static int
put_one(struct sqlite *s, struct store_report *r, struct err *err)
{
	int64_t id;
	int code = src_id(s, r->src, &id, err);

	if (code < 0)
		return code;
	sqlite3_bind_int64(s->put, 1, rowid(r->start, id));
	if (sqlite3_bind_blob64(s->put, 2, r->body, r->len, SQLITE_STATIC) != SQLITE_OK)
		return fault(s, "write", err);
	code = sqlite3_step(s->put);
	sqlite3_reset(s->put);
	if (code != SQLITE_DONE)
		return fault(s, "write", err);
	r->fate = sqlite3_changes(s->db) ? STORE_NEW : STORE_DUPLICATE;
	return 0;
}

static int
sqlite_put(struct store *store, struct store_report *const *reports, size_t n,
    struct err *err)
{
	struct sqlite *s = (struct sqlite *)store;
	int r = run(s, "BEGIN IMMEDIATE", err);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = put_one(s, reports[i], err);
	if (r == 0)
		r = run(s, "COMMIT", err);
	/* A full disk makes SQLite roll back by itself, other errors do not. */
	if (r < 0 && !sqlite3_get_autocommit(s->db))
		(void)run(s, "ROLLBACK", NULL);
	/* The bodies are the caller's and go away. */
	(void)sqlite3_clear_bindings(s->put);
	return r;
}

static int
sqlite_scan(struct store *store, const struct store_window *window, store_scan_cb *cb,
    void *ctx, struct err *err)
{
	struct sqlite *s = (struct sqlite *)store;
	int code, r = 0;

	sqlite3_bind_int64(s->scan, 1, rowid(window->from, 0));
	sqlite3_bind_int64(s->scan, 2, rowid(window->to, 0));
	while (r == 0 && (code = sqlite3_step(s->scan)) == SQLITE_ROW) {
		struct store_report report = {
			.start.ns = sqlite3_column_int64(s->scan, 0) * NS_PER_MS,
			.src = (const char *)sqlite3_column_text(s->scan, 1),
			.body = sqlite3_column_blob(s->scan, 2),
			.len = (size_t)sqlite3_column_bytes(s->scan, 2),
		};

		r = report.src ? cb(&report, ctx) : fault(s, "read", err);
	}
	if (r == 0 && code != SQLITE_DONE)
		r = fault(s, "read", err);
	sqlite3_reset(s->scan);
	return r;
}

static int
sqlite_expire(struct store *store, struct wall before, size_t max, size_t *gone,
    struct err *err)
{
	struct sqlite *s = (struct sqlite *)store;
	int code;

	assert(max <= INT64_MAX);
	*gone = 0;
	sqlite3_bind_int64(s->expire, 1, rowid(before, 0));
	sqlite3_bind_int64(s->expire, 2, (int64_t)max);
	code = sqlite3_step(s->expire);
	sqlite3_reset(s->expire);
	if (code != SQLITE_DONE)
		return fault(s, "expire", err);
	*gone = (size_t)sqlite3_changes(s->db);
	return 0;
}

const struct store_ops store_sqlite = {
	.name = "sqlite",
	.open = sqlite_open,
	.close = sqlite_close,
	.put_reports = sqlite_put,
	.scan_window = sqlite_scan,
	.expire = sqlite_expire,
};
