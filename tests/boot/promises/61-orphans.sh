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
expect "the processes left" "$(cat $group 2>/dev/null)" ""

systemctl reset-failed jaild@demo 2>/dev/null || true
systemctl start jaild@demo
page 8080
