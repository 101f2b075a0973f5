#!/bin/bash
# SPDX-License-Identifier: MIT
#
# meshopt import, config and keygen: the seed's sample configurations come in, and go out
# again without a difference that matters; everything that is rendered reads back as the
# mesh file it came from; what is malformed is refused with its line.

. "$(dirname "$0")/lib.sh"

# --- keys ---

mkdir "$TMP/keys"
run meshopt keygen -o "$TMP/keys" dub hkg nrt
status 0 "three keys at once"
cp "$TMP/out" "$TMP/public"
check_eq "only their owner may read them" "$(stat -c %a "$TMP"/keys/*.key | sort -u)" 600
check_eq "no private key is printed" "$(grep -cFf <(cat "$TMP"/keys/*.key) "$TMP/out")" 0
if command -v wg >/dev/null; then
	for node in dub hkg nrt; do
		check_eq "wg pubkey agrees about $node" "$node $(wg pubkey <"$TMP/keys/$node.key")" \
			"$(grep "^$node " "$TMP/public")"
	done
fi
sum=$(cat "$TMP"/keys/*.key | cksum)
run meshopt keygen -o "$TMP/keys" syd nrt
status 1 "a key that is there is not made again"
check_eq "nor is any other of that command" "$(ls "$TMP/keys")" $'dub.key\nhkg.key\nnrt.key'
one_sentence "and so it says"
run meshopt keygen -o "$TMP/keys" syd nrt2 syd
status 1 "a node that is named twice"
stderr_has "syd: named twice" "is named"
check_eq "and no key is made for any" "$(ls "$TMP/keys")" $'dub.key\nhkg.key\nnrt.key'
run meshopt keygen -o "$TMP/keys" --keep nrt
check_eq "--keep prints the public key of the one there is" "$(cat "$TMP/out")" \
	"$(grep '^nrt ' "$TMP/public")"
check_eq "and leaves all as they are" "$(cat "$TMP"/keys/*.key | cksum)" "$sum"
run meshopt keygen -o "$TMP/keys" --keep --show nrt
stdout_has "$(cat "$TMP/keys/nrt.key")" "--show shows the private key"
ln -s "$TMP/nowhere" "$TMP/keys/link.key"
run meshopt keygen -o "$TMP/keys" link
status 1 "a dangling link is not followed"
check "and nothing is where it led" test ! -e "$TMP/nowhere"
run meshopt keygen -o "$TMP/keys" ../up
status 1 "a name is no path"
run meshopt keygen -o "$TMP/keys" --plan
status 0 "a key that signs plans"
check "is printed as the mesh file wants it" grep -qE '^PlanKey = [A-Za-z0-9+/]{43}=$' "$TMP/out"
mkdir "$TMP/all"
run meshopt keygen --all --mesh "$MESH" -o "$TMP/all"
check_eq "--all makes one for each node" "$(find "$TMP/all" -name '*.key' | wc -l)" 12
run meshopt keygen
status 2 "a node must be named"
rm "$TMP/keys/link.key" "$TMP/keys/plan.key"

# --- the seed's own files, with real keys ---

fill() { # fill FILE...: the placeholders of the samples into $TMP/seed
	local file node script=''
	mkdir -p "$TMP/seed"
	for node in dub hkg nrt; do
		script+="s|@${node^^}_PRIVATE@|$(cat "$TMP/keys/$node.key")|;"
		script+="s|@${node^^}_PUBLIC@|$(awk -v n=$node '$1 == n { print $2 }' "$TMP/public")|;"
	done
	for file; do sed "$script" "$file" >"$TMP/seed/${file##*/}"; done
}
fill "$(dirname "$0")"/seed/*.conf
cd "$TMP/seed" || exit 1

run meshopt import dub=dub.conf hkg=hkg.conf nrt=nrt.conf --name edgeproxy --overlay 10.50.0.0/16
status 0 "the seed's hub, POP and backend make a mesh"
cp "$TMP/out" "$TMP/seed.mesh"
check_eq "of twelve nodes" "$(grep -c '^\[Node\]' "$TMP/out")" 12
check_eq "joined by key: one hub, one POP" "$(grep -E '^Role = (hub|pop)' "$TMP/out" | xargs)" "Role = hub Role = pop"
stdout_has "# GRU - Sao Paulo" "the comments that name peers are kept"
stdout_has "Endpoint = 35.241.112.61:51820" "the POP's endpoint comes from the backend's file"
stdout_has "# dub.conf: PostUp = iptables" "what a mesh file has no word for is kept"
check_eq "the POP's three tunnels are pinned" "$(grep -c '^Path = direct' "$TMP/out")" 3
check_eq "no private key is in it" "$(grep -cFf <(cat "$TMP"/keys/*.key) "$TMP/out")" 0
run meshopt lint "$TMP/seed.mesh"
status 0 "lint has nothing against it"

# As wg and wg-quick see it: no comments, no empty lines.
bare() { sed 's/[[:space:]]*#.*//; /^$/d' "$1"; }
for node in dub hkg nrt; do
	run meshopt config $node --mesh "$TMP/seed.mesh" --topology full-mesh --plain --key "$TMP/keys/$node.key"
	status 0 "$node is rendered again"
	diff <(bare $node.conf) <(bare "$TMP/out") >"$TMP/diff.$node"
	sed "s/^/# diff $node: /" "$TMP/diff.$node"
