#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Build the lab's guest: a Debian kernel and an initramfs in two layers.
#
# usage: build.sh [OUTDIR]      (default build/lab)
#        build.sh --tools [OUTDIR]    only what runs without a guest
#        build.sh --packages    the Debian packages that this needs, one a line
#
# Layer one (base.cpio) holds the tools and the kernel modules; it is made again
# only when one of its parts is newer.  Layer two (job.cpio) holds the scenarios
# and the project's programs; it is made every time, which takes a moment.  The
# kernel unpacks concatenated archives one after the other, so OUTDIR/initrd is
# simply both.  No root is needed, and the machine's own kernel is not touched.

set -euo pipefail
shopt -s nullglob
umask 022
PATH=$PATH:/usr/sbin:/sbin	# kmod lives there, off a plain user's PATH
export LC_ALL=C

PACKAGES='busybox-static cpio gcc iproute2 iptables iputils-ping kmod libc6-dev nftables
	qemu-system-x86 wireguard-tools xz-utils'

# The package that always depends on Debian's newest kernel for clouds: small,
# quick to boot, and with WireGuard and netem as modules.
KERNEL_META=linux-image-cloud-amd64

# timeout, env, xargs and the rest from coreutils, findutils and util-linux:
# busybox's own run busybox's applets in place of the programs they are given.
TOOLS='bash ip tc wg ping nft iptables wg-quick stat sort readlink timeout env nice xargs setsid setpriv unshare'

MODULES='wireguard sch_netem sch_htb cls_u32 sch_fq sch_prio veth bridge dummy tun
	virtio_pci virtio_console virtio_blk inet_diag udp_diag
	nf_tables nft_ct nft_masq nft_chain_nat nft_reject_inet nft_limit'

# The lab's own programs, one C file each.
OWN='stream stamps'

die() {
	echo "lab: $*" >&2
	exit 1
}

lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$lab/../.." && pwd)

if [ "${1-}" = --packages ]; then
	xargs -n 1 <<<"$PACKAGES"
	exit 0
fi
if [ "$(uname -m)" != x86_64 ]; then
	echo "lab: skipped: the guest is built for x86_64, and this is $(uname -m)" >&2
	exit 77
fi

tools_only=0
if [ "${1-}" = --tools ]; then
	tools_only=1
	shift
fi
mkdir -p "${1:-$top/build/lab}"
out=$(cd "${1:-$top/build/lab}" && pwd)
exec 9>"$out/.lock"
flock 9		# two runs may build at the same time

tmp=$(mktemp -d "$out/tmp.XXXXXX")
trap 'rm -rf "$tmp"' EXIT

require() {
	local tool missing=
	for tool; do
		command -v "$tool" >/dev/null || missing="$missing $tool"
	done
	[ -z "$missing" ] || die "not found:$missing; run 'make deps'"
}

# newer THAN FILE...: is one of the files newer than THAN?  By change time, as
# packages give their files the time of the build, not of the installation.
newer() {
	local than=$1
	shift
	[ ! -e "$than" ] || [ -n "$(find -L "$@" -cnewer "$than" -print -quit)" ]
}

# libraries FILE...: what the programs load, by the loader's own account
libraries() {
	{ ldd "$@" 2>/dev/null || true; } |
	    grep -o '/[^ :]* (0x' | cut -d' ' -f1 | sort -u
}

# put_libraries ROOT FILE...: all in one directory that the loader searches; the
# loader itself at the path that programs name
put_libraries() {
	local root=$1 file
	shift
	mkdir -p "$root/lib/x86_64-linux-gnu" "$root/lib64"
	libraries "$@" | while read -r file; do
		case $file in
		*/ld-linux-x86-64.so.2) cp -L "$file" "$root/lib64/" ;;
		*) cp -L "$file" "$root/lib/x86_64-linux-gnu/" ;;
		esac
	done
}

pack() {	# pack ROOT FILE: not compressed, as unpacking would cost the guest more
	(cd "$1" && find . | sort | cpio -o -H newc -R 0:0 --quiet) >"$2.new"
	mv "$2.new" "$2"
}

