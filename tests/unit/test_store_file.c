/* SPDX-License-Identifier: MIT */
/*
 * The SQLite store and files that are cut, bent, foreign, newer, in use or not to be
 * written: each is refused in words, and left as it is.
 * links: collector/store.c collector/store_sqlite.c
 * links: collector/store_sqlite_event.c
 * links: collector/store_sqlite_file.c collector/store_sqlite_report.c
 * links: collector/store_sqlite_rollup.c
 * links: collector/store_pg.c collector/store_pg_conn.c collector/store_pg_report.c
 * links: collector/store_pg_rollup.c collector/store_pg_rows.c
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "tests/unit/seed.h"
#include "tests/unit/store_util.h"

static struct backend sqlite = { .ops = &store_sqlite };

/* The sentence that opening the file ends in; it must not change the file. */
static const char *
open_fails(const char *path, int code)
{
	static struct err err;
	struct stat before, after;
	struct store *s = NULL;
	int there = stat(path, &before), r;

	err.text[0] = '\0';
	r = store_sqlite.open(path, STORE_WRITE, &s, &err);
	if (r == 0)
		fail_msg("%s: opened", path);
	assert_int_equal(r, -code);
	assert_null(s);
	if (there == 0) {
		assert_int_equal(stat(path, &after), 0);
		assert_int_equal(before.st_size, after.st_size);
		assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	}
	return err.text;
}

static void
assert_says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" does not say \"%s\"", text, part);
}

/* A store of some pages, closed. */
static void
fill(const struct backend *b)
{
	struct store *s = open_store(b);
	char body[4000];

	memset(body, 'x', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	for (int64_t ms = 0; ms < 50; ms++)
		(void)put(s, "hkg", ms, body);
	s->ops->close(s);
}

static void
overwrite(const char *path, off_t at, const void *bytes, size_t n)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, at), n);
	close(fd);
}

static void
test_truncated(void **state)
{
	struct backend *b = *state;
	struct stat st;

	fill(b);
	assert_int_equal(stat(b->where, &st), 0);
	for (off_t size = st.st_size - 8192; size > 0; size -= 8192 * 3) {
		assert_int_equal(truncate(b->where, size), 0);
		assert_says(open_fails(b->where, EBADMSG), "the database is damaged");
	}
	assert_int_equal(truncate(b->where, 100), 0);
	assert_says(open_fails(b->where, EBADMSG), ".recover");
	/* Nothing is in an empty file: it is what a start leaves that was cut short. */
	assert_int_equal(truncate(b->where, 0), 0);
	store_sqlite.close(open_store(b));
}

/* Pages in the middle turn to noise: told at the next start, and by who meets them. */
static void
test_corrupt(void **state)
{
	struct backend *b = *state;
	const struct store_scan all = { .window = forever };
	struct seed seed = seed_new("test_corrupt");
	struct seen seen = { .n = 0 };
	struct err err = { "" };
	struct store *reader = NULL;
	uint8_t noise[8192];

	fill(b);
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)seed_next(&seed);
	for (off_t page = 13; page < 30; page++)
		overwrite(b->where, page * 8192, noise, sizeof(noise));
	assert_says(open_fails(b->where, EBADMSG), "the database is damaged");
	assert_int_equal(store_sqlite.open(b->where, STORE_READ, &reader, &err), 0);
	assert_true(reader->ops->scan(reader, &all, see, &seen, &err) < 0);
	assert_says(err.text, "the database is damaged");
	assert_true(reader->ops->check(reader, &err) < 0);
	assert_says(err.text, "the database is damaged");
	reader->ops->close(reader);
	overwrite(b->where, 100, noise, 100);
	assert_says(open_fails(b->where, EBADMSG), "the database is damaged");
	/* The first page gone: nothing says that the file was ever ours. */
	overwrite(b->where, 0, noise, 100);
	assert_says(open_fails(b->where, EINVAL), "not a database");
}

