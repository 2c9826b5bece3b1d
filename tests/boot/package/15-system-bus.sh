# Each jail is on the system bus: anyone may read it there; root and the group jaild may change it, and a stranger may not
# without being asked for an administrator's password. The bridge is started by the first who asks.
. /boot-test/lib.sh

useradd visitor
useradd -G jaild helper
jail() {
        runuser -u "$1" -- busctl --timeout=20 "$2" org.jaild /org/jaild/jail/demo org.jaild.Jail1 "$3"
}

expect "the bridge before" "$(unit_property jaild-bridge ActiveState)" inactive
expect "the state for a visitor" "$(jail visitor get-property State)" 's "running"'
expect "the bridge" "$(unit_property jaild-bridge User)/$(unit_property jaild-bridge ActiveState)" jaild/active
busctl --list tree org.jaild | grep -qx /org/jaild/jail/web || fail "web is not in the tree: $(busctl tree org.jaild)"
busctl introspect org.jaild /org/jaild/jail/demo org.jaild.Jail1 | grep -q '^\.Reload' || fail "no Reload to be seen"

before=$(jail_property demo main-pid)
! said=$(jail visitor call Restart 2>&1) || fail "a visitor has restarted it"
echo "$said" | grep -qi 'password' || fail "a visitor is told: $said"
expect "the server after a visitor" "$(jail_property demo main-pid)" "$before"

jail helper call Restart
after=$(jail_property demo main-pid)
[ "$after" != "$before" ] || fail "a member of the group could not restart it"
jail root call Restart
[ "$(jail_property demo main-pid)" != "$after" ] || fail "root could not restart it"

# A visitor is told of every change of state: of a jail that runs, and of one whose supervisor begins only now.
runuser -u visitor -- stdbuf -oL dbus-monitor --system "type='signal',interface='org.jaild.Jail1'" >/boot-test/signals 2>&1 &
listener=$!
# told JAIL NEW OLD
told() {
        tr -d '\n' </boot-test/signals | grep -q "path=/org/jaild/jail/$1; interface=org.jaild.Jail1; member=StateChanged *string \"$2\" *string \"$3\""
}
listening() {
        [ -s /boot-test/signals ]
}
wait_until listening
# Introspection has started one, which ends when nobody wants anything of it.
web_has_ended() {
        [ "$(unit_property jaild@web ActiveState)" = inactive ]
}
wait_until web_has_ended
jail root call Restart
wait_until told demo replacing running
wait_until told demo running replacing
# The bridge, which looks as soon as there is one, is not taken for the one who woke it.
for n in 1 2 3 4 5; do
        systemctl start jaild@web
        expect "the state that was started" "$(jail_property web state)" running
        wait_until told web running '[a-z]*'
        jailctl stop web
        wait_until told web stopped '[a-z]*'
        wait_until web_has_ended
done
kill $listener

# Who asks what is not answered, again and again, keeps only himself waiting.
supervisor=$(unit_property jaild@demo MainPID)
kill -STOP "$supervisor"
for n in 1 2 3 4 5 6 7 8 9; do
        jail visitor get-property State >/boot-test/asked-$n 2>&1 &
done
busctl get-property org.jaild /org/jaild/jail/web org.jaild.Jail1 State >/dev/null || fail "root has to wait for a visitor"
wait
kill -CONT "$supervisor"
expect "how often a visitor was told to wait" "$(cat /boot-test/asked-* | grep -c 'too many calls')" 1

# The errors of a supervisor come through, and so does that there is none.
! said=$(busctl call org.jaild /org/jaild/jail/demo org.jaild.Jail1 Replace u 99 2>&1) || fail "there is a generation 99"
echo "$said" | grep -q 99 || fail "about generation 99 it is told: $said"
! said=$(busctl get-property org.jaild /org/jaild/jail/none org.jaild.Jail1 State 2>&1) || fail "there is a jail none"
echo "$said" | grep -q 'no supervisor' || fail "about a jail that is none it is told: $said"

said=$(systemd-analyze verify --man=no jaild-bridge.service 2>&1)
[ -z "$said" ] || fail "$said"
