#!/bin/bash
# Build the Debian package, and have it installed, upgraded, removed and purged in a booted system: package.sh SOURCE_DIR
# BUILD_DIR [PATTERN]. Each package/PATTERN.sh is a test, in the order of their names.

set -u
. "$(dirname "$0")/system.sh"

source=$(realpath "$1") log=$(realpath "$2")/meson-logs/boot-package.log
system_mount site "$log"
set -- "$here"/package/${3:-*}.sh
system_fill package "$@"
cp "$here/../support/tour" "$source/doc/moving-in.md" $test/

# Two of them: the next version has the same files.
build_packages() {
        mkdir -p /mnt/package/jaild &&
                tar -C "$source" --exclude=./.git --exclude='./build*' -cf - . | tar -C /mnt/package/jaild -xf - &&
                cd /mnt/package/jaild &&
                DEB_BUILD_OPTIONS='nocheck parallel=2' dpkg-buildpackage -b -us -uc &&
                lintian --allow-root --fail-on error ../jaild_*.changes &&
                dpkg-deb -R ../jaild_*.deb ../next && sed -i 's/^Version: .*/&+1/' ../next/DEBIAN/control &&
                dpkg-deb -b ../next $test/next.deb && mv ../jaild_*.deb $test/jaild.deb
}
(build_packages) >>"$log" 2>&1 || bail_out "cannot build the package: $(tail -n 1 "$log") (see $log)"

cat >$test/enable.sh <<'END'
#!/bin/sh
systemctl enable boot-test.service
END
chmod +x $test/enable.sh
system_run /boot-test/enable.sh "$log"
system_boot package "$log" $#
