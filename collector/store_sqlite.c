/* SPDX-License-Identifier: MIT */
/*
 * The store in one SQLite file.  One BLOB a report in a rowid table whose rowid is
 * start in ms << 16 | source: measured at 61,600 reports/s, against 0.7 M rows/s of
 * separate rows, and the scan of a window is one range.  An index on the source makes
 * the history of one source, its last report and the removal of its oldest ones ranges
 * as well, at a dozen bytes a report.  WAL and synchronous=FULL: a commit that returned
 * has been through fdatasync, and readers hold nobody up.
 *
 * A file that is damaged, of a newer version or not ours is refused and left as it is:
 * what is in there is the operator's to judge; store.c puts a damaged one aside.
 */
#include "collector/store_sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"

static const char *const tables[STORE_TIERS] = { "report", "five", "hour" };

#define OF_SRC "(id & 65535) = ?"
#define SCAN                                                      \
	"SELECT t.id, name, body FROM %s t JOIN src ON src.id = " \
	"(t.id & 65535) WHERE t.id >= ?1 AND t.id < ?2"

static const char *const sql[SQL_COUNT] = {
	[SQL_PUT] = "INSERT INTO %s VALUES(?1, ?2) ON CONFLICT DO NOTHING",
	[SQL_REPLACE] = "REPLACE INTO %s VALUES(?1, ?2)",
	[SQL_SCAN] = SCAN " ORDER BY t.id",
	[SQL_SCAN_SRC] = "SELECT t.id, name, body FROM %s t JOIN src ON src.id = ?3 "
			 "WHERE (t.id & 65535) = ?3 AND t.id >= ?1 AND t.id < ?2 "
			 "ORDER BY t.id",
	[SQL_FIRST] = "SELECT id FROM %s WHERE " OF_SRC "1 AND id >= ?2 "
		      "ORDER BY id LIMIT 1",
	[SQL_LAST] = "SELECT t.id, name, body FROM %s t JOIN src ON src.id = ?1 "
		     "WHERE (t.id & 65535) = ?1 ORDER BY t.id DESC LIMIT 1",
	[SQL_DROP] = "DELETE FROM %s WHERE " OF_SRC "1 AND id >= ?2 AND id < ?3",
	[SQL_EXPIRE] = "DELETE FROM %s WHERE id IN "
		       "(SELECT id FROM %s WHERE id < ?1 ORDER BY id LIMIT ?2)",
	[SQL_FIND_SRC] = "SELECT id FROM src WHERE name = ?1",
	[SQL_ADD_SRC] = "INSERT INTO src(name) VALUES(?1)",
	[SQL_SRCS] = "SELECT id, name, raw_from, five_from FROM src",
	/* random(): a mark that was cleared and set again is another one. */
	[SQL_MARK] = "INSERT INTO mark VALUES(?1, ?2, random(), ?3) ON CONFLICT DO "
		     "UPDATE SET version = excluded.version, at = excluded.at",
	[SQL_MARKED] = "SELECT 1 FROM mark WHERE tier = ?1 AND id = ?2",
	[SQL_CLEAR] = "DELETE FROM mark WHERE tier = ?1 AND id = ?2 AND version = ?3",
	[SQL_DUE] = "SELECT mark.id, name, version, (mark.id >> 16) < "
		    "iif(tier = 1, raw_from, five_from) AS sealed "
		    "FROM mark JOIN src ON src.id = (mark.id & 65535) "
		    "WHERE tier = ?1 AND mark.id < ?2 AND (NOT sealed OR at < ?3) "
		    "ORDER BY mark.id LIMIT ?4",
	[SQL_RAW_FROM] = "UPDATE src SET raw_from = ?2 WHERE id = ?1",
	/* No raw report is left there, and one that comes is late on both tiers. */
	[SQL_FIVE_FROM] = "UPDATE src SET five_from = ?2, "
			  "raw_from = max(raw_from, ?2) WHERE id = ?1",
	[SQL_PUT_EVENT] = "INSERT INTO event VALUES(?1, ?2, ?3, ?4, ?5, ?6) "
			  "ON CONFLICT DO NOTHING",
	[SQL_EVENTS] = "SELECT node, boot, seq, at, kind, text FROM event "
		       "WHERE at >= ?1 AND at < ?2 ORDER BY at, node, boot, seq",
	[SQL_EXPIRE_EVENTS] =
	    "DELETE FROM event WHERE rowid IN "
	    "(SELECT rowid FROM event WHERE at < ?1 ORDER BY at LIMIT ?2)",
	[SQL_PUT_PLAN] = "INSERT INTO plan VALUES(?1, ?2, ?3)",
	[SQL_NEWEST_PLAN] = "SELECT epoch, body FROM plan WHERE epoch <= ?1 "
			    "ORDER BY epoch DESC LIMIT 1",
	[SQL_CLEAR_PLANS] = "DELETE FROM plan WHERE epoch >= ?1",
	[SQL_PLANS] = "SELECT epoch, at, body FROM plan ORDER BY epoch DESC",
	[SQL_DROP_PLANS] = "DELETE FROM plan WHERE epoch NOT IN "
			   "(SELECT epoch FROM plan ORDER BY epoch DESC LIMIT ?1)",
};

