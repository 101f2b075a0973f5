/* SPDX-License-Identifier: MIT */
/*
 * The connection of the PostgreSQL store.  libpq is used without blocking, with a limit
 * on how long the server may be silent: a server that hangs costs the thread that many
 * seconds once, and after it everything fails at once until the back-off is over.
 */
#include "collector/store_pg.h"

#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/num.h"

/* Together they stay below the time that a service manager gives us to stop. */
#define SILENCE_NS     (8 * NS_PER_S)
#define CONNECT_NS     (5 * NS_PER_S)
#define BACKOFF_MIN_NS (NS_PER_S / 4)
#define BACKOFF_MAX_NS (8 * NS_PER_S)
/* Deadlocks of two collectors that store the same reports are broken by one of them. */
#define TRIES_MAX 6

static const char setup[] =
    /* Acknowledged is on disk, whatever the server's default; never less than that. */
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') = 'off';"
    "SELECT set_config('lock_timeout', '5s', false);";
static const char stage[] =
    "CREATE TEMP TABLE IF NOT EXISTS meshopt_stage(i bigint, src text, start bigint, "
    "body bytea) ON COMMIT DELETE ROWS";

void
store_pg_conn_int(struct store_pg_args *a, int64_t value)
{
	assert(a->n < STORE_PG_ARGS_MAX);
	(void)snprintf(a->numbers[a->n], sizeof(a->numbers[0]), "%lld",
	    (long long)value); /* 20 digits fit */
	a->values[a->n] = a->numbers[a->n];
	a->formats[a->n++] = 0;
}

void
store_pg_conn_text(struct store_pg_args *a, const char *text)
{
	assert(a->n < STORE_PG_ARGS_MAX);
	a->values[a->n] = text;
	a->formats[a->n++] = 0;
}

void
store_pg_conn_bytes(struct store_pg_args *a, const uint8_t *bytes, size_t len)
{
	assert(a->n < STORE_PG_ARGS_MAX && len <= INT_MAX);
	a->values[a->n] = (const char *)bytes;
	a->lengths[a->n] = (int)len;
	a->formats[a->n++] = 1;
}

int64_t
store_pg_conn_get(const PGresult *row, int at, int column)
{
	uint64_t wide;
	uint32_t half;

	switch (PQgetlength(row, at, column)) {
	case 8:
		memcpy(&wide, PQgetvalue(row, at, column), 8);
		return (int64_t)be64toh(wide);
	case 4:
		memcpy(&half, PQgetvalue(row, at, column), 4);
		return (int32_t)ntohl(half);
	case 1:
		return *PQgetvalue(row, at, column) != 0; /* boolean */
	default:
		return 0;
	}
}

void
store_pg_conn_drop(struct store_pg *s)
{
	PQfinish(s->conn); /* takes NULL; closes the socket without a word */
	s->conn = NULL;
}

/* The words of libpq, which end in a line feed, or ours. */
static int
lost(struct store_pg *s, const char *words, struct err *err)
{
	const char *said = words ? words : s->conn ? PQerrorMessage(s->conn) : "";
	int n = (int)strcspn(said, "\n");

	(void)err_set(err,
	    "the PostgreSQL server: %.*s: see that it runs and takes our connections",
	    n ? n : 4, n ? said : "gone");
	store_pg_conn_drop(s);
	return -ENOTCONN;
}

/* Wait until the socket is ready; 0, or -ETIMEDOUT at the deadline. */
static int
wait_for(int fd, short events, struct mono deadline)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left_ns;
	int r;

	do {
		left_ns = mono_diff(deadline, clock_mono());
		if (left_ns <= 0)
			return -ETIMEDOUT;
		r = poll(&p, 1, (int)(left_ns / NS_PER_MS) + 1);
	} while (r == 0 || (r < 0 && errno == EINTR));
	return r < 0 ? -errno : 0;
}

/* Send what is to be sent and take in what comes, until there is a result or room. */
static int
pump(struct store_pg *s, bool want_room, struct err *err)
{
	struct mono deadline = mono_add(clock_mono(), SILENCE_NS);

	for (;;) {
		int unsent = PQflush(s->conn);
		short events = (short)(POLLIN | (unsent ? POLLOUT : 0));

		if (unsent < 0)
			return lost(s, NULL, err);
		if (want_room ? unsent == 0 : unsent == 0 && !PQisBusy(s->conn))
			return 0;
		if (wait_for(PQsocket(s->conn), events, deadline) < 0)
			return lost(s, "no answer", err);
		if (!PQconsumeInput(s->conn))
			return lost(s, NULL, err);
	}
}

