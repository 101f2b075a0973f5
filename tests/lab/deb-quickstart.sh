#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by wait_for
#
# The packages on a machine with nothing but Debian, under its own systemd: from a fleet
# that runs wg-quick to a first plan, its tunnel, agents, and to nothing left behind.
#
#	            [internet]  192.0.2.0/24, a bridge with the delays
#	    .1 |        .2 |        .3 |
#	     dub         hkg         nrt        wg0: dub is the hub, both others dial it
#	  this machine  netns hkg   netns nrt   dub-hkg 205 ms, dub-nrt 287, hkg-nrt 150
#
# Time is real and the machine emulated, so that RTTs come out late by what a busy host
# takes: the direct path is long enough for the 20 % that a tunnel may differ from its plan.
#
# What is typed and what it says is in $RES/transcript.txt.  The two namespaces have no
# systemd of their own: their daemons run in this one, as instances of the units that the
# packages installed, with NetworkNamespacePath= and directories of their own added.
#
# Timeout: 1500

. "$(dirname "$0")/lib.sh"

DEB=/srv/meshopt
TRANSCRIPT=$RES/transcript.txt
OTHERS=(hkg nrt)
began=$(now_ms)
said='' status=0

# --- what is typed, and what is waited for ---

note() { printf '\n## %s\n\n' "$*" >>"$TRANSCRIPT"; }

at() {	# NODE WORDS: a line of shell, as root on that node
	local node=$1
	shift
	if [ "$node" = dub ]; then
		(cd /root && bash -c "$*")
	else
		(cd /root && ip netns exec "$node" bash -c "$*")
	fi
}

typed() {	# NODE WORDS: the same into the transcript; leaves $said and $status
	printf '%s# %s\n' "$1" "${*:2}" >>"$TRANSCRIPT"
	said=$(at "$@" 2>&1)
	status=$?
	said=$(sed 's/\r*$//; s/.*\r//' <<<"$said") # what dpkg has written over itself
	[ -z "$said" ] || printf '%s\n' "$said" >>"$TRANSCRIPT"
}

ok() { check_eq "$1" "$status${said:+ ($(tail -n 1 <<<"$said"))}" "${2:-0}${said:+ ($(tail -n 1 <<<"$said"))}"; }

says() {	# WHAT PATTERN: the last command did
	check "$1" grep -Eq -- "$2" <<<"$said"
}

exposure() { systemd-analyze security --no-pager "$1" | awk '/Overall exposure/ { print $(NF - 2) }'; }

show_units() {
	systemctl show -P "$1" "${@:2}"
}

# --- the fleet, as it was before anybody heard of meshopt ---

delay() {	# FROM TO MS: half of the RTT, on the way to TO
	tc -n internet class add dev "port$2" parent 1: classid "1:1$1" htb rate 10gbit quantum 60000 &&
	    tc -n internet qdisc add dev "port$2" parent "1:1$1" handle "1$1:" netem \
	        delay "$(($3 * 500))us" limit 20000 &&
	    tc -n internet filter add dev "port$2" parent 1: protocol ip prio 1 \
	        u32 match ip src "192.0.2.$1/32" flowid "1:1$1"
}

netns_of() { if [ "$1" = dub ]; then echo 1; else echo "$1"; fi; }	# 1: init's

underlay() {
	local i node nodes=(- dub hkg nrt)
	ip netns add internet && ip -n internet link add br0 type bridge forward_delay 0 stp_state 0 &&
	    ip -n internet link set br0 up || return
	for i in 1 2 3; do
		node=${nodes[i]}
		if [ "$node" != dub ]; then
			ip netns add "$node"
			ip -n "$node" link set lo up
		fi
		ip -n internet link add "port$i" type veth peer name "to-$node" || return
		ip -n internet link set "to-$node" name eth0 netns "$(netns_of "$node")" || return
		tc -n internet qdisc add dev "port$i" root handle 1: htb default 0
		ip -n internet link set "port$i" master br0 up
		at "$node" "ip addr add 192.0.2.$i/24 dev eth0 && ip link set eth0 up" || return
	done
	delay 1 2 205 && delay 2 1 205 && delay 1 3 287 && delay 3 1 287 &&
	    delay 2 3 150 && delay 3 2 150
}

