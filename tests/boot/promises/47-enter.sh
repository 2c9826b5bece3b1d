# Who goes in sees the jail's files, its processes and its network, as the server's user; and leaves nothing there: the
# server, its mounts and what verify says are as before.
. /boot-test/lib.sh

findings() {
        jailctl verify demo >verdict || fail "$(cat verdict)"
        grep -E '^(error|warning|note) ' verdict || true
}

look() {
        jailctl enter demo -- "$@" 2>said || fail "$*: $(cat said)"
}

master=$(jail_property demo main-pid)
findings >before
cat "/proc/$master/mountinfo" >mounts

look ls -la / >seen
for name in dev etc proc run usr; do
        grep -q " $name\$" seen || fail "no $name in $(cat seen)"
done
! grep -E ' (boot|home|root|boot-test)$' seen || fail "the host's folders: $(cat seen)"
look ps -eo pid,comm --no-headers >seen
grep -q '^ *1 apache2$' seen || fail "no server in $(cat seen)"
! grep -E 'systemd|jaild' seen || fail "the host's processes: $(cat seen)"
look ip -oneline addr >seen
expect "the interfaces" "$(cut -d ' ' -f 2 seen | sort -u)" lo
expect "the user" "$(look id -un)" www-data
look sh -c 'sleep 1000 >/dev/null 2>&1 &'
! ps -eo args | grep '^sleep 1000' || fail "somebody stayed"

# As root it is said loudly, and the journal knows.
expect "the user" "$(jailctl enter --as-root demo -- id -u 2>said)" 0
grep -q 'AS ROOT' said || fail "$(cat said)"
journalctl --sync
expect "the journal's entries" "$(journalctl -b -q -o cat MESSAGE_ID=ad5e9a4abd194d2487d4ed44f3061f58 JAIL=demo | wc -l)" 1

expect "the master" "$(jail_property demo main-pid)" "$master"
cat "/proc/$master/mountinfo" | cmp - mounts
findings | cmp - before
page 8080
