# A master that is killed is replaced at once, and whoever connects meanwhile waits and is served.
. /boot-test/lib.sh

before=$(jail_property demo main-pid)
kill_master "$before"
page 8080
[ "$(jail_property demo main-pid)" != "$before" ] || fail "it was not replaced"
expect "the restarts" "$(jail_property demo restarts)" 1
