#!/bin/bash
# Boot a whole machine with Debian's own kernel, under emulation, and let it keep those promises that a container's kernel
# and cgroups cannot show: machine.sh BUILD_DIR PROMISE... The system is the machine's memory, so it knows no reboot.

set -u
. "$(dirname "$0")/system.sh"

limit_seconds=400
# Under emulation a load is one for the emulator: one kill is as good as five.
export JAILD_TEST_KILLS=${JAILD_TEST_KILLS:-1}

build=$(realpath "$1")
shift
log=$build/meson-logs/boot-machine.log
system_make bookworm "$build" machine "$log" "$@"
# For the self-test of the room.
cp "$build/tests/probe/mod_probe.so" $test/
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
        -keyout $test/room.key -out $test/room.crt 2>>"$log" || bail_out "cannot make a certificate"
echo "1..$(($# + 1))"

# What is only read by people would have to be unpacked, too.
(cd $root && find . -xdev \( -path ./usr/share/doc -o -path ./usr/share/locale -o -path ./usr/share/man -o -path ./var/lib/apt \
        -o -path ./var/cache -o -path ./boot -o -name '*.pyc' \) -prune -o -print0 |
        cpio --null --quiet -o -H newc) >/mnt/system.cpio || bail_out "cannot pack the system"

# /dev/kvm would be quicker where it works; where it does not it cannot be told before.
timeout -k 10 $limit_seconds qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 2000 -nodefaults -display none -no-reboot \
        -kernel $root/boot/vmlinuz -initrd /mnt/system.cpio -append 'console=ttyS0 quiet panic=-1 systemd.mask=serial-getty@ttyS0.service rdinit=/boot-test/init' \
        -serial file:/mnt/console -serial file:/mnt/results </dev/null >>"$log" 2>&1
status=$?
cat /mnt/console >>"$log"
tr -d '\r' </mnt/results | sed '/^finished$/d'

if [ $status -eq 0 ] && grep -q '^finished' /mnt/results; then
        echo "ok $(($# + 1)) - machine shutdown"
else
        echo "not ok $(($# + 1)) - machine shutdown"
        echo "  status $status; see $log"
fi
! grep -q '^not ok' /mnt/results