# The .deb is kept: with it in place neither network nor package lists are needed.
get_kernel() {
	local deb image
	deb=("$out"/linux-image-*.deb)
	if [ ${#deb[@]} -eq 0 ]; then
		image=$(apt-cache depends "$KERNEL_META" 2>/dev/null |
		    awk '/Depends: linux-image-/ { print $2 }') || true
		[ -n "$image" ] || die "apt has no $KERNEL_META; run 'make deps'"
		echo "lab: fetching $image" >&2
		# As root, apt would try a user of its own that may not write here.
		(cd "$tmp" &&
		    apt-get -q=2 -o APT::Sandbox::User=root download "$image") ||
		    die "no download of $image; if apt's lists are old, run 'make deps'"
		mv "$tmp"/linux-image-*.deb "$out/"
		deb=("$out"/linux-image-*.deb)
	fi
	if newer "$out/kernel/vmlinuz" "${deb[0]}"; then
		echo "lab: unpacking ${deb[0]##*/}" >&2
		mkdir "$tmp/kernel"
		dpkg -x "${deb[0]}" "$tmp/kernel"
		# Newer packages say usr/lib/modules; modprobe looks in lib/modules.
		[ -d "$tmp/kernel/lib" ] || ln -s usr/lib "$tmp/kernel/lib"
		version=$(ls "$tmp/kernel/lib/modules")
		depmod -b "$tmp/kernel" "$version"
		mv "$tmp"/kernel/boot/vmlinuz-* "$tmp/kernel/vmlinuz"
		touch "$tmp/kernel/vmlinuz"
		rm -rf "$out/kernel"
		mv "$tmp/kernel" "$out/kernel"
	fi
	kernel=$out/kernel
	version=$(ls "$kernel/lib/modules")
}

# The modules in the order of loading, each a line of a list: file and parameters.
put_modules() {
	local root=$1 file args name
	mkdir -p "$root/modules"
	# shellcheck disable=SC2086 # a list of names
	modprobe -S "$version" -d "$kernel" -a --show-depends $MODULES \
	    >"$tmp/modules" || die "the kernel lacks a module that the lab needs"
	awk '$1 == "insmod" && !seen[$2]++' "$tmp/modules" |
	    while read -r _ file args; do
		name=${file##*/}
		case $file in
		*.xz) name=${name%.xz}; xz -dc "$file" >"$root/modules/$name" ;;
		*.zst) name=${name%.zst}; zstd -dqc "$file" >"$root/modules/$name" ;;
		*) cp "$file" "$root/modules/$name" ;;
		esac
		echo "$name $args"
	done >"$root/modules/list"
}

make_base() {
	local root=$tmp/base tool applet paths=()
	for tool in $TOOLS; do
		paths+=("$(command -v "$tool")")
	done
	if ! newer "$out/base.cpio" "$lab/build.sh" "$lab/init" "$kernel/vmlinuz" \
	    "$(command -v busybox)" "${paths[@]}"; then
		return 0
	fi
	echo "lab: building the base image" >&2
	mkdir -p "$root"/{bin,dev,etc,proc,root,run,sys,tmp,usr}
	for tool in sbin usr/bin usr/sbin; do	# one directory with several names
		ln -s /bin "$root/$tool"
	done
	cp -L "${paths[@]}" "$(command -v busybox)" "$root/bin/"
	# sh is bash: in busybox's shell its applets come before the PATH.
	ln -s bash "$root/bin/sh"
	# iptables loads this by its full path, even for ACCEPT.
	mkdir -p "$root/usr/lib/x86_64-linux-gnu/xtables"
	cp /usr/lib/x86_64-linux-gnu/xtables/libxt_standard.so \
	    "$root/usr/lib/x86_64-linux-gnu/xtables/"
	for applet in $(busybox --list); do
		[ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"
	done
	put_libraries "$root" "${paths[@]}"
	# The C library loads it when a thread ends, and getaddrinfo_a(3) has threads.
	cp -L /lib/x86_64-linux-gnu/libgcc_s.so.1 "$root/lib/x86_64-linux-gnu/"
	put_modules "$root"
	cp "$lab/init" "$root/init"
	chmod 0755 "$root/init"
	cat >"$root/etc/passwd" <<-END
		root:x:0:0:root:/root:/bin/bash
		nobody:x:65534:65534:nobody:/nonexistent:/bin/false
		meshopt:x:990:990:meshopt:/nonexistent:/bin/false
	END
	cat >"$root/etc/group" <<-END
		root:x:0:
		nogroup:x:65534:
		meshopt:x:990:
	END
	echo 'passwd: files' >"$root/etc/nsswitch.conf"
	echo '127.0.0.1 localhost' >"$root/etc/hosts"
	[ ! -d /etc/iproute2 ] || cp -r /etc/iproute2 "$root/etc/"
	pack "$root" "$out/base.cpio"
}

# The tree as a scenario sees it, so that it finds everything by relative paths,
# here and in the guest alike.
make_job() {
	local root=$tmp/job file programs=()
	mkdir -p "$root/src/tests/lab" "$root/src/build/lab" "$root/src/data"
	cp -p "$lab"/*.sh "$root/src/tests/lab/"
	[ ! -d "$top/data/edgeproxy" ] || cp -rp "$top/data/edgeproxy" "$root/src/data/"
	for file in "$top"/build/meshopt{,-prober,-collector,-agent}; do
		[ ! -x "$file" ] || programs+=("$file")
	done
	for file in "$top"/build/lab-tools/*; do	# linked with parts of the project
		[ ! -x "$file" ] || programs+=("$file")
	done
	[ ${#programs[@]} -eq 0 ] || cp -p "${programs[@]}" "$root/src/build/"
	for file in $OWN; do
		cp -p "$out/$file" "$root/src/build/lab/"
		programs+=("$out/$file")
	done
	put_libraries "$root" "${programs[@]}"
	pack "$root" "$out/job.cpio"
}

require "${CC:-cc}"
for name in $OWN; do
	if newer "$out/$name" "$lab/$name.c"; then
		"${CC:-cc}" -std=c11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Wconversion \
		    -Wshadow -o "$out/$name" "$lab/$name.c"
	fi
done
[ $tools_only = 0 ] || exit 0

# shellcheck disable=SC2086 # a list of names
require busybox cpio depmod modprobe qemu-system-x86_64 $TOOLS
get_kernel
make_base
make_job
cat "$out/base.cpio" "$out/job.cpio" >"$out/initrd.new"
mv "$out/initrd.new" "$out/initrd"
