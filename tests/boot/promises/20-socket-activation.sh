# The control interface is there before its supervisor: to connect to it starts jaild and nothing else, to ask for the
# status not even that; to ask for a start starts the server, and nothing else does.
. /boot-test/lib.sh

expect "the socket" "$(unit_property jaild@web.socket ActiveState)" active
! jailctl status web >/dev/null || fail "web runs already"
expect "the service after status" "$(unit_property jaild@web ActiveState)" inactive

# busctl cannot speak to it, but its connection wakes the supervisor.
busctl --address=unix:path=/run/jaild/web/control --timeout=1 list >/dev/null 2>&1 || true
expect "the service after a connection" "$(unit_property jaild@web ActiveState)" active
expect "the state" "$(jail_property web state)" stopped
expect "the server" "$(jail_property web main-pid)" null
! page 8081 2>/dev/null || fail "a connection to the control socket started the server"

# The next supervisor has no more reason to than this one had: an upgrade of the package wakes nobody, nor does a crash.
systemctl try-restart jaild@web
expect "the state after try-restart" "$(jail_property web state)" stopped
before=$(unit_property jaild@web MainPID)
kill -9 "$before"
restarted() {
        [ "$(unit_property jaild@web MainPID)" -ne "$before" ] &&
                [ "$(unit_property jaild@web ActiveState)" = active ]
}
wait_until restarted
expect "the state after a crash" "$(jail_property web state)" stopped
! page 8081 2>/dev/null || fail "the next supervisor started the server"

jailctl start web
page 8081
jailctl stop web
! page 8081 2>/dev/null || fail "web still answers"
expect "the socket after a stop" "$(unit_property jaild@web.socket ActiveState)" active
