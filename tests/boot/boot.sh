#!/bin/bash
# Boot a Debian system that has the build, with a real systemd as PID 1 in a container, and let it keep our promises:
# boot.sh SUITE BUILD_DIR [PATTERN]. Each promises/PATTERN.sh is run inside, in the order of their names, and counts as a
# test; so does the shutdown.

set -u
. "$(dirname "$0")/system.sh"

# All scripts together; one has a minute.
limit_seconds=300

suite=$1 build=$(realpath "$2") pattern=${3:-*}
log=$build/meson-logs/boot-$suite.log
set -- "$here"/promises/$pattern.sh
system_make "$suite" "$build" "$log" "$@"
echo "1..$(($# + 1))"

# 133: it wants to be booted again. TERM has nspawn shut it down.
status=133
while [ $status -eq 133 ]; do
        timeout -k 60 $limit_seconds "${nspawn[@]}" --private-network -D $root --boot --console=pipe </dev/null >>"$log" 2>&1
        status=$?
done
cat $test/results

# The scripts end with a shutdown, which nothing may hold up until systemd loses patience.
if [ $status -eq 0 ] && [ -e $test/finished ] &&
        ! journalctl -D $root/var/log/journal/* | grep 'jaild@.*timed out' >$test/shutdown; then
        echo "ok $(($# + 1)) - $suite shutdown"
else
        echo "not ok $(($# + 1)) - $suite shutdown"
        echo "  status $status; see $log"
        sed 's/^/  /' $test/shutdown
fi
journalctl -D $root/var/log/journal/* --no-hostname -o short-monotonic >>"$log" 2>&1
! grep -q '^not ok' $test/results