done
check_eq "the hub's file comes back without any difference" "$(cat "$TMP/diff.dub")" ""
# The hub's prefix covers the overlay, so that a pair whose own tunnel goes has a way back;
# WireGuard takes the longest prefix, so that those of the direct peers still win.
check_eq "the POP's and the backend's differ in the hub's AllowedIPs alone" \
	"$(cat "$TMP/diff.hkg" "$TMP/diff.nrt" | grep '^[<>]')" \
	"< AllowedIPs = 10.50.0.1/32, 10.50.1.0/24, 10.50.2.0/24, 10.50.3.0/24
> AllowedIPs = 10.50.0.0/16
< AllowedIPs = 10.50.0.0/24, 10.50.1.0/24, 10.50.2.0/24, 10.50.3.0/24
> AllowedIPs = 10.50.0.0/16"

run meshopt import dub=dub.conf hkg=hkg.conf
status 4 "without the backend's file something is left to say"
stdout_has "# TODO Endpoint" "the endpoint is asked for, not made up"
run meshopt import dub=dub.conf
stdout_has "AllowedIPs = 10.50.0.0/21" "the least prefix that covers all is the hub's"
stdout_has "# TODO Endpoint" "the hub's endpoint is asked for"
sed 's|^AllowedIPs = 10.50.0.1/32.*|AllowedIPs = 10.50.0.0/16|' hkg.conf >wide.conf
run meshopt import dub=dub.conf hkg=wide.conf
stdout_has "AllowedIPs = 10.50.0.0/16" "where the spokes have a wider one, that"
run meshopt import dub=dub.conf also=dub.conf
status 1 "one node twice"
stderr_has "both have its key" "and why"
printf '%s\t%s\t51820\toff\n' "$(cat "$TMP/keys/nrt.key")" "$(awk '$1 == "nrt" { print $2 }' "$TMP/public")" >dump
printf '%s\t(none)\t54.171.48.207:51820\t10.50.0.0/16\t1700000000\t1\t2\t25\n' \
	"$(awk '$1 == "dub" { print $2 }' "$TMP/public")" >>dump
printf '%s\t(none)\t198.51.100.7:41822\t10.50.5.0/24\t0\t0\t0\toff\n' \
	"$(awk '$1 == "hkg" { print $2 }' "$TMP/public")" >>dump
run meshopt import nrt=dump dub=dub.conf
stdout_has "Endpoint = 54.171.48.207:51820" "wg show dump: an endpoint"
stdout_has "# dump: seen at 198.51.100.7:41822" "a port that may be a NAT's is no Endpoint"
run meshopt import nrt=- <dump
stdout_has "Name = nrt" "and from standard input"

# --- there and back again ---

cat >>"$MESH" <<-END

	[Region]
	Name = europe
	Subnet = 10.50.3.0/24

	[Pair]
	Nodes = nrt, hkg
	Weight = 7
	Path = direct

	[Pair]
	Nodes = gru, iad
	Path = hub
END
sed -i '/^Name = hkg/a Relay = yes\nWeight = 3\nMTU = 1380\nKeyCreated = 2026-11-01' "$MESH"
sed -i '/^Name = syd/a Keepalive = 15\nListenPort = 4500\nDSCP = 46' "$MESH"
said() { sed 's/[[:space:]]*#.*//; /^$/d' "$@"; }
# The order of keys may differ, nothing else; and a second round must not change a letter.

