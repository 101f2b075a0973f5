#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Every question of query.sh, asked of a collector that keeps its reports in PostgreSQL.

if [ -z "${MESHOPT_TEST_PG-}" ]; then
	echo "SKIP query-postgres: no server; tests/with-postgres starts one"
	exit 77
fi
if [ -z "${DB-}" ]; then
	psql -qd "$MESHOPT_TEST_PG" -c "CREATE SCHEMA query$$" || exit
	export DB="$MESHOPT_TEST_PG options='-c search_path=query$$'"
fi
exec "$(dirname "$0")/query.sh"
