# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What an operator types and what it says, written down while it happens. Sourced after
# lib.sh; from then on everything runs in $TMP, whose name is left out of the record.
#
#   note WORDS              a heading
#   typed NODE WORDS        runs a line of shell there; it and what it says are recorded
#   said                    its input is recorded
#   heard ID NODE PATTERN   from now on lines of $RES/ID.log that match are noted, with the
#                           time, by the second
#   heard_end               they are recorded, in order
#
# What bg starts is written down as well: its options matter.

SESSION=$RES/session.txt
: >"$SESSION"
cd "$TMP" || die "no $TMP"
session_pids=()

note() { printf '\n## %s\n\n' "$*" >>"$SESSION"; }

# Long lines are broken: said INDENT MARK
said() {
	sed "s|$TMP/||g" | awk -v indent="${1-4}" -v mark="${2-}" '{
		for (; length($0) > 98; $0 = sprintf("%" indent "s", "") substr($0, at + 1)) {
			for (at = 97; at > 30 && substr($0, at, 1) != " "; at--)
				;
			print substr($0, 1, at - 1) mark
		}
		print
	}' >>"$SESSION"
}

typing() {
	# shellcheck disable=SC1003 # a backslash, as at the end of a line
	printf '%(%T)T %s# %s\n' -1 "$1" "${*:2}" | said 13 ' \\'
}

typed() {
	local node=$1
	shift
	typing "$node" "$*"
	n "$node" bash -c "$*" 2>&1 | said
}

heard() {
	tail -n +1 -f "$RES/$1.log" | while IFS= read -r line; do
		[[ ! $line =~ $3 ]] || printf '%(%T)T %s: %s\n' -1 "$2" "${line#*: }"
	done >>"$TMP/heard" &
	session_pids+=($!)
}

heard_end() {
	kill "${session_pids[@]}" 2>/dev/null
	session_pids=()
	sort "$TMP/heard" | said 14
}