for topology in side-by-side hub-and-spoke full-mesh; do
	rm -rf "$TMP/round"
	run meshopt config --all --mesh "$MESH" --topology $topology -o "$TMP/round"
	status 0 "$topology: all nodes are rendered"
	# shellcheck disable=SC2046 # paths without blanks
	run meshopt import "$TMP/round/dub/wg0.conf" $(find "$TMP/round" -name wg0.conf | grep -v /dub/)
	status 0 "$topology: and read again"
	said "$TMP/out" | tr '\n' ' ' | sed 's/\[/\n[/g' | sort >"$TMP/got"
	check_eq "$topology: each section has what it had" \
		"$(sed 's/ = /=/g; s/ \+/\n/g' "$TMP/got" | sort | xargs)" \
		"$(said "$MESH" | sed 's/^Interface = wg0$//; s/^DirectInterface = wgd0$//; s/^DirectPort = 51821$//' |
			sed 's/ = /=/; s/ \+/\n/g; /^$/d' | sort | xargs)"
	said "$TMP/out" >"$TMP/again.mesh"
	meshopt config --all --mesh "$TMP/again.mesh" --topology $topology -o "$TMP/round2" 2>/dev/null
	check "$topology: a second round is the same to the letter" diff -r "$TMP/round" "$TMP/round2"
	rm -rf "$TMP/round2"
done
run meshopt import "$TMP/round/dub/wg0.conf"
check_eq "the hub's file alone has every node" "$(grep -c '^\[Node\]' "$TMP/out")" 12

# --- a new key, as far as the mesh file goes ---

cp "$MESH" "$TMP/rotate.mesh"
run meshopt rotate hkg --mesh "$TMP/rotate.mesh" --peers
status 1 "no rotation is under way"
run meshopt rotate hkg --mesh "$TMP/rotate.mesh" --start -o "$TMP/keys"
status 0 "one is begun"
check_eq "it adds one line to the mesh file" \
	"$(diff "$MESH" "$TMP/rotate.mesh" | grep -c '^>') $(diff "$MESH" "$TMP/rotate.mesh" | grep -c '^<')" "1 0"
check "which is NextPublicKey" grep -q '^NextPublicKey = ' "$TMP/rotate.mesh"
run meshopt rotate hkg --mesh "$TMP/rotate.mesh" --start -o "$TMP/keys"
status 1 "and not begun twice"
for script in peers node; do
	run meshopt rotate hkg --mesh "$TMP/rotate.mesh" --$script
	cp "$TMP/out" "$TMP/$script.sh"
	check_eq "no private key is in the script of $script" \
		"$(grep -cF "$(cat "$TMP/keys/hkg.next.key")" "$TMP/$script.sh")" 0
	if command -v shellcheck >/dev/null; then
		check "script of $script: shellcheck" shellcheck "$TMP/$script.sh"
	fi
done
cp "$TMP/rotate.mesh" "$TMP/abort.mesh"
run meshopt rotate hkg --mesh "$TMP/abort.mesh" --abort
check "--abort leaves the mesh file as it was" cmp "$MESH" "$TMP/abort.mesh"
next=$(sed -n 's/^NextPublicKey = //p' "$TMP/rotate.mesh")
today=$(date -u +%F)
run meshopt rotate hkg --mesh "$TMP/rotate.mesh" --finish
check "--finish makes it the key" grep -qxF "PublicKey = $next" "$TMP/rotate.mesh"
check "of today" grep -qE "^KeyCreated = ($today|$(date -u +%F))" "$TMP/rotate.mesh"
sed -i 's/^KeyCreated = .*/KeyCreated = 2001-01-01/' "$TMP/rotate.mesh"
run meshopt lint "$TMP/rotate.mesh"
status 0 "an old key is a warning"
stdout_has "days old: \`meshopt rotate hkg\`" "that names the cure"

# --- addresses ---

run meshopt address europe --mesh "$MESH"
check_eq "the next free address of a region" "$(cat "$TMP/out")" 10.50.3.4/24
run meshopt address europe 10.50.3.2 --mesh "$MESH"
status 1 "one that a node has is refused"
stderr_has "is the Address of fra" "with the node's name"
run meshopt address mars --mesh "$MESH"
status 1 "and a region without a subnet"
run meshopt address --mesh "$MESH"
status 2 "a region must be named"

