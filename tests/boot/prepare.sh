#!/bin/sh
# Put the build and the boot test's own files into a system: prepare.sh BUILD_DIR ROOT.
set -eu

here=$(realpath "$(dirname "$0")")
DESTDIR=$2 meson install -C "$1" --no-rebuild --quiet
mkdir "$2/boot-test"
cp -r "$here/inside/." "$2/boot-test/"
cp -r "$here/promises" "$2/boot-test/"
mv "$2/boot-test/boot-test.service" "$2/etc/systemd/system/"
