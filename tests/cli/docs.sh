#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Every command of README.md and docs/*.md against the programs as they are. A line of a
# block that begins with meshopt is run, with a collector that has heard the example mesh,
# in a folder with the files that the text speaks of; what cannot run here is named in
# only_parsed() with its reason, and like every command in `code` of a sentence its verb
# and its options must be there. Targets of make must be in the Makefile, and links lead
# to files that are there.

# shellcheck source=tests/cli/collector-lib.sh
. "$(dirname "$0")/collector-lib.sh"
cd "$TOP" || exit
books=(README.md CONTRIBUTING.md docs/*.md data/README.md)

# Why a command is not run; nothing if it is.
only_parsed() {
	case $1 in
	*' apply '* | *' status'* | *' doctor'* | *' peer '* | *' panic'*)
		echo "needs WireGuard in the kernel; the lab runs it" ;;
	*' import '*=-*) echo "reads what another host says" ;;
	*' ping'*) echo "probes hosts that are not there; cli ping runs it" ;;
	*' --after '*) echo "needs the last plan of another key; cli publish runs it" ;;
	*slices.csv.gz*) echo "needs recorded figures that are not in the tree" ;;
	*postgresql://*) echo "needs a server; cli collector-stores runs it" ;;
	*' rotate '*--peers* | *' rotate '*--node* | *' rotate '*--finish* | *' rotate '*--abort*)
		echo "needs --start before it; lab rotate runs it" ;;
	*[A-Z][A-Z]* | *'|'*'\|'* | *...*) echo "a pattern, not a command" ;;
	esac
}

# blocks FILE: the lines of fenced and indented blocks, continued ones joined
blocks() {
	awk '/^ *```/ { fenced = !fenced; next }
		fenced || /^    / {
			sub(/^ +/, "")
			if (sub(/\\$/, "")) { held = held $0; next }
			print held $0; held = ""
		}' "$1"
}

# commands FILE: what a reader would type, without its prompt
commands() {
	blocks "$1" | sed -nE 's/^([a-z]*[$#] )?(sudo )?(meshopt[a-z-]* .*)/\3/p' | grep -v '^meshopt-instance'
}

# mentioned FILE: the commands in `code` of its sentences, and in pipes of its blocks
# shellcheck disable=SC2016 # the quotes of Markdown
mentioned() {
	grep -v '^    ' "$1" | tr '\n' ' ' | grep -oE '`[^`]+`' | tr -d '`' |
		grep -E '^(sudo )?meshopt( |-[a-z]+ )' | sed 's/^sudo //'
	commands "$1"
	blocks "$1" | grep -oE '(\||&&|\() *meshopt [^|&)]*' | sed -E 's/^[|&(]+ *//'
}

declare -A known=()
# options VERB: as the program lists them, in $options
options() {
	[ -n "${known[$1]-}" ] || known[$1]=$(meshopt "$1" --list-options 2>/dev/null)
	options=${known[$1]}
}

# parses COMMAND: is the verb there, and each option?
parses() {
	local words word verb

	read -ra words <<<"${1%%#*}"
	verb=${words[1]}
	[[ ${words[0]} == meshopt ]] || verb=${words[0]#meshopt-}
	case $verb in
	[A-Z]* | VERB) return 0 ;; # a placeholder
	--help | --version) return 0 ;;
	esac
	options "$verb"
	[ -n "$options" ] || return 1
	for word in "${words[@]:1}"; do
		[[ $word =~ ^--[a-z] ]] || continue
		word=${word%%[=,;|)]*}
		grep -qxE -- "$word=?" <<<"$options" || return 1
	done
}

# The files that the texts speak of, and a meshopt that takes the example for
# /etc/meshopt/mesh.conf and a folder of its own for /etc/wireguard.
stage() {
	local name key script='' net=0
	mkdir -p "$tmp/stage/keys" "$tmp/stage/data" "$tmp/bin"
	cp -p "$mesh" "$tmp/stage/mesh.conf"
	for name in central south-america north-america europe asia-pacific hong-kong; do
		printf '\n[Region]\nName = %s\nSubnet = 10.50.%d.0/24\n' $name $((net++))
	done >>"$tmp/stage/mesh.conf"
	cp -r "$DATA" "$tmp/stage/data/"
	chmod -R go-w "$tmp/stage/data"
	cp "$DATA/rtt.csv" "$tmp/stage"
	"$BUILD/meshopt" keygen -o "$tmp/stage/keys" dub hkg nrt >"$tmp/public"
	while read -r name key; do
		script+="s|@${name^^}_PRIVATE@|$(<"$tmp/stage/keys/$name.key")|;s|@${name^^}_PUBLIC@|$key|;"
	done <"$tmp/public"
	for name in dub hkg nrt; do
		sed "$script" "$TOP/tests/cli/seed/$name.conf" >"$tmp/stage/$name.conf"
	done
	printf 'a,b,1,2,3\nhkg,nrt,49,49,49\nhkg,dub,205,205,205\ndub,nrt,270,270,270\n' \
		>"$tmp/stage/week.csv"
	cp "$tmp/plan.key" "$tmp/stage"
	cat >"$tmp/bin/meshopt" <<-EOF
		#!/bin/bash
		set -- "\$@"
		has() { "$BUILD/meshopt" "\$1" --list-options 2>/dev/null | grep -qx -- "\$2"; }
		verb=\$1 extra=()
		[[ " \$* " == *' --mesh '* || \$verb == lint ]] || ! has "\$verb" --mesh= ||
			extra+=(--mesh mesh.conf)
		case \$verb in
		lint) [ \$# -gt 1 ] || extra+=(mesh.conf) ;;
		keygen | rotate)
			set -- "\${@/#\/etc\/meshopt/.}"
			[[ " \$* " == *' -o '* ]] || extra+=(-o keys)
			rm -f plan.key
			;;
		freeze) extra+=(--file freeze) ;;
		plan) [[ " \$* " != *' --publish'* ]] || extra+=(--key plan.key) ;;
		esac
		exec "$BUILD/meshopt" "\$@" "\${extra[@]}"
	EOF
	chmod +x "$tmp/bin/meshopt"
}

