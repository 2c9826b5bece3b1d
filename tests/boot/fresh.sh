#!/bin/bash
# A fresh system, with a clone of this repository and nothing else done, becomes one with a jail by ./quickstart:
# fresh.sh SOURCE_DIR BUILD_DIR. It needs a mirror of Debian's in reach.

set -u
. "$(dirname "$0")/system.sh"

source=$(realpath "$1") log=$(realpath "$2")/meson-logs/boot-fresh.log
system_mount bare "$log"
mkdir -p $root/root/jaild
tar -C "$source" --exclude=./.git --exclude='./build*' --exclude=./quickstart.log -cf - . | tar -C $root/root/jaild -xf - ||
        bail_out "cannot clone"
cp /etc/resolv.conf $root/etc/

# promise N WHAT COMMAND: in a container that has this machine's network.
promise() {
        if "${nspawn[@]}" -D $root --pipe --chdir=/root/jaild sh -euc "$3" >/mnt/output 2>&1 </dev/null; then
                echo "ok $1 - fresh $2"
        else
                echo "not ok $1 - fresh $2"
                tail -n 20 /mnt/output | sed 's/^/  /'
                failed=yes
        fi
        cat /mnt/output >>"$log"
}

# A container ends with its first process, so that nothing of one is left for the next.
echo 1..3
failed=no
promise 1 'quickstart serves, and a second one, too' './quickstart && ./quickstart && jailctl status demo'
promise 2 'quickstart takes each port of Apache' './quickstart remove
        a2enmod ssl
        ./quickstart
        grep "^Listen=127.0.0.1:8443 443$" /etc/jaild/demo.conf
        jailctl status demo'
promise 3 'quickstart remove leaves none of its files' './quickstart remove
        for place in /etc/jaild /var/lib/jaild /var/log/jaild /run/jaild; do
                [ ! -e $place ] || exit 1
        done'
[ $failed = no ]
