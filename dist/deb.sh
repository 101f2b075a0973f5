#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Build the Debian packages into build/deb from the tree as it is, without touching it.

set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
version=$(sed -n 's/.*MESHOPT_VERSION "\(.*\)".*/\1/p' "$top/common/version.h")
out=$top/build/deb
src=$out/meshopt-$version

said=$(sed -n '1s/.*(\(.*\)).*/\1/p' "$top/dist/debian/changelog")
if [ "$said" != "$version" ]; then
	echo "dist/debian/changelog: version $said, but common/version.h has $version" >&2
	exit 1
fi
rm -rf "$out"
mkdir -p "$src"
cd "$top"
tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C "$src"
cp -R dist/debian "$src/debian"
cd "$src"
dpkg-buildpackage -b -us -uc >"$out/log" 2>&1 || {
	tail -20 "$out/log" >&2
	exit 1
}
cd "$out"
rm -rf "$src"
lintian --fail-on error,warning --tag-display-limit 0 ./*.changes
ls -- *.deb