# figures: what every node would have reported
figures() {
	local i at row
	mapfile -t nodes < <(sed -n 's/^Name = //p' "$mesh" | tail -n +2)
	mapfile -t addrs < <(sed -n 's|^Address = \(.*\)/.*|\1|p' "$mesh")
	at=$(($(now_ms) - 11000))
	for i in "${!nodes[@]}"; do
		ip addr replace "${addrs[$i]}/32" dev lo
		# shellcheck disable=SC2046 # a list of numbers
		row=$(row dub hub 40 0 $(seq 200000 200039))
		[ "${nodes[$i]}" != dub ] || row=$(row hkg hub 40 0 $(seq 205000 205039))
		# shellcheck disable=SC2046
		[ "${nodes[$i]}" != hkg ] || row="$(row nrt hub 40 0 $(seq 492000 492039)),$(row \
			nrt public 40 0 $(seq 49000 49039)),$(row dub hub 40 0 $(seq 205000 205039))"
		check_eq "a report of ${nodes[$i]}" "$(send "${nodes[$i]}" "${addrs[$i]}" 0 "$at" "$row")" 204
	done
}

run "$BUILD/meshopt" keygen --plan -o "$tmp"
sed -i "/^\[Mesh\]/a $(grep '^PlanKey' "$tmp/out")" "$mesh"
# shellcheck disable=SC2119 # without more options
start
figures
stage
"$BUILD/meshopt" plan --mesh "$mesh" --budget 3 --no-relays -o "$tmp/stage/plan.json" >/dev/null
sqlite3 "$db" ".backup $tmp/stage/copy.db" || fail "a copy of the database"

# A command that stands in several books is run once.
while IFS= read -r command; do
	why=$(only_parsed "$command")
	if [ -n "$why" ]; then
		echo "# only parsed, $why: $command"
		continue
	fi
	rm -rf "$tmp/work"
	cp -rp "$tmp/stage" "$tmp/work"
	(
		cd "$tmp/work" || exit
		PATH=$tmp/bin:$PATH timeout 60 bash -c "$command" >"$tmp/out" 2>"$tmp/err" </dev/null
	)
	rc=$?
	# 3: something to do; 4: an import with something left to say
	case $rc in
	0 | 3 | 4) pass "$command" ;;
	*) fail "$command" "status $rc: $(head -c 300 "$tmp/err")" ;;
	esac
done < <(for book in "${books[@]}"; do commands "$book"; done | awk '!seen[$0]++')
stop TERM

for book in "${books[@]}"; do
	wrong=
	while IFS= read -r command; do
		parses "$command" || wrong+="; $command"
	done < <(mentioned "$book" | sort -u)
	check_eq "$book: each verb and each option is there" "$wrong" ""

	wrong=
	while read -r target; do
		grep -qE "^$target:|^\.PHONY:.* $target( |$)" Makefile || wrong+=" $target"
	done < <({
		blocks "$book"
		# shellcheck disable=SC2016 # the quotes of Markdown
		grep -oE '`make [^`]*`' "$book" | tr -d '`'
	} | sed -nE 's/^(sudo )?make( [A-Z]+=("[^"]*"|[^ ]*))* ([a-z][a-z-]*).*/\4/p' | sort -u)
	check_eq "$book: each target of make is there" "$wrong" ""

	wrong=
	while read -r link; do
		[ -e "$(dirname "$book")/${link%%#*}" ] || wrong+=" $link"
	done < <(grep -oE '\]\([^)]+\)' "$book" | sed -E 's/^\]\((.*)\)$/\1/' | grep -v '://')
	check_eq "$book: each link leads to a file" "$wrong" ""
done

# What the program says of itself is in its manual and in README's table.
while read -r verb; do
	check "meshopt(1) has $verb" grep -qx "\.It Cm $verb" optimizer/meshopt.1
	check "README has $verb" grep -qE "\[(meshopt[- ])?$verb(\([0-9]\))?\]" README.md
done < <(meshopt --help | sed -n 's/^  \([a-z]*\)  .*/\1/p')
finish
