/* SPDX-License-Identifier: MIT */
/*
 * The file of the SQLite store: whose it is, its lock, its version, and whether it is
 * sound.
 */
#include "collector/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEMA_VERSION	2
#define APPLICATION_ID	0x6d6f7074 /* "mopt", at offset 68 of the file */
#define BUSY_TIMEOUT_MS 5000	   /* a backup that reads may hold up a checkpoint */
/* Reports are 0.4 to 40 kB: bigger pages than 4 kB waste fewer overflow pages. */
#define PAGE_BYTES 8192
/*
 * Up to this size every start looks at every page; some 2 s from a slow disk.  Above,
 * a fault is found by who meets it, and by --check.
 */
#define CHECK_BYTES_MAX (256 * 1024 * 1024)
/* What a long reader has made the WAL grow to is given back. */
#define WAL_BYTES_MAX (64 * 1024 * 1024)

/* Version 1 had src(id, name) and report. */
static const char schema_1[] =
    "CREATE TABLE src(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE report(id INTEGER PRIMARY KEY, body BLOB NOT NULL);";
static const char schema_2[] =
    "ALTER TABLE src ADD COLUMN raw_from INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE src ADD COLUMN five_from INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE five(id INTEGER PRIMARY KEY, body BLOB NOT NULL);"
    "CREATE TABLE hour(id INTEGER PRIMARY KEY, body BLOB NOT NULL);"
    "CREATE INDEX report_src ON report(id & 65535);"
    "CREATE INDEX five_src ON five(id & 65535);"
    "CREATE INDEX hour_src ON hour(id & 65535);"
    "CREATE TABLE mark(tier INTEGER, id INTEGER, version INTEGER NOT NULL,"
    " at INTEGER NOT NULL, PRIMARY KEY(tier, id)) WITHOUT ROWID;"
    "CREATE TABLE event(node TEXT NOT NULL, boot INTEGER NOT NULL,"
    " seq INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL,"
    " text TEXT NOT NULL, UNIQUE(node, boot, seq));"
    "CREATE INDEX event_at ON event(at);"
    "CREATE TABLE plan(epoch INTEGER PRIMARY KEY, at INTEGER NOT NULL,"
    " body BLOB NOT NULL);"
    /* Whatever is there already is still to be rolled up. */
    "INSERT INTO mark SELECT DISTINCT 1,"
    " ((id >> 16) - (id >> 16) % 300000) << 16 | (id & 65535), 0, 0 FROM report;";

/* Is the file one of ours by its first page, whatever has become of the rest? */
static bool
is_ours(int fd)
{
	static const uint8_t app[4] = { 0x6d, 0x6f, 0x70, 0x74 };
	char head[72];

	return pread(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	       memcmp(head, "SQLite format 3", 16) == 0 &&
	       memcmp(head + 68, app, sizeof(app)) == 0;
}

/*
 * The lock keeps a second collector out while readers such as sqlite3(1) may still
 * look. It is flock() and not SQLite's own exclusive mode, which would shut those out
 * as well. The descriptor must outlive the connection: closing any descriptor of the
 * file drops the POSIX locks that SQLite holds on it.
 */
int
store_sqlite_file_take(struct store_sqlite *s, struct err *err)
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
		    "--db another file",
		    s->path);
	s->ours = is_ours(s->lock);
	return 0;
}

/* From nothing or from an older version, in the transaction that tells the new one. */
static int
make_schema(struct store_sqlite *s, int64_t version, struct err *err)
{
	char set[96];
	int r = store_sqlite_begin(s, err);

	if (r == 0 && version < 1)
		r = store_sqlite_run(s, schema_1, err);
	if (r == 0 && version < 2)
		r = store_sqlite_run(s, schema_2, err);
	(void)snprintf(set, sizeof(set),
	    "PRAGMA application_id=%d; PRAGMA user_version=%d", APPLICATION_ID,
	    SCHEMA_VERSION); /* two numbers: fits */
	if (r == 0)
		r = store_sqlite_run(s, set, err);
	return store_sqlite_end(s, r, err);
}

struct head {
	int64_t tables, app, version;
};