static void
test_foreign(void **state)
{
	struct backend *b = *state;
	static const uint8_t version[4] = { 0, 0, 0, 3 }, app[4] = { 1, 2, 3, 4 },
			     none[4] = { 0 };
	char link[300];

	fill(b);
	overwrite(b->where, 60, version, 4); /* user_version, in the file's header */
	assert_says(open_fails(b->where, EPROTO),
	    "version 3, and this program knows 2: run the newer meshopt-collector");
	overwrite(b->where, 60, none, 4);
	assert_says(open_fails(b->where, EBADMSG), "(version 0)");
	overwrite(b->where, 68, app, 4); /* application_id */
	assert_says(open_fails(b->where, EINVAL), "a database of another program");
	(void)snprintf(b->where, sizeof(b->where), "%s/text.db", dir);
	overwrite(b->where, 0, "dear diary", 10);
	assert_says(open_fails(b->where, EINVAL), "not a database: give --db another");
	assert_says(open_fails(dir, EISDIR), "must be writable");
	assert_says(open_fails("/dev/null", EINVAL), "not an ordinary file");
	(void)snprintf(link, sizeof(link), "%s/none/x.db", dir);
	assert_says(open_fails(link, ENOENT), "no such folder: make it");
}

static void
test_second_opener(void **state)
{
	struct backend *b = *state;
	struct store *s = open_store(b);

	assert_says(open_fails(b->where, EBUSY),
	    "in use by another meshopt-collector: stop that one");
	/* The failed attempt must not have dropped SQLite's own locks, or harmed it. */
	assert_int_equal(put(s, "hkg", 1, "x"), STORE_NEW);
	s->ops->close(s);
	s = open_store(b);
	assert_string_equal(scan(s, &forever), "hkg@1=x ");
	s->ops->close(s);
}

/* Run by a plain user in a child: root may write anywhere. */
static int
read_only_child(const struct backend *b)
{
	struct store *s = NULL;
	struct err err = { "" };

	if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
		return 77;
	if (store_sqlite.open(b->where, STORE_WRITE, &s, &err) != -EACCES)
		return 1;
	return strstr(err.text, "must be writable to this user") ? 0 : 2;
}

static void
test_read_only(void **state)
{
	struct backend *b = *state;
	char sub[128];
	int status = 0;
	pid_t pid;

	(void)snprintf(sub, sizeof(sub), "%s/ro%d", dir, n_files++);
	assert_int_equal(mkdir(sub, 0755), 0);
	for (int there = 0; there < 2; there++) {
		(void)snprintf(b->where, sizeof(b->where), "%s/x.db", sub);
		if (there) {
			assert_int_equal(chmod(sub, 0755), 0);
			fill(b);
			assert_int_equal(chmod(b->where, 0444), 0);
		}
		assert_int_equal(chmod(sub, 0555), 0);
		pid = fork();
		if (pid == 0)
			_exit(read_only_child(b));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == 77)
			skip();
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	assert_int_equal(chmod(sub, 0755), 0);
}

static void
assert_aside(const struct backend *b, const char *content)
{
	struct store *s = NULL;
	struct err err = { "" };
	char *aside, *newest;

	if (store_open(b->where, STORE_WRITE, &s, &aside, &err) < 0)
		fail_msg("%s", err.text);
	assert_non_null(aside);
	assert_string_equal(scan(s, &forever), "");
	assert_int_equal(put(s, "hkg", 1, "new"), STORE_NEW);
	s->ops->close(s);
	assert_int_equal(store_asides(b->where, &newest), 1);
	assert_string_equal(newest, aside);
	/* What is there can be looked at as before. */
	assert_says(open_fails(aside, EBADMSG), content);
	free(newest);
	free(aside);
	/* The new one is as good as any. */
	assert_int_equal(store_open(b->where, STORE_WRITE, &s, &aside, &err), 0);
	assert_null(aside);
	assert_string_equal(scan(s, &forever), "hkg@1=new ");
	s->ops->close(s);
}

