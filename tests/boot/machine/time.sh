# The clock is set forward and back: the jail does not notice, what it tells of itself stays true, and the journal has it.
. /boot-test/lib.sh

age() {
        echo $(($(date +%s) - $(jailctl --json status demo | sed -n 's/.*"since" *: *\([0-9]*\).*/\1/p' | head -n 1) / 1000000))
}

has_steps() {
        [ "$(journalctl -q -o cat MESSAGE_ID=6816fefff2b04f7cadf3a11df6b41aae JAIL=demo | wc -l)" -eq "$1" ]
}

restarts=$(jail_property demo restarts)
master=$(jail_property demo main-pid)
before=$(age)
date -s '+3 hours' >/dev/null
wait_until has_steps 1
jail_property demo last-notice | grep -q 'the clock was set forward by 10[78][0-9][0-9] s' ||
        fail "status says '$(jail_property demo last-notice)'"
[ "$(age)" -lt $((before + 600)) ] || fail "running for $(age) s, by the new clock"
page 8080
date -s '-5 hours' >/dev/null
wait_until has_steps 2
jail_property demo last-notice | grep -q 'the clock was set back by ' || fail "status says '$(jail_property demo last-notice)'"
[ "$(age)" -ge "$before" ] || fail "running for $(age) s, by a clock that was set back"
page 8080
date -s '+2 hours' >/dev/null
expect "the master" "$(jail_property demo main-pid)" "$master"
expect "the restarts" "$(jail_property demo restarts)" "$restarts"
