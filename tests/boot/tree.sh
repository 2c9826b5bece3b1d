#!/bin/sh
# Make a Debian system to boot, once, and print where it is: tree.sh SUITE. It has systemd, Apache, and what jaild needs
# at run time, nothing of jaild. It is kept under a name that says what is in it, so that it is made anew when that changes.
set -eu

suite=$1
cache=${JAILD_TEST_CACHE:-/var/cache/jaild-tests}
mirror=http://deb.debian.org/debian
packages=systemd,systemd-sysv,dbus,polkitd,apache2,curl,procps
# Those of bookworm; where later suites call them otherwise they provide these names.
packages=$packages,libarchive13,libcap-ng0,libelf1,libinih1,libjson-c5,libssl3

tree=$cache/$suite-$(printf '%s' "$packages" | cksum | cut -d ' ' -f 1)
mkdir -p "$cache"
exec 9>"$tree.lock"
flock 9
if [ ! -d "$tree" ]; then
        rm -rf "$tree.new"
        mmdebstrap --quiet --variant=minbase --include="$packages" "$suite" "$tree.new" "$mirror" >&2 9>&-
        # Every boot is the first one on this machine, and what was logged is there after it.
        : >"$tree.new/etc/machine-id"
        mkdir -p "$tree.new/var/log/journal"
        mv "$tree.new" "$tree"
fi
printf '%s\n' "$tree"
