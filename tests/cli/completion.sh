#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Completion in bash and zsh: every verb, every verb's options, and the mesh's nodes.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=dist/completion/meshopt.bash
. "$TOP/dist/completion/meshopt.bash"

mapfile -t verbs < <(meshopt --help | sed -n 's/^  \([a-z]*\)  .*/\1/p')

# tab WORD...: what bash offers for the last word, in $offered, with blanks around each
tab() {
	COMP_WORDS=(meshopt "$@")
	# shellcheck disable=SC2034 # read by _meshopt
	COMP_CWORD=$#
	COMPREPLY=()
	_meshopt
	offered=" ${COMPREPLY[*]} "
}
offers() { check_eq "$1" "$offered" " $2 "; }

check "there are verbs" test ${#verbs[@]} -gt 15
tab ''
offers "bash: each verb of --help" "${verbs[*]}"
tab ro
offers "a verb by its beginning" "rotate"
tab nonsense --x
offers "nothing of what is no verb" ""

tab freeze --
offers "freeze: its own options, not those of panic" "--off --file --help"
# An option that --help names is in the verb's table, and so it is offered.
for verb in "${verbs[@]}"; do
	tab "$verb" --
	missing=
	for option in $(meshopt "$verb" --help 2>&1 | grep -oE -- '--[a-z][a-z-]+' | sort -u); do
		[[ $offered == *" $option "* ]] || missing+=" $option"
	done
	check_eq "$verb: options are offered, and those of its help" \
		"$([[ $offered == *" --help "* ]] && echo yes)$missing" yes
done

nodes=$(sed -n '/^\[Node\]/,$s/^Name = //p' "$MESH" | paste -sd' ')
for verb in why doctor ping config keygen rotate; do
	tab "$verb" --mesh "$MESH" ''
	offers "$verb: the nodes of the mesh file" "$nodes"
done
tab why --mesh "$MESH" hkg n
offers "why: the second node" "nrt"
tab status --mesh "$MESH" --node h
offers "--node takes a node" "hkg"
tab status --mesh = "$MESH" --node =
offers "bash cuts at the =" "$nodes"
tab peer ''
offers "peer: its own words" "list add remove"
tab peer --mesh "$MESH" remove n
offers "peer: then nodes" "nrt"
tab plan --mesh ''
offers "what is a file is left to the shell" ""
tab ping --mesh "$TMP/none" ''
offers "no mesh file, no nodes" ""
run meshopt ping --list-options x
status 2 "--list-options is hidden unless it stands alone"

if command -v zsh >/dev/null; then
	cat >"$TMP/tab.zsh" <<-'EOF'
		_describe() { print -rl -- ${(P)2} }
		_files() { print files }
		tab() { words=(meshopt "$@"); CURRENT=$#words; _meshopt }
		autoload -U $MESHOPT_COMPLETION/_meshopt
		tab ''
		tab plan --mesh ''
		tab why --mesh $MESH h
	EOF
	run env MESH="$MESH" MESHOPT_COMPLETION="$TOP/dist/completion" zsh -f "$TMP/tab.zsh"
	status 0 "zsh: it runs"
	stdout_has "lint:judge the mesh file" "zsh: a verb and what it is"
	check_eq "zsh: a file" "$(grep -cx files "$TMP/out")" 1
	check_eq "zsh: a node and its role" "$(grep -x 'hkg:.*' "$TMP/out")" "hkg:pop"
else
	echo "SKIP completion in zsh: no zsh"
fi
finish