/* What the server did not like. */
static int
refused(const PGresult *res, struct err *err)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *words = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

	(void)err_set(err, "the PostgreSQL server: %s (%s): see its log",
	    words ? words : "refused", state ? state : "no state");
	if (!state)
		return -EIO;
	/* Class 40: deadlock, serialization; 55P03: lock_timeout. */
	if (strncmp(state, "40", 2) == 0 || strcmp(state, "55P03") == 0)
		return -EAGAIN;
	/* 57P..: it is told to stop, or starting; 08: connection. */
	return strncmp(state, "57P", 3) == 0 || strncmp(state, "08", 2) == 0 ? -ENOTCONN
									     : -EIO;
}

static int
connect_to(struct store_pg *s, struct err *err)
{
	const char *const keys[] = { "dbname", "fallback_application_name", NULL };
	const char *const values[] = { s->where, "meshopt-collector", NULL };
	struct mono deadline = mono_add(clock_mono(), CONNECT_NS);
	PostgresPollingStatusType step = PGRES_POLLING_WRITING;

	/* dbname may be a whole conninfo or URL, and is expanded. */
	s->conn = PQconnectStartParams(keys, values, 1);
	if (!s->conn || PQstatus(s->conn) == CONNECTION_BAD)
		return lost(s, NULL, err);
	while (step != PGRES_POLLING_OK) {
		short events = step == PGRES_POLLING_READING ? POLLIN : POLLOUT;

		if (wait_for(PQsocket(s->conn), events, deadline) < 0)
			return lost(s, "no answer", err);
		step = PQconnectPoll(s->conn);
		if (step == PGRES_POLLING_FAILED)
			return lost(s, NULL, err);
	}
	return PQsetnonblocking(s->conn, 1) < 0 ? lost(s, NULL, err) : 0;
}

static void
keep_quiet(void *ctx, const char *notice)
{
	(void)ctx;
	(void)notice;
}

/* Take all results of what was sent; the last one with rows, or of words, is kept. */
static int
results(struct store_pg *s, PGresult **out, struct err *err)
{
	PGresult *res, *kept = NULL;
	uint32_t changed = 0;
	int r = 0;

	while ((r = pump(s, false, r < 0 ? NULL : err)) == 0 &&
	       (res = PQgetResult(s->conn)) != NULL) {
		PQclear(kept);
		kept = res;
		if (PQresultStatus(res) == PGRES_FATAL_ERROR)
			break;
	}
	if (r == 0 && kept && PQresultStatus(kept) == PGRES_FATAL_ERROR) {
		r = refused(kept, err);
		while (pump(s, false, NULL) == 0 && (res = PQgetResult(s->conn)))
			PQclear(res);
	}
	if (r == 0 && kept && num_u32(PQcmdTuples(kept), 0, INT_MAX, &changed) == 0)
		r = (int)changed;
	if (out && r >= 0)
		*out = kept;
	else
		PQclear(kept);
	return r;
}

static int
send_query(struct store_pg *s, const char *sql, const struct store_pg_args *a,
    struct err *err)
{
	static const struct store_pg_args none;

	if (!s->conn)
		return lost(s, NULL, err);
	if (!a)
		a = &none;
	if (!PQsendQueryParams(s->conn, sql, a->n, NULL, a->values, a->lengths,
		a->formats, 1))
		return lost(s, NULL, err);
	return 0;
}

int
store_pg_conn_run(struct store_pg *s, const char *sql, const struct store_pg_args *args,
    PGresult **out, struct err *err)
{
	int r = send_query(s, sql, args, err);

	return r < 0 ? r : results(s, out, err);
}

int
store_pg_conn_stream(struct store_pg *s, const char *sql,
    const struct store_pg_args *args, store_pg_row_cb *row, void *ctx, struct err *err)
{
	PGresult *res;
	int r = send_query(s, sql, args, err), told = 0;

	if (r == 0 && !PQsetSingleRowMode(s->conn))
		r = lost(s, NULL, err);
	while (r == 0 && (r = pump(s, false, err)) == 0 &&
	       (res = PQgetResult(s->conn)) != NULL) {
		ExecStatusType status = PQresultStatus(res);

		if (status == PGRES_SINGLE_TUPLE && told == 0)
			told = row(res, ctx);
		else if (status == PGRES_FATAL_ERROR)
			told = refused(res, err);
		PQclear(res);
	}
	return r ? r : told;
}

