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
if [ -z "${BOOT_TEST_INSIDE-}" ]; then
        export BOOT_TEST_INSIDE=1
        exec unshare --mount --pid --fork --kill-child --mount-proc --propagation private "$0" "$@"
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

        lower=$("$here/tree.sh" "$1" 2>>"$2") || bail_out "cannot make $1: $(tail -n 1 "$2") (see $2)"
        mount -t tmpfs -o mode=0755,size=80% boot-test /mnt && mkdir /mnt/upper /mnt/work $root &&
                mount -t overlay -o "lowerdir=$lower,upperdir=/mnt/upper,workdir=/mnt/work" boot-test $root ||
                bail_out "cannot mount the system"
}

# system_make SUITE BUILD_DIR LOG PROMISE...: a jail is built before the first boot, as on a system set up yesterday.
system_make() {
        local suite=$1 build=$2 log=$3
        shift 3

        : >"$log"
        system_mount "$suite" "$log"
        DESTDIR=$root meson install -C "$build" --no-rebuild --quiet >>"$log" 2>&1 ||
                bail_out "cannot install: $(tail -n 1 "$log") (see $log)"
        mkdir -p $test/promises
        cp "$here"/inside/* $test/
        cp "$@" $test/promises/
        install -m 644 $test/boot-test.service $root/etc/systemd/system/
        "${nspawn[@]}" --private-network -D $root --pipe /boot-test/set-up.sh >>"$log" 2>&1 ||
                bail_out "cannot set up: $(tail -n 1 "$log") (see $log)"
}