static int
read_head(struct store_sqlite *s, struct head *head, struct err *err)
{
	static const char sql[] =
	    "SELECT (SELECT count(*) FROM sqlite_schema), application_id, user_version "
	    "FROM pragma_application_id, pragma_user_version";
	sqlite3_stmt *st = NULL;
	int r = 0;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK ||
	    sqlite3_step(st) != SQLITE_ROW)
		r = store_sqlite_fault(s, "open", err);
	head->tables = sqlite3_column_int64(st, 0);
	head->app = sqlite3_column_int64(st, 1);
	head->version = sqlite3_column_int64(st, 2);
	(void)sqlite3_finalize(st); /* repeats the error of the step */
	return r;
}

/* Whose file is it, and does this program know its version? */
static int
check_schema(struct store_sqlite *s, enum store_mode mode, struct err *err)
{
	struct head head = { 0 };
	int r = read_head(s, &head, err);

	if (r < 0)
		return r;
	if (head.tables == 0 && head.app == 0 && head.version == 0 &&
	    mode == STORE_WRITE)
		return make_schema(s, 0, err);
	if (head.app != APPLICATION_ID)
		return err_set(err,
		    "%s: a database of another program: give --db another file",
		    s->path);
	if (head.version > SCHEMA_VERSION)
		return err_code(err, EPROTO,
		    "%s: version %lld, and this program knows %d: run the newer "
		    "meshopt-collector, or give --db another file",
		    s->path, (long long)head.version, SCHEMA_VERSION);
	if (head.version < 1)
		return err_code(err, EBADMSG,
		    "%s: the database is damaged (version 0): move it away", s->path);
	if (head.version == SCHEMA_VERSION)
		return 0;
	if (mode == STORE_WRITE)
		return make_schema(s, head.version, err);
	return err_code(err, EPROTO,
	    "%s: version %lld, and this program reads %d: start meshopt-collector on "
	    "it once",
	    s->path, (long long)head.version, SCHEMA_VERSION);
}

int
store_sqlite_file_check(struct store_sqlite *s, const char *pragma, struct err *err)
{
	sqlite3_stmt *st = NULL;
	const char *said;
	int r = 0;

	if (sqlite3_prepare_v2(s->db, pragma, -1, &st, NULL) != SQLITE_OK ||
	    sqlite3_step(st) != SQLITE_ROW) {
		r = store_sqlite_fault(s, "check", err);
	} else {
		said = (const char *)sqlite3_column_text(st, 0);
		if (!said || strcmp(said, "ok") != 0)
			r = err_code(err, EBADMSG,
			    "%s: the database is damaged (%s): start meshopt-collector "
			    "again, which puts it aside; `sqlite3 %s .recover` shows "
			    "what can be rescued",
			    s->path, said ? said : "out of memory", s->path);
	}
	(void)sqlite3_finalize(st); /* repeats the error of the step */
	return r;
}

static int
set_up_writer(struct store_sqlite *s, struct err *err)
{
	char set[96];
	struct stat st;
	int r;

	(void)snprintf(set, sizeof(set), "PRAGMA page_size=%d",
	    PAGE_BYTES); /* of a file that is still empty; else no effect */
	r = store_sqlite_run(s, set, err);
	if (r == 0)
		r = check_schema(s, STORE_WRITE, err);
	(void)snprintf(set, sizeof(set),
	    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
	    "PRAGMA journal_size_limit=%d",
	    WAL_BYTES_MAX); /* fits */
	if (r == 0)
		r = store_sqlite_run(s, set, err);
	if (r == 0 && fstat(s->lock, &st) == 0 && st.st_size <= CHECK_BYTES_MAX)
		r = store_sqlite_file_check(s, "PRAGMA quick_check(1)", err);
	return r;
}

int
store_sqlite_file_connect(struct store_sqlite *s, enum store_mode mode, struct err *err)
{
	/* NOMUTEX: store.h promises one thread at a time. */
	if (sqlite3_open_v2(s->path, &s->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return store_sqlite_fault(s, "open", err);
	(void)sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS); /* fails on misuse only */
	/* A schema crafted by somebody else must not run functions in our name. */
	(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (mode == STORE_WRITE)
		return set_up_writer(s, err);
	if (store_sqlite_run(s, "PRAGMA query_only=ON", err) < 0)
		return -EIO;
	return check_schema(s, STORE_READ, err);
}