int
store_pg_conn_copy(struct store_pg *s, const char *sql, const uint8_t *bytes,
    size_t len, struct err *err)
{
	const size_t piece = 64 * 1024;
	PGresult *res;
	int r = send_query(s, sql, NULL, err);

	if (r == 0)
		r = pump(s, false, err);
	if (r < 0)
		return r;
	res = PQgetResult(s->conn);
	if (PQresultStatus(res) != PGRES_COPY_IN) {
		r = refused(res, err);
		PQclear(res);
		(void)results(s, NULL, NULL); /* of what has failed already */
		return r;
	}
	PQclear(res);
	for (size_t n = 0; len > 0 && r == 0; bytes += n, len -= n) {
		n = len < piece ? len : piece;
		if (PQputCopyData(s->conn, (const char *)bytes, (int)n) != 1)
			return lost(s, NULL, err);
		r = pump(s, true, err);
	}
	if (r == 0 && PQputCopyEnd(s->conn, NULL) != 1)
		return lost(s, NULL, err);
	return r < 0 ? r : results(s, NULL, err);
}

static int
set_up(struct store_pg *s, struct err *err)
{
	int r;

	(void)PQsetNoticeProcessor(s->conn, keep_quiet,
	    NULL); /* the former is no use */
	if (!PQsendQuery(s->conn, setup))
		return lost(s, NULL, err);
	r = results(s, NULL, err);
	if (r >= 0 && s->mode == STORE_WRITE)
		r = store_pg_conn_run(s, stage, NULL, NULL, err);
	else if (r >= 0)
		r = store_pg_conn_run(s, "SET default_transaction_read_only = on", NULL,
		    NULL, err);
	if (r < 0)
		store_pg_conn_drop(s);
	return r < 0 ? r : 0;
}

int
store_pg_conn_ready(struct store_pg *s, struct err *err)
{
	struct mono now = clock_mono();
	int r;

	if (s->conn && PQstatus(s->conn) == CONNECTION_OK)
		return 0;
	store_pg_conn_drop(s);
	if (s->backoff_ns > 0 && mono_diff(s->retry_at, now) > 0) {
		(void)err_set(err, "the PostgreSQL server is away: the next attempt "
				   "follows in seconds");
		return -ENOTCONN;
	}
	r = connect_to(s, err);
	if (r == 0)
		r = set_up(s, err);
	if (r == 0) {
		s->backoff_ns = 0;
		return 0;
	}
	s->backoff_ns = s->backoff_ns == 0 ? BACKOFF_MIN_NS : 2 * s->backoff_ns;
	if (s->backoff_ns > BACKOFF_MAX_NS)
		s->backoff_ns = BACKOFF_MAX_NS;
	/* Spread, because every collector of this server begins to wait together. */
	now = clock_mono();
	s->retry_at = mono_add(now, s->backoff_ns / 2 + now.ns % (s->backoff_ns / 2));
	return r;
}

static int
transact_once(struct store_pg *s, store_pg_work *work, void *ctx, struct err *err)
{
	int r = store_pg_conn_ready(s, err);

	if (r == 0)
		r = store_pg_conn_run(s, "BEGIN", NULL, NULL, err);
	if (r >= 0)
		r = work(s, ctx, err);
	if (r >= 0)
		r = store_pg_conn_run(s, "COMMIT", NULL, NULL, err);
	if (r < 0 && s->conn)
		(void)store_pg_conn_run(s, "ROLLBACK", NULL, NULL, NULL); /* r tells */
	return r < 0 ? r : 0;
}

int
store_pg_conn_transact(struct store_pg *s, store_pg_work *work, void *ctx,
    struct err *err)
{
	bool again = true;
	int r = 0;

	for (int tries = 0; tries < TRIES_MAX; tries++) {
		r = transact_once(s, work, ctx, err);
		if (r == -ENOTCONN)
			store_pg_conn_drop(s);
		if (r == -ENOTCONN && again && s->backoff_ns == 0)
			again = false;
		else if (r != -EAGAIN)
			break;
	}
	return r;
}