cat >"$TMP/nodes.csv" <<-'END'
	name,role,Address,AllowedIPs,PublicKey,endpoint,region
	dub,hub,10.50.0.1/24,10.50.0.0/16,bzM6rw/efq+75VGhBgkCRChDnKfFlXQY560ejhvKCQY=,54.171.48.207:51820,
	hkg,pop,10.50.5.1/24,"10.50.5.0/24, 10.50.6.0/24",GxuSsvO9/raKe5WctZQfX5tkHOrTf0PLJWmHEzrw1Go=,,asia
END
run meshopt import --name m "$TMP/nodes.csv"
status 0 "a CSV of nodes"
stdout_has "AllowedIPs = 10.50.5.0/24, 10.50.6.0/24" "with a list in one cell"
stdout_has "Region = asia" "and any key of [Node]"

# --- scripts and clouds ---

run meshopt config hkg --mesh "$MESH" --key "$TMP/keys/dub.key"
status 1 "another node's key is refused"
cp "$TMP/keys/hkg.key" "$TMP/open.key"
chmod 644 "$TMP/open.key"
run meshopt config hkg --mesh "$MESH" --key "$TMP/open.key"
status 1 "and one that others may read"
stderr_has "chmod 600" "with what to do"
run meshopt config mars --mesh "$MESH"
status 1 "a node that is not there"
run meshopt config hkg --format yaml
status 2 "a format that is not there"
for firewall in iptables nft none; do
	for node in dub hkg nrt; do
		run meshopt config $node --mesh "$MESH" --format script --firewall $firewall
		cp "$TMP/out" "$TMP/up.sh"
		if command -v shellcheck >/dev/null; then
			check "script of $node ($firewall): shellcheck" shellcheck "$TMP/up.sh"
		else
			check "script of $node ($firewall): bash" bash -n "$TMP/up.sh"
		fi
	done
done
# The schema is taken out of Debian's package: installed, it would run at the next boot.
schema=$TOP/build/cloud-config.json
if [ ! -s "$schema" ]; then
	(cd "$TMP" && apt-get download cloud-init && dpkg -x cloud-init_*.deb cloud-init) >"$TMP/apt" 2>&1
	cp "$TMP"/cloud-init/usr/lib/python3/dist-packages/cloudinit/config/schemas/schema-cloud-config-v1.json \
		"$TMP/schema" 2>/dev/null && mv "$TMP/schema" "$schema"
fi
[ -s "$schema" ] || echo "SKIP cloud-init's schema: apt-get download cloud-init: $(tail -1 "$TMP/apt")"
# valid SCHEMA FILE
valid() {
	/usr/bin/python3 -c 'import json, jsonschema, sys, yaml
jsonschema.validate(yaml.safe_load(open(sys.argv[2])), json.load(open(sys.argv[1])))' "$@" 2>"$TMP/err"
}
for node in dub hkg nrt; do
	run meshopt config $node --mesh "$MESH" --format cloud-init
	cp "$TMP/out" "$TMP/user-data.yaml"
	if [ -s "$schema" ]; then
		check "cloud-init of $node: its schema" valid "$schema" "$TMP/user-data.yaml"
		sed 's/^runcmd:/runcmd: 7\nx:/' "$TMP/user-data.yaml" >"$TMP/bad.yaml"
		if valid "$schema" "$TMP/bad.yaml"; then
			fail "cloud-init of $node: a wrong one would be noticed"
		else
			pass "cloud-init of $node: a wrong one would be noticed"
		fi
	fi
	# The script inside is the script outside, set in by six.
	check "cloud-init of $node: the script is whole" cmp <(meshopt config $node --mesh "$MESH" --format script) \
		<(sed -n '/content: |/,/^runcmd/p' "$TMP/user-data.yaml" | sed '1d; $d; s/^      //')
	check_eq "cloud-init of $node: has no key" "$(grep -c '^ *PrivateKey' "$TMP/user-data.yaml")" 0
done

# --- what is malformed ---