int
store_sqlite_fault(struct store_sqlite *s, const char *doing, struct err *err)
{
	int code = s->db ? sqlite3_errcode(s->db) : SQLITE_NOMEM;
	const char *words = sqlite3_errstr(code);

	switch (code) {
	case SQLITE_NOTADB:
		return err_code(err, s->ours ? EBADMSG : EINVAL,
		    "%s: not a database: give --db another file, or move this one away",
		    s->path);
	case SQLITE_CORRUPT:
		return err_code(err, s->ours ? EBADMSG : EINVAL,
		    "%s: the database is damaged (%s): start meshopt-collector again, "
		    "which puts it aside; `sqlite3 %s .recover` shows what can be "
		    "rescued",
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

int
store_sqlite_run(struct store_sqlite *s, const char *text, struct err *err)
{
	if (sqlite3_exec(s->db, text, NULL, NULL, NULL) != SQLITE_OK)
		return store_sqlite_fault(s, text, err);
	return 0;
}

int
store_sqlite_begin(struct store_sqlite *s, struct err *err)
{
	return store_sqlite_run(s, "BEGIN IMMEDIATE", err);
}

int
store_sqlite_end(struct store_sqlite *s, int result, struct err *err)
{
	if (result == 0)
		result = store_sqlite_run(s, "COMMIT", err);
	/* A full disk makes SQLite roll back by itself, other errors do not. */
	if (result < 0 && !sqlite3_get_autocommit(s->db))
		(void)store_sqlite_run(s, "ROLLBACK", NULL); /* first error tells */
	return result;
}

int
store_sqlite_step(struct store_sqlite *s, sqlite3_stmt *st, const char *doing,
    struct err *err)
{
	int code = sqlite3_step(st), r = 0;

	if (code != SQLITE_DONE && code != SQLITE_ROW)
		r = store_sqlite_fault(s, doing, err);
	sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st); /* cannot fail */
	return r;
}

/* "%s" twice at most, each the table of the tier. */
static int
prepare_one(struct store_sqlite *s, int which, int tier, struct err *err)
{
	const char *text = sql[which], *gap;
	char full[512];
	size_t n = 0;

	for (; (gap = strstr(text, "%s")); text = gap + 2)
		n += (size_t)snprintf(full + n, sizeof(full) - n, "%.*s%s",
		    (int)(gap - text), text, tables[tier]); /* all fit */
	(void)snprintf(full + n, sizeof(full) - n, "%s", text);
	if (sqlite3_prepare_v3(s->db, full, -1, SQLITE_PREPARE_PERSISTENT,
		&s->st[which][tier], NULL) != SQLITE_OK)
		return store_sqlite_fault(s, "open", err);
	return 0;
}

static int
prepare(struct store_sqlite *s, struct err *err)
{
	int r = 0;

	for (int which = 0; r == 0 && which < SQL_COUNT; which++)
		for (int tier = 0;
		     r == 0 && tier < (which < SQL_FIND_SRC ? STORE_TIERS : 1); tier++)
			r = prepare_one(s, which, tier, err);
	return r;
}

static void
sqlite_close(struct store *store)
{
	struct store_sqlite *s = (struct store_sqlite *)store;

	if (!s)
		return;
	for (int which = 0; which < SQL_COUNT; which++)
		for (int tier = 0; tier < STORE_TIERS; tier++)
			sqlite3_finalize(s->st[which][tier]);
	/* Folds the WAL into the file; what fails is done again at the next open. */
	(void)sqlite3_close(s->db);
	if (s->lock >= 0)
		(void)close(s->lock); /* nothing was written through it */
	free(s->path);
	free(s);
}

static int
sqlite_open(const char *where, enum store_mode mode, struct store **out,
    struct err *err)
{
	struct store_sqlite *s = mem_alloc(sizeof(*s));
	int r = 0;

	s->store.ops = &store_sqlite;
	s->path = mem_strdup(where);
	s->lock = -1;
	/* A reader must not open the file by itself to see: closing it would drop the
	 * locks of a writer in this process. */
	s->ours = mode == STORE_READ;
	if (mode == STORE_WRITE)
		r = store_sqlite_file_take(s, err);
	if (r == 0)
		r = store_sqlite_file_connect(s, mode, err);
	if (r == 0)
		r = prepare(s, err);
	if (r < 0) {
		sqlite_close(&s->store);
		return r;
	}
	*out = &s->store;
	return 0;
}

static int
sqlite_check(struct store *store, struct err *err)
{
	return store_sqlite_file_check((struct store_sqlite *)store,
	    "PRAGMA integrity_check(1)", err);
}

const struct store_ops store_sqlite = {
	.name = "sqlite",
	.open = sqlite_open,
	.close = sqlite_close,
	.put_reports = store_sqlite_report_put,
	.scan = store_sqlite_report_scan,
	.last = store_sqlite_report_last,
	.marks = store_sqlite_rollup_due,
	.put_rollups = store_sqlite_rollup_put,
	.expire = store_sqlite_rollup_expire,
	.put_events = store_sqlite_event_put,
	.scan_events = store_sqlite_event_scan,
	.put_plan = store_sqlite_event_put_plan,
	.scan_plans = store_sqlite_event_scan_plans,
	.check = sqlite_check,
};
