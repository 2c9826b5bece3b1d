# systemctl stop ends the jail gracefully and leaves no process of it; systemctl start brings it back.
. /boot-test/lib.sh

systemctl stop jaild@demo
expect "ActiveState" "$(unit_property jaild@demo ActiveState)" inactive
expect "Result" "$(unit_property jaild@demo Result)" success
! pgrep -f 'jaild demo' || fail "a process is left"
expect "the tasks" "$(cat /sys/fs/cgroup/system.slice/system-jaild.slice/jaild@demo.service/pids.current 2>/dev/null)" ""
systemctl start jaild@demo
page 8080
