# At whatever moment of a start, a reload, a replacement or a stop the supervisor is killed: it comes to what was asked for,
# and no process is left of what was not.
. /boot-test/lib.sh

group=/sys/fs/cgroup/system.slice/system-jaild.slice/jaild@demo.service/cgroup.procs

# kill_during COMMAND...: somewhere in its first 80 milliseconds.
kill_during() {
        echo "round $round: $*" >&2
        "$@" >&2 &
        command_pid=$!
        moment=0.$(printf '%03d' $(($(od -An -N2 -tu2 /dev/urandom) % 80)))
        sleep $moment
        supervisor=$(unit_property jaild@demo MainPID)
        [ "$supervisor" -eq 0 ] || kill -9 "$supervisor" 2>/dev/null || true
        wait $command_pid || true
}

serving() {
        [ "$(unit_property jaild@demo ActiveState)" = active ] && [ "$(jail_property demo state)" = running ] && page 8080
}

ended() {
        case $(unit_property jaild@demo ActiveState) in
        inactive | failed) [ -z "$(cat $group 2>/dev/null)" ] ;;
        *) return 1 ;;
        esac
}

# One live server, and whoever has not finished with the last one.
one_server() {
        [ "$(masters)" -eq 1 ]
}
masters() {
        n=0
        for pid in $(cat $group); do
                case $(grep -s '^NSpid:' "/proc/$pid/status") in
                *[!0-9]1) n=$((n + 1)) ;;
                esac
        done
        echo $n
}

[ "$(unit_property jaild@demo ActiveState)" = active ] || systemctl start jaild@demo
for round in $(seq "$KILLS"); do
        case $((round % 4)) in
        0) kill_during jailctl reload demo ;;
        1) kill_during jailctl restart demo ;;
        2)
                kill_during systemctl stop jaild@demo
                wait_until ended
                systemctl reset-failed jaild@demo 2>/dev/null || true
                continue
                ;;
        3) kill_during systemctl start jaild@demo ;;
        esac
        wait_until serving
        wait_until one_server
done
[ "$(unit_property jaild@demo ActiveState)" = active ] || systemctl start jaild@demo
wait_until serving
