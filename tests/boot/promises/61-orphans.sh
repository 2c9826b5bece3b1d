# A supervisor that is killed while the unit stops, or that lost what systemd kept for it, leaves no process behind.
. /boot-test/lib.sh

group=/sys/fs/cgroup/system.slice/system-jaild.slice/jaild@demo.service/cgroup.procs

systemctl stop --no-block jaild@demo
kill -9 "$(unit_property jaild@demo MainPID)" 2>/dev/null || true
ended() {
        case $(unit_property jaild@demo ActiveState) in
        inactive | failed) ;;
        *) return 1 ;;
        esac
}
wait_until ended
# They were sent KILL before that, and may take a moment to die.
none_left() {
        [ -z "$(cat $group 2>/dev/null)" ]
}
wait_until none_left

systemctl reset-failed jaild@demo 2>/dev/null || true
systemctl start jaild@demo
page 8080

# Nor does one remain where a stop is asked for before systemd has started the next supervisor.
kill -9 "$(unit_property jaild@demo MainPID)"
jailctl stop demo
wait_until ended
wait_until none_left
systemctl reset-failed jaild@demo 2>/dev/null || true
systemctl start jaild@demo
page 8080