# keys, and the files as an operator has them; those of the others also in /root/fleet,
# where they were copied to
wireguard() {
	local node
	declare -A private public
	umask 077
	for node in dub hkg nrt; do
		private[$node]=$(wg genkey)
		public[$node]=$(wg pubkey <<<"${private[$node]}")
		mkdir -p "/etc/netns/$node/wireguard"
	done
	cat >/etc/wireguard/wg0.conf <<-END
		[Interface]
		PrivateKey = ${private[dub]}
		Address = 10.50.0.1/24
		ListenPort = 51820
		PostUp = sysctl -qw net.ipv4.ip_forward=1

		# hkg - Hong Kong
		[Peer]
		PublicKey = ${public[hkg]}
		Endpoint = 192.0.2.2:51820
		AllowedIPs = 10.50.5.0/24

		# nrt - Tokyo
		[Peer]
		PublicKey = ${public[nrt]}
		AllowedIPs = 10.50.4.1/32
	END
	for node in 'hkg 10.50.5.1' 'nrt 10.50.4.1'; do
		cat >"/etc/netns/${node% *}/wireguard/wg0.conf" <<-END
			[Interface]
			PrivateKey = ${private[${node% *}]}
			Address = ${node#* }/24
			ListenPort = 51820

			# dub - Dublin
			[Peer]
			PublicKey = ${public[dub]}
			Endpoint = 192.0.2.1:51820
			AllowedIPs = 10.50.0.0/16
			PersistentKeepalive = 25
		END
	done
	mkdir /root/fleet
	cp /etc/wireguard/wg0.conf /root/fleet/dub.conf
	for node in "${OTHERS[@]}"; do
		cp "/etc/netns/$node/wireguard/wg0.conf" "/root/fleet/$node.conf"
		at "$node" wg-quick up wg0 >"$RES/wg-quick-$node.log" 2>&1 || return
	done
	umask 022
	systemctl enable --now wg-quick@wg0 >"$RES/wg-quick-dub.log" 2>&1
}

# the installed unit, as an instance a namespace
instances() {
	local unit
	for unit in meshopt-prober meshopt-agent; do
		sed -e '/^\[Service\]/a NetworkNamespacePath=/run/netns/%i' \
		    -e "s/^StateDirectory=.*/StateDirectory=$unit-%i/" \
		    -e "s/^RuntimeDirectory=.*/RuntimeDirectory=meshopt-%i/" \
		    "/lib/systemd/system/$unit.service" >"/etc/systemd/system/$unit@.service"
	done
	systemctl daemon-reload
}

must underlay
must wireguard
for node in "${OTHERS[@]}"; do
	wait_for 120 at "$node" ping -q -c 1 -W 2 10.50.0.1 || die "$node does not reach the hub"
done
mkdir -p "$DEB"
cp /lab/deb/*.deb "$DEB"
cat >"$TRANSCRIPT" <<-END
	# The quick start, as it went on Debian $(cat /etc/debian_version) with kernel $(uname -r)

	Made by tests/lab/deb-quickstart.sh (make lab-debian): an emulated machine that has
	Debian's minbase, systemd and wireguard-tools. dub, the hub, is the machine itself; hkg
	and nrt are network namespaces, whose daemons are instances (meshopt-prober@hkg) of the
	packages' units. 192.0.2.0/24 is the Internet, with delays.
END

# --- install ---

note "A fleet that runs wg-quick: everything between hkg and nrt goes by dub"
typed dub 'wg show wg0 allowed-ips | cut -f 2'
check_eq "the machine is a Debian under systemd" "$(ps -o comm= -p 1)" systemd
check_eq "and knows nothing of meshopt" "$(dpkg-query -W 'meshopt*' 2>/dev/null)" ""
find /etc /usr /var /srv -xdev -not -path '/lab/*' -not -path '/srv/*' -not -path '/root/*' | sort >"$TMP/before"
typed hkg 'ping -q -c 5 10.50.4.1 | tail -n 1'

note "Install"
typed dub "cd $DEB && apt-get install -qq -y ./*.deb 2>&1 | grep -v '^debconf'"
ok "apt installs the packages, without a network"
check_eq "all four" "$(dpkg-query -W -f '${db:Status-Abbrev} ' 'meshopt*')" "ii  ii  ii  ii  "
for unit in collector prober agent plan; do
	check_eq "meshopt-$unit is neither enabled nor started by itself" \
	    "$(systemctl is-enabled meshopt-$unit) $(systemctl is-active meshopt-$unit)" \
	    "disabled inactive"
done
check "the units pass systemd-analyze verify" systemd-analyze verify --man=no \
    meshopt-collector.service meshopt-prober.service meshopt-agent.service \
    meshopt-plan.service meshopt-report.service meshopt-report.timer
check_eq "systemd-networkd is told to leave routes of others alone" \
    "$(systemd-analyze cat-config systemd/networkd.conf | grep -c '^ManageForeign.*=no')" 2

# --- the mesh file ---

note "The mesh file, from the configuration that there is"
typed dub 'ls fleet'
typed dub 'meshopt import fleet/dub.conf fleet/hkg.conf fleet/nrt.conf --name demo --overlay 10.50.0.0/16 >mesh.conf'
ok "import reads the fleet"
typed dub "sed -i '/^Name = demo/a Collector = http://10.50.0.1:8650\nBudget = 3' mesh.conf"
typed dub 'cat mesh.conf'
check_eq "no private key is in the mesh file" "$(grep -c PrivateKey /root/mesh.conf)" 0
typed dub 'install -m 0644 mesh.conf /etc/meshopt/'
typed dub 'meshopt lint'
ok "lint finds the mesh file good"

# --- daemons ---

note "The collector on the hub, a prober on every node"
typed dub 'systemctl enable --now meshopt-collector meshopt-prober'
ok "the collector and the prober start on the hub"
must instances
for node in "${OTHERS[@]}"; do
	typed "$node" "systemctl enable --now meshopt-prober@$node"
	ok "and a prober on $node"
done
typed dub 'systemctl --no-pager --lines=0 status meshopt-collector meshopt-prober'
for unit in meshopt-collector meshopt-prober meshopt-prober@hkg meshopt-prober@nrt; do
	check_eq "$unit told systemd that it is ready" \
	    "$(show_units Type $unit) $(show_units ActiveState $unit) $(show_units SubState $unit)" \
	    "notify active running"
	check_eq "$unit does not run as root" \
	    "$(ps -o uid= -p "$(show_units MainPID $unit)" | awk '{ print ($1 >= 61184) }')" 1
done
check_eq "they are enabled" "$(systemctl is-enabled meshopt-collector meshopt-prober | xargs)" \
    "enabled enabled"
pid=$(show_units MainPID meshopt-prober)
typed dub 'systemctl reload meshopt-prober'
ok "the prober reloads"
check_eq "and is the same process" "$(show_units MainPID meshopt-prober)" "$pid"
for unit in meshopt-collector meshopt-prober; do
	typed dub "systemctl restart $unit"
	ok "$unit restarts"
	check_eq "and is ready again" "$(systemctl is-active $unit)" active
done
kill -KILL "$(show_units MainPID meshopt-prober)"
again() { [ "$(show_units NRestarts meshopt-prober)" = 1 ] && systemctl -q is-active meshopt-prober; }
check "systemd starts a killed prober again" wait_for 60 again

# --- figures ---

figures() { meshopt report --csv 2>/dev/null | grep -q '^hkg,nrt,\|^nrt,hkg,'; }
wait_for 180 figures
planned() { (cd /root && meshopt plan --budget 3 --no-relays --csv 2>/dev/null | grep -q ',add'); }
check "the figures suffice for a plan" wait_for 400 planned
note "After a minute there are figures"
typed dub 'meshopt report'
ok "report prints the matrix"

note "Which tunnel would help most?"
typed dub 'meshopt plan --budget 3 --no-relays -o plan.json'
ok "plan finds a tunnel"
says "it is hkg-nrt" 'hkg-nrt .* add'
minutes=$(awk -v ms="$(($(now_ms) - began))" 'BEGIN { printf "%.1f", ms / 60000 }')
check_le "minutes from nothing to a plan" "$minutes" 15
printf '\n(%s minutes after the first command.)\n' "$minutes" >>"$TRANSCRIPT"
typed dub 'meshopt why hkg nrt'
ok "and says why"

# --- by hand ---

note "The tunnel, by hand, on both ends"
typed hkg 'meshopt apply plan.json'
ok "without --yes it only says what it would do"
at nrt meshopt apply plan.json --yes >"$RES/apply-nrt.log" 2>&1 &
other=$!
typed hkg 'meshopt apply plan.json --yes'
ok "apply on hkg"
wait $other
status=$?
printf 'nrt# meshopt apply plan.json --yes\n%s\n' "$(<"$RES/apply-nrt.log")" >>"$TRANSCRIPT"
said=$(<"$RES/apply-nrt.log")
ok "apply on nrt"
typed hkg 'ping -q -c 5 10.50.4.1 | tail -n 1'
check_near "hkg to nrt goes direct, ms" "$(awk -F/ '{ print $5 }' <<<"$said")" 150 100
for node in "${OTHERS[@]}"; do
	typed "$node" 'meshopt apply --undo --yes'
	ok "undo on $node"
	typed "$node" 'ip link del wgd0'
done

# --- agents: that they start; what they do is for the lab's other scenarios ---

note "Or leave it to the agents"
typed dub 'meshopt keygen --plan -o /etc/meshopt'
ok "keygen makes the key that signs plans"
key=$(grep -o 'PlanKey = .*' <<<"$said")
typed dub "sed -i '/^Name = demo/a $key' /etc/meshopt/mesh.conf && meshopt lint"
ok "the mesh file takes it"
typed dub 'systemctl restart meshopt-collector && systemctl reload meshopt-prober'
for node in "${OTHERS[@]}"; do
	typed "$node" "systemctl enable --now meshopt-agent@$node"
	ok "the agent starts on $node"
done
for unit in meshopt-agent@hkg meshopt-agent@nrt; do
	check_eq "$unit told systemd that it is ready" \
	    "$(show_units Type $unit) $(show_units ActiveState $unit) $(show_units SubState $unit)" \
	    "notify active running"
done

note "How tightly systemd holds them"
for unit in meshopt-collector meshopt-prober meshopt-agent meshopt-plan; do
	typed dub "systemd-analyze security --no-pager $unit | tail -n 1 | sed 's/[^ -~]*//g'"
	check_le "exposure of $unit" "$(exposure $unit)" 2.5
done

# --- and away ---

note "And away again"
for node in "${OTHERS[@]}"; do
	typed "$node" "systemctl disable --now meshopt-agent@$node meshopt-prober@$node"
	check_eq "no path of ours stays on $node" "$(ip -n "$node" route show proto 213)" ""
	systemctl clean --what=all "meshopt-agent@$node" "meshopt-prober@$node" 2>"$RES/clean-$node.log"
done
rm -f /etc/systemd/system/meshopt-*@.service
systemctl daemon-reload
typed dub 'systemctl stop meshopt-collector meshopt-prober'
ok "stop"
for unit in meshopt-collector meshopt-prober; do
	check_eq "$unit ended well" "$(show_units Result $unit) $(show_units ExecMainStatus $unit)" "success 0"
done
typed dub "apt-get purge -qq -y 'meshopt*' 2>&1 | grep -v '^debconf'"
ok "apt purges the packages"
typed dub 'ls /etc/meshopt'
says "what the operator wrote stays" '^mesh.conf'
rm -rf /etc/meshopt
find /etc /usr /var /srv -xdev -not -path '/lab/*' -not -path '/srv/*' -not -path '/root/*' | sort >"$TMP/after"
comm -13 "$TMP/before" "$TMP/after" | grep -Ev '^/(tmp|var/(log|cache|tmp)|var/lib/(apt|dpkg|systemd)|run|etc/\.pwd)' >"$RES/left"
find /etc /usr /var /run -xdev -iname '*meshopt*' -not -path '/lab/*' -not -path '/srv/*' -not -path '/root/*' \
    -not -path '/tmp/*' >>"$RES/left"
check_eq "purge leaves nothing behind" "$(sort -u "$RES/left" | xargs)" ""
check_eq "no unit is known any more" "$(systemctl list-unit-files 'meshopt*' --no-legend | xargs)" ""
at hkg ping -q -c 1 -W 5 10.50.4.1 >"$RES/last-ping.log" 2>&1
check_eq "and the fleet runs as before" $? 0
finish
