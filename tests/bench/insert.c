/* SPDX-License-Identifier: MIT */
/*
 * The rows that load sends, one by one, as somebody would who keeps them in a table:
 *
 *	insert sqlite NODES WINDOWS FILE	into SQLite, WAL and synchronous=FULL, a
 *						transaction a window; says rows a second
 *	insert csv NODES WINDOWS		on stdout, for PostgreSQL's COPY
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/num.h"
#include "common/report.h"
#include "tests/bench/nodes.h"
#include "tests/bench/rows.h"

#define WINDOW_MS 60000

struct sink {
	sqlite3 *db;
	sqlite3_stmt *put;
	uint64_t n;
};

static void
run(struct sink *s, const char *sql)
{
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		log_die("%s: %s", sql, sqlite3_errmsg(s->db));
}

static void
open_file(struct sink *s, const char *path)
{
	if (sqlite3_open(path, &s->db) != SQLITE_OK)
		log_die("%s: cannot open", path);
	run(s,
	    "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
	/* The fastest of the layouts that keep a row a row: time first. */
	run(s,
	    "CREATE TABLE sample(start INTEGER, src INTEGER, dst TEXT, path INTEGER, "
	    "sent INTEGER, lost INTEGER, min INTEGER, mean INTEGER, max INTEGER, "
	    "jitter INTEGER, sketch BLOB, PRIMARY KEY(start, src, dst, path)) "
	    "WITHOUT ROWID");
	if (sqlite3_prepare_v2(s->db,
		"INSERT INTO sample VALUES(?,?,?,?,?,?,?,?,?,?,?)", -1, &s->put,
		NULL) != SQLITE_OK)
		log_die("%s: %s", path, sqlite3_errmsg(s->db));
}

static void
put(struct sink *s, uint32_t src, int64_t start_ms, const struct report_row *row)
{
	uint8_t sketch[8192];
	size_t n = sketch_encode(&row->rtt, sketch, sizeof(sketch));

	s->n++;
	if (!s->db) {
		printf("%lld,%u,%s,%d,%u,%u,%u,%u,%u,%u,\\x", (long long)start_ms, src,
		    row->peer, (int)row->path, row->sent, row->lost, row->min_us,
		    row->mean_us, row->max_us, row->jitter_us);
		for (size_t i = 0; i < n; i++)
			printf("%02x", sketch[i]);
		putchar('\n');
		return;
	}
	sqlite3_bind_int64(s->put, 1, start_ms);
	sqlite3_bind_int64(s->put, 2, src);
	sqlite3_bind_text(s->put, 3, row->peer, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s->put, 4, row->path);
	sqlite3_bind_int64(s->put, 5, row->sent);
	sqlite3_bind_int64(s->put, 6, row->lost);
	sqlite3_bind_int64(s->put, 7, row->min_us);
	sqlite3_bind_int64(s->put, 8, row->mean_us);
	sqlite3_bind_int64(s->put, 9, row->max_us);
	sqlite3_bind_int64(s->put, 10, row->jitter_us);
	sqlite3_bind_blob(s->put, 11, sketch, (int)n, SQLITE_STATIC);
	if (sqlite3_step(s->put) != SQLITE_DONE)
		log_die("insert: %s", sqlite3_errmsg(s->db));
	sqlite3_reset(s->put);
}

int
main(int argc, char **argv)
{
	static uint8_t body[REPORT_BYTES_MAX];
	struct seed seed = { 88172645463325252u };
	struct report_walk walk = { 0 };
	struct sink sink = { .db = NULL };
	struct rows_of of = { .window_ms = WINDOW_MS, .boot = 1, .paths = 2 };
	struct rows *rows;
	struct mono begin;
	uint32_t windows;

	log_init("insert", false);
	if (argc < 4 || num_u32(argv[2], 2, NODES_MAX, &of.nodes) < 0 ||
	    num_u32(argv[3], 1, 100000, &windows) < 0)
		log_die("insert sqlite|csv NODES WINDOWS [FILE]");
	of.peers = of.nodes - 1;
	of.start_ms = clock_wall().ns / NS_PER_MS;
	if (argc == 5)
		open_file(&sink, argv[4]);
	rows = mem_array(of.nodes, sizeof(*rows));
	for (of.node = 0; of.node < of.nodes; of.node++)
		rows[of.node] = rows_make(&of, &seed);
	begin = clock_mono();
	for (; of.seq < windows; of.seq++, of.start_ms += WINDOW_MS) {
		if (sink.db)
			run(&sink, "BEGIN");
		for (of.node = 0; of.node < of.nodes; of.node++) {
			size_t n = rows_head(&of, body, sizeof(body));

			memcpy(body + n, rows[of.node].bytes, rows[of.node].len);
			n += rows[of.node].len;
			if (report_walk_start(&walk, body, n, NULL) < 0)
				log_die("what was made does not decode");
			walk.trusted = true;
			while (report_walk_next(&walk, NULL) > 0)
				put(&sink, of.node, of.start_ms, &walk.row);
		}
		if (sink.db)
			run(&sink, "COMMIT");
	}
	if (sink.db)
		printf("rows %llu rate %.0f\n", (unsigned long long)sink.n,
		    (double)sink.n * NS_PER_S / (double)mono_diff(clock_mono(), begin));
	return fflush(stdout) != 0;
}
