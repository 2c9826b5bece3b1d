# systemd starts a supervisor that was killed anew, and the jail serves on.
. /boot-test/lib.sh

before=$(unit_property jaild@demo MainPID)
kill -9 "$before"
restarted() {
        [ "$(unit_property jaild@demo NRestarts)" -ge 1 ] && [ "$(unit_property jaild@demo ActiveState)" = active ]
}
wait_until restarted
page 8080
[ "$(unit_property jaild@demo MainPID)" != "$before" ] || fail "it was not replaced"
