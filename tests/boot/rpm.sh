#!/bin/bash
# Build the RPM package by its spec file, as far as Debian's rpmbuild can, and see that it has all that meson installs:
# rpm.sh SOURCE_DIR BUILD_DIR.

set -u
source=$(realpath "$1") build=$(realpath "$2")
log=$build/meson-logs/package-rpm.log
top=$(mktemp -d) || exit 1
trap 'rm -rf "$top"' EXIT

bail_out() {
        echo "Bail out! $*"
        exit 1
}

: >"$log"
version=$(sed -n 's/^Version: *//p' "$source/packaging/jaild.spec")
mkdir "$top/SOURCES"
tar -C "$source" --exclude=./.git --exclude='./build*' --transform "s,^\.,jaild-$version," -czf "$top/SOURCES/jaild-$version.tar.gz" . ||
        bail_out "cannot make the archive"

echo 1..2
if rpmbuild -bb --nodeps --define "_topdir $top" "$source/packaging/jaild.spec" >>"$log" 2>&1; then
        echo "ok 1 - rpm builds"
else
        echo "not ok 1 - rpm builds"
        grep -iE 'error' "$log" | tail -n 5 | sed 's/^/  /'
        exit 1
fi

# By name: the folders are those of Fedora.
names() {
        sed 's:.*/::' | sort -u
}
rpm -qlp "$top"/RPMS/*/*.rpm 2>>"$log" | grep -v /.build-id | sed 's/\.gz$//' | names >"$top/packaged"
meson introspect --installed "$build" | sed 's/"[^"]*": //g' | grep -o '"[^"]*"' | tr -d '"' | names >"$top/installed"
missing=$(comm -13 "$top/packaged" "$top/installed")
if [ -z "$missing" ] && [ -s "$top/installed" ]; then
        echo "ok 2 - rpm has all that is installed"
else
        echo "not ok 2 - rpm has all that is installed"
        echo "  missing: ${missing//$'\n'/ }"
        exit 1
fi
