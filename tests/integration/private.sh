#!/bin/sh
# Run a test with the machine for itself: in mount and process namespaces of its own, so that whatever it mounts or
# leaves behind ends with it. /media is a scratch file system that all test cases of the program share; the folders of
# jaild are there to be mounted on.

if [ "$(id -u)" -ne 0 ]; then
        echo '1..0 # SKIP needs root'
        exit 0
fi

made=
for dir in /etc/jaild /var/lib/jaild /var/log/jaild /run/jaild; do
        mkdir $dir 2>/dev/null && made="$made $dir"
done
unshare --mount --pid --fork --kill-child --mount-proc --propagation private \
        sh -c 'mount -t tmpfs -o mode=0755 scratch /media && exec "$@"' sh "$@"
status=$?
[ -z "$made" ] || rmdir --ignore-fail-on-non-empty $made
exit $status
