#!/bin/bash
# SPDX-License-Identifier: MIT
#
# meshopt peer on the running hub: a node joins and leaves, and who is there loses nothing.
#
#	   [hkg]   [nrt]   ( sin )      wg0: hub and spokes; sin is in no file of the hub
#	      \      |      :
#	       `---[dub]....'

. "$(dirname "$0")/lib.sh"

need meshopt
lab_mesh "$DATA/mesh.conf" dub hkg nrt sin
cp -p "$MESH" "$TMP/all.conf"
awk '/^\[/ { section = $0; name = "" } { text[++n] = $0; at[n] = section }
	/^\[Node\]/ { node++ } { of[n] = node }
	/^Name = sin$/ { drop = node }
	END { for (i = 1; i <= n; i++) if (!drop || of[i] != drop) print text[i] }' \
    "$TMP/all.conf" >"$MESH"
printf '\n[Region]\nName = joining\nSubnet = 10.50.9.0/24\n' >>"$MESH"
lab_net "$DATA/rtt.csv"
lab_wg
lab_ready
must n dub wg set wg0 peer "${KEY[sin]}" remove
n dub wg showconf wg0 >"$TMP/wg0.conf"
cp "$TMP/wg0.conf" "$TMP/wg0.before"

peer() { n dub meshopt peer --mesh "$MESH" --config "$TMP/wg0.conf" "$@"; }

stream_start there hkg nrt 100 20
out=$(peer add sin --key "${KEY[sin]}" --region joining 2>&1)
echo "$out"
check "it has the next free address of the region" grep -q '^Address = 10.50.9.1/24' <<<"$out"
check_eq "and no other" "$(n dub wg show wg0 allowed-ips | awk -v k="${KEY[sin]}" '$1 == k { print $2 }')" \
    10.50.9.1/32
must ip -n sin addr add 10.50.9.1/24 dev wg0
must ip -n sin route replace "$OVERLAY" dev wg0 src 10.50.9.1
check "it reaches the hub" wait_for 30 n sin ping -q -c 1 -W 2 10.50.0.1
check "and, by the hub, a peer" wait_for 30 n sin ping -q -c 1 -W 2 "${ADDR[hkg]}"
check "what was saved is what runs" cmp \
    <(sed -n 's/^PublicKey = //p' "$TMP/wg0.conf" | sort) <(n dub wg show wg0 peers | sort)
must ip -n dub link add wgt type wireguard
check "wg takes the file" n dub wg setconf wgt "$TMP/wg0.conf"
must ip -n dub link del wgt
out=$(peer add osa --key "$(wg genkey | wg pubkey)" --address 10.50.9.1/24 2>&1)
check_eq "its address is refused to another" $? 1
check "with a reason" grep -q '10.50.9.1/32: the peer' <<<"$out"
out=$(peer remove "${KEY[sin]}" 2>&1)
check_eq "it leaves" $? 0
check "the file is as before" cmp "$TMP/wg0.before" "$TMP/wg0.conf"
check_eq "the kernel, too" "$(n dub wg show wg0 peers | wc -l)" 2
stream_end there
for pair in 'hkg nrt' 'nrt hkg'; do
	read -r from to <<<"$pair"
	check_eq "stream $from to $to: lost" "$(stream_get there "$from" "$to" lost)" 0
done
finish
