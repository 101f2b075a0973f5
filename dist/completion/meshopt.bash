# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Completion of meshopt for bash. What there is to say says the program itself: verbs,
# options and nodes are those of the meshopt that is typed. Where it says nothing, files.

_meshopt() {
	local words
	words=$("${COMP_WORDS[0]}" completion "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null |
		cut -f1)
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]#=}")
}
complete -o default -F _meshopt meshopt
