#!/bin/sh
# Run a test with the machine for itself: in mount and process namespaces of its own, so that whatever it mounts or
# leaves behind ends with it. /media is a scratch file system that all test cases of the program share; the folders of
# jaild are there to be mounted on.

if [ "$(id -u)" -ne 0 ]; then
        echo '1..0 # SKIP needs root'
        exit 0
fi

# Who made the folders takes them away again, unless somebody else is there: all hold the lock.
mkdir -p /run/lock
exec 9>/run/lock/jaild-tests
flock -s 9
made=
for dir in /etc/jaild /var/lib/jaild /var/log/jaild /run/jaild; do
        mkdir $dir 2>/dev/null && made="$made $dir"
done
# The shell stays, as process 1: it reaps what the jails leave, which a test would take for its own children. The numbers
# of the processes go on from ours, because Criterion names its socket in /tmp after its own: so two tests that run at once
# do not take it from each other.
unshare --mount --pid --fork --kill-child --mount-proc --propagation private \
        sh -c 'echo $0 >/proc/sys/kernel/ns_last_pid; mount -t tmpfs -o mode=0755 scratch /media && "$@"' $$ "$@" 9>&-
status=$?
[ -z "$made" ] || ! flock -xn 9 || rmdir --ignore-fail-on-non-empty $made
exit $status