/* A damaged file gets a name of its own, and its log with it. */
static void
test_aside(void **state)
{
	struct backend *b = *state;
	char wal[420], shm[420];
	struct store *s = NULL;
	struct err err = { "" };
	char *aside, *newest;

	fill(b);
	assert_int_equal(store_asides(b->where, &newest), 0);
	assert_null(newest);
	assert_int_equal(truncate(b->where, 8192 * 5), 0);
	(void)snprintf(wal, sizeof(wal), "%s-wal", b->where);
	(void)snprintf(shm, sizeof(shm), "%s-shm", b->where);
	overwrite(wal, 0, "what was the log", 16);
	overwrite(shm, 0, "an index", 8);
	/* To be read only: nothing is moved. */
	assert_int_equal(store_open(b->where, STORE_READ, &s, &aside, &err), -EBADMSG);
	assert_null(aside);
	assert_int_equal(store_asides(b->where, &newest), 0);
	overwrite(wal, 0, "what was the log", 16);
	assert_aside(b, "damaged");
	/* Another program's file is not ours to move. */
	setup(state);
	overwrite(b->where, 0, "dear diary", 10);
	assert_int_equal(store_open(b->where, STORE_WRITE, &s, &aside, &err), -EINVAL);
	assert_int_equal(store_asides(b->where, &newest), 0);
}

static void
test_where(void **state)
{
	static const struct {
		const char *where;
		bool server;
	} rows[] = {
		{ "/var/lib/meshopt/collector.db", false },
		{ "collector.db", false },
		{ "./a=b.db", false },
		{ "/tmp/postgresql://x", false },
		{ "", false },
		{ "postgresql://", true },
		{ "postgres://meshopt@db1,db2/meshopt?sslmode=verify-full", true },
		{ "host=/run/postgresql dbname=meshopt", true },
		{ "service=meshopt", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(store_is_server(rows[i].where), rows[i].server);
}

/* Version 1 had reports and names: all of them are there, and to be rolled up. */
static void
test_version_1(void **state)
{
	struct backend *b = *state;
	struct store_due due = { STORE_5MIN, { INT64_MAX }, { INT64_MAX } };
	struct store_mark marks[8];
	struct store *s = NULL;
	struct err err = { "" };
	char *aside, text[32];
	sqlite3 *db;
	size_t n;

	assert_int_equal(sqlite3_open(b->where, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db,
		"PRAGMA page_size=8192; PRAGMA journal_mode=WAL;"
		"PRAGMA application_id=0x6d6f7074; PRAGMA user_version=1;"
		"CREATE TABLE src(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
		"CREATE TABLE report(id INTEGER PRIMARY KEY, body BLOB NOT NULL);"
		"INSERT INTO src VALUES(1, 'hkg'), (2, 'nrt');"
		"INSERT INTO report VALUES(1767225600000 << 16 | 1, x'61'),"
		"(1767225600001 << 16 | 1, x'62'), (1767225900000 << 16 | 1, x'63'),"
		"(1767225600000 << 16 | 2, x'64')",
		NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(store_open(b->where, STORE_READ, &s, &aside, &err), -EPROTO);
	assert_says(err.text, "version 1, and this program reads 2");
	if (store_open(b->where, STORE_WRITE, &s, &aside, &err) < 0)
		fail_msg("%s", err.text);
	assert_null(aside);
	assert_string_equal(scan(s, &forever), "hkg@0=a nrt@0=d hkg@1=b hkg@300000=c ");
	assert_int_equal(s->ops->marks(s, &due, marks, 8, &n, &err), 0);
	assert_int_equal(n, 3);
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(text, sizeof(text), "%s@%lld", marks[i].src,
		    (long long)((marks[i].start.ns - T0) / NS_PER_MS));
		assert_string_equal(text, i == 0   ? "hkg@0"
					  : i == 1 ? "nrt@0"
						   : "hkg@300000");
	}
	assert_int_equal(put(s, "sin", 5, "e"), STORE_NEW);
	s->ops->close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON(sqlite, test_truncated),
		ON(sqlite, test_corrupt),
		ON(sqlite, test_foreign),
		ON(sqlite, test_second_opener),
		ON(sqlite, test_read_only),
		ON(sqlite, test_aside),
		ON(sqlite, test_version_1),
		ON(sqlite, test_where),
	};

	return run_stores(tests, sizeof(tests) / sizeof(tests[0]));
}
