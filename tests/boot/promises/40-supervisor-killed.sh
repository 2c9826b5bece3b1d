# The server outlives its supervisor: killed again and again under load, no request is lost, and the next supervisor goes
# on with the same server. So it is when the unit is restarted, as an upgrade of the package does.
. /boot-test/lib.sh

restarted() {
        [ "$(unit_property jaild@demo MainPID)" -ne "$before" ] &&
                [ "$(unit_property jaild@demo ActiveState)" = active ]
}

master=$(jail_property demo main-pid)
load_start 8080
for n in $(seq "$KILLS"); do
        before=$(unit_property jaild@demo MainPID)
        kill -9 "$before"
        wait_until restarted
done
for n in 1 2 3; do
        systemctl restart jaild@demo
done
load_stop
expect "the master" "$(jail_property demo main-pid)" "$master"
expect "the state" "$(jail_property demo state)" running

# It is a supervisor as any other: it replaces what dies.
kill_master "$master"
page 8080
[ "$(jail_property demo main-pid)" != "$master" ] || fail "it was not replaced"
