#!/bin/bash
# Install the build in a Debian system, boot that with a real systemd as PID 1, and let it keep our promises: boot.sh
# SUITE BUILD_DIR [PATTERN]. Each promises/PATTERN.sh is run inside, in the order of their names, and counts as a test;
# so does the shutdown. Whatever is written goes to a memory file system, and whatever runs ends with this script.

set -u

suite=$1 build=$(realpath "$2") pattern=${3:-*}
here=$(realpath "$(dirname "$0")")
# All scripts together; one has a minute.
limit_seconds=300

if [ "$(id -u)" -ne 0 ]; then
        echo '1..0 # SKIP needs root'
        exit 0
fi
if [ -z "${BOOT_TEST_INSIDE-}" ]; then
        BOOT_TEST_INSIDE=1 exec unshare --mount --pid --fork --kill-child --mount-proc --propagation private "$0" "$@"
fi

# As a machine is: cgroups of version 2, and no filter of system calls.
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_SECCOMP=0
nspawn=(systemd-nspawn --quiet --register=no --keep-unit --capability=all --private-network)

bail_out() {
        echo "Bail out! $*"
        exit 1
}

# The system is what the cache has with a layer on it.
lower=$("$here/tree.sh" "$suite") || bail_out "there is no $suite to boot"
mount -t tmpfs -o mode=0755 boot-test /mnt && mkdir /mnt/upper /mnt/work /mnt/root &&
        mount -t overlay -o "lowerdir=$lower,upperdir=/mnt/upper,workdir=/mnt/work" boot-test /mnt/root ||
        bail_out "cannot mount the system"
root=/mnt/root
test=$root/boot-test
log=$build/meson-logs/boot-$suite.log
"$here/prepare.sh" "$build" "$root" >"$log" 2>&1 || bail_out "cannot install: $(tail -n 1 "$log") (see $log)"
rm -f "$test"/promises/*
cp "$here"/promises/$pattern.sh "$test/promises/"

# A jail is built before the first boot, as it is on a system that was set up yesterday.
"${nspawn[@]}" -D $root --pipe /boot-test/set-up.sh >>"$log" 2>&1 ||
        bail_out "cannot set up: $(tail -n 1 "$log") (see $log)"

set -- "$test"/promises/*.sh
echo "1..$(($# + 1))"

# 133: it wants to be booted again. TERM has nspawn shut it down.
status=133
while [ $status -eq 133 ]; do
        timeout -k 60 $limit_seconds "${nspawn[@]}" -D $root --boot --console=pipe </dev/null >>"$log" 2>&1
        status=$?
done
cat "$test/results" 2>/dev/null

# The scripts end with a shutdown, which nothing may hold up until systemd loses patience.
if [ $status -eq 0 ] && [ -e "$test/finished" ] &&
        ! journalctl -D $root/var/log/journal/* | grep 'jaild@.*timed out' >"$test/shutdown"; then
        echo "ok $(($# + 1)) - $suite shutdown"
else
        echo "not ok $(($# + 1)) - $suite shutdown"
        echo "  status $status; see $log"
        sed 's/^/  /' "$test/shutdown" 2>/dev/null
fi
journalctl -D $root/var/log/journal/* --no-hostname -o short-monotonic >>"$log" 2>&1
! grep -q '^not ok' "$test/results"
