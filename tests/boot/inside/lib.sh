# What the scripts share; read by each with ". /boot-test/lib.sh".

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8

# A script ends with this status where it wants the system rebooted and to be run again.
REBOOT=75

# How often the scripts that kill do so. The long campaign: JAILD_TEST_KILLS=50 boot.sh SUITE BUILD_DIR '[46][02]*'.
KILLS=$(cat /boot-test/kills)

fail() {
        echo "$*" >&2
        exit 1
}

# write_jail NAME PORT
write_jail() {
        printf '[Jail]\n\n[Network]\nListen=127.0.0.1:%s 80\n' "$2" >"/etc/jaild/$1.conf"
}

# kill_master PID: and wait until it is gone with its workers, the last of which may have accepted a client meanwhile.
kill_master() {
        kill -9 "$1"
        wait_until test ! -e "/proc/$1"
}

# page PORT: whether Debian's page comes.
page() {
        curl -fsS --max-time 20 "http://127.0.0.1:$1/" | grep -c 'It works' >/dev/null
}

# jail_property NAME KEY: of jailctl status, as it is in JSON.
jail_property() {
        jailctl --json status "$1" | sed -n "s/.*\"$2\" *: *\"\{0,1\}\([^\",]*\).*/\1/p" | head -n 1
}

unit_property() {
        systemctl show -P "$2" "$1"
}

# expect WHAT IS SHOULD
expect() {
        [ "$2" = "$3" ] || fail "$1 is '$2', not '$3'"
}

# Wait until a command succeeds, 20 seconds at most: where there is no event to wait for.
wait_until() {
        n=0
        until "$@"; do
                n=$((n + 1))
                [ $n -lt 200 ] || fail "in vain: $*"
                sleep 0.1
        done
}

# load_start PORT: four clients, each asking for a page again and again, over a new connection each time.
load_start() {
        load_pids=
        for n in 1 2 3 4; do
                # Its answers are written one by one: it is ended by a signal.
                stdbuf -oL curl -fsS --fail-early --max-time 20 -H 'Connection: close' -o /dev/null -w '%{http_code}\n' \
                        "http://127.0.0.1:$1/?[1-10000000]" >load.$n 2>&1 &
                load_pids="$load_pids $!"
        done
}

# Every answer was a page, and there were some.
load_stop() {
        # A client ends by itself where it was refused, or got anything but a page.
        kill $load_pids 2>/dev/null || fail "a client was lost: $(tail -qn 1 load.?)"
        wait $load_pids || true
        answers=$(cat load.? | grep -c '^200$')
        [ "$(cat load.? | grep -vc '^200$')" -eq 0 ] || fail "lost: $(cat load.? | grep -v '^200$' | head -n 3)"
        [ "$answers" -gt 100 ] || fail "only $answers answers"
        echo "$answers answers"
}
