# A system with the build in it, for boot.sh and machine.sh to read by ". system.sh" and to boot. It lies on a memory
# file system above what the cache has, and whatever runs ends with the script.

bail_out() {
        echo "Bail out! $*"
        exit 1
}

if [ "$(id -u)" -ne 0 ]; then
        echo '1..0 # SKIP needs root'
        exit 0
fi
# In a control group of its own, too: in one container systemd would take the other's processes for its own.
if [ -z "${BOOT_TEST_INSIDE-}" ]; then
        export BOOT_TEST_INSIDE=1
        groups=
        for hierarchy in $(findmnt -n -t cgroup2 -o TARGET) /sys/fs/cgroup/systemd; do
                mkdir "$hierarchy/jaild-boot-$$" 2>/dev/null || continue
                echo $$ >"$hierarchy/jaild-boot-$$/cgroup.procs"
                groups="$groups $hierarchy"
        done
        unshare --mount --pid --fork --kill-child --mount-proc --propagation private "$0" "$@"
        status=$?
        for hierarchy in $groups; do
                echo $$ >"$hierarchy/cgroup.procs"
                find "$hierarchy/jaild-boot-$$" -depth -type d -exec rmdir {} +
        done
        exit $status
fi

# As a machine is: cgroups of version 2, and no filter of system calls.
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_SECCOMP=0
nspawn=(systemd-nspawn --quiet --register=no --keep-unit --capability=all)
here=$(realpath "$(dirname "$0")")
root=/mnt/root
test=$root/boot-test

# system_mount TREE LOG
system_mount() {
        local lower

        : >"$2"
        lower=$("$here/tree.sh" "$1" 2>>"$2") || bail_out "cannot make $1: $(tail -n 1 "$2") (see $2)"
        mount -t tmpfs -o mode=0755,size=80% boot-test /mnt && mkdir /mnt/upper /mnt/work $root &&
                mount -t overlay -o "lowerdir=$lower,upperdir=/mnt/upper,workdir=/mnt/work" boot-test $root ||
                bail_out "cannot mount the system"
}

# system_fill LABEL PROMISE...: the scripts to run, and how their results are called.
system_fill() {
        mkdir -p $test/promises
        echo "$1" >$test/label
        shift
        cp "$here"/inside/* $test/
        echo "${JAILD_TEST_KILLS:-5}" >$test/kills
        cp "$@" $test/promises/
        install -m 644 $test/boot-test.service $root/etc/systemd/system/
}

# system_make SUITE BUILD_DIR LABEL LOG PROMISE...: a jail is built before the first boot, as on a system set up yesterday.
system_make() {
        local build=$2 label=$3 log=$4

        system_mount "$1" "$log"
        shift 4
        DESTDIR=$root meson install -C "$build" --no-rebuild --quiet >>"$log" 2>&1 ||
                bail_out "cannot install: $(tail -n 1 "$log") (see $log)"
        system_fill "$label" "$@"
        system_run /boot-test/set-up.sh "$log"
}

# system_run PROGRAM LOG: without booting.
system_run() {
        "${nspawn[@]}" --private-network -D $root --pipe "$1" >>"$2" 2>&1 ||
                bail_out "cannot set up: $(tail -n 1 "$2") (see $2)"
}

# system_boot LABEL LOG N: boot it in a container, and tell the results of its N scripts. Returns whether all is well.
system_boot() {
        local label=$1 log=$2 n=$3 status=133
        # All scripts together; one has two minutes.
        local limit_seconds=$((300 + 8 * ${JAILD_TEST_KILLS:-5}))

        echo "1..$((n + 1))"
        # 133: it wants to be booted again. TERM has nspawn shut it down.
        while [ $status -eq 133 ]; do
                timeout -k 60 $limit_seconds "${nspawn[@]}" --private-network -D $root --boot --console=pipe \
                        </dev/null >>"$log" 2>&1
                status=$?
        done
        cat $test/results

        # The scripts end with a shutdown, which nothing may hold up until systemd loses patience.
        if [ $status -eq 0 ] && [ -e $test/finished ] &&
                ! journalctl -D $root/var/log/journal/* | grep 'jaild@.*timed out' >$test/shutdown; then
                echo "ok $((n + 1)) - $label shutdown"
        else
                echo "not ok $((n + 1)) - $label shutdown"
                echo "  status $status; see $log"
                sed 's/^/  /' $test/shutdown
                status=1
        fi
        journalctl -D $root/var/log/journal/* --no-hostname -o short-monotonic >>"$log" 2>&1
        [ $status -eq 0 ] && ! grep -q '^not ok' $test/results
}