refused() { # refused WORDS LINES...: a wg-quick file that is refused with those words
	local words=$1
	shift
	printf '%s\n' "$@" >"$TMP/bad.conf"
	run meshopt import x="$TMP/bad.conf"
	if [ "$rc" = 1 ] && grep -qF -- "$words" "$TMP/err" && [ ! -s "$TMP/out" ]; then
		pass "refused: $words"
	else
		fail "refused: $words" "status $rc: $(head -c 200 "$TMP/err")"
	fi
}
K1=He2jX3+iEl7hUaaJG/i3YcSnStEFAcW/rs/lP0Pw+nc=
K2=rImgzxPu9MuhqLpcvXQ9xckSSA+AGbDOpBGvTUOwaHQ=
P=$(cat "$TMP/keys/nrt.key") Q=$(awk '$1 == "nrt" { print $2 }' "$TMP/public")
I='[Interface]'
refused "bad.conf:1: ListenPort stands before" "ListenPort = 1"
refused "bad.conf:1: [Iface] is not a section" "[Iface]"
refused "bad.conf:2: ListenPort: \"65536\"" "$I" "ListenPort = 65536"
refused "bad.conf:2: PrivateKey is not a private key" "$I" "PrivateKey = ${P:1}"
check_eq "a private key with a typing error is not shown" "$(grep -cF "${P:1}" "$TMP/err")" 0
refused "bad.conf:2: Adress is not a key" "$I" "Adress = 10.50.0.1/24"
refused "bad.conf:2: Address: \"10.50.0.1/33\"" "$I" "Address = 10.50.0.1/33"
refused "bad.conf:3: ListenPort is said twice" "$I" "ListenPort = 1" "ListenPort = 2"
refused "bad.conf:2: a second [Interface]" "$I" "$I"
refused "bad.conf:1: this [Peer] has no PublicKey" "[Peer]" "AllowedIPs = 10.50.0.1/32"
refused "44 characters" "[Peer]" "PublicKey = ${K1:2}"
refused "44 characters" "[Peer]" "PublicKey = ${K1}A"
refused "bad.conf:3: AllowedIPs: \"10.50.0\"" "[Peer]" "PublicKey = $K1" "AllowedIPs = 10.50.0"
refused "bad.conf:3: AllowedIPs" "[Peer]" "PublicKey = $K1" "AllowedIPs = 10.50.0.1/32,,"
refused "bad.conf:3: Endpoint" "[Peer]" "PublicKey = $K1" "Endpoint = 192.0.2.1"
refused "bad.conf:3: PersistentKeepalive" "[Peer]" "PublicKey = $K1" "PersistentKeepalive = -1"
refused "everything" "[Peer]" "PublicKey = $K1" "AllowedIPs = 0.0.0.0/0"
refused "everything" "[Peer]" "PublicKey = $K1" "AllowedIPs = ::/0"
refused "key of the interface itself" "$I" "PrivateKey = $P" "[Peer]" "PublicKey = $Q"
refused "with the key of the one in line 1" "[Peer]" "PublicKey = $K1" "[Peer]" "PublicKey = $K1"
refused "10.50.1.1/32 is in the AllowedIPs of the [Peer] in line" "[Peer]" "PublicKey = $K1" \
	"AllowedIPs = 10.50.1.1" "[Peer]" "PublicKey = $K2" "AllowedIPs = 10.50.1.1/32"
refused "no ']'" "[Peer"
refused "expected [Section] or Key = Value" "$I" "PrivateKey"
refused "no [Interface] and no [Peer]" "# nothing"
refused "words in the output of" $'a\tb\tc'
refused "no private key" $'a\tb\t51820\toff'
head -c 100000 /dev/zero | tr '\0' x >"$TMP/bad.conf"
run meshopt import "$TMP/bad.conf"
status 1 "a line without an end"
head -c 3000 /dev/urandom >"$TMP/bad.conf"
run meshopt import "$TMP/bad.conf"
status 1 "noise"
: >"$TMP/bad.conf"
run meshopt import "$TMP/bad.conf"
status 1 "an empty file"
for bad in 'name' 'name,PublicKey,colour' 'name,PublicKey,name' $'name,PublicKey\nx,abc' \
	$'name,PublicKey\nx,'"$K1"',y' $'name,PublicKey\n,'"$K1" $'name,PublicKey\nx,'"$K1"$'\ny,'"$K1" \
	$'name,PublicKey\n"x,'"$K1" $'name,PublicKey,MTU\nx,'"$K1"',12'; do
	printf '%s\n' "$bad" >"$TMP/bad.csv"
	run meshopt import "$TMP/bad.csv"
	status 1 "CSV refused: $(tail -c 60 "$TMP/err" | tr '\n' ' ')"
done
finish
