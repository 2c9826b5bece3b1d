# An upgrade replaces the supervisors that run, and no request is lost: the servers go on.
. /boot-test/lib.sh

supervisor=$(unit_property jaild@demo MainPID)
server=$(jail_property demo main-pid)
ab -q -c 4 -t 50 -n 10000000 http://127.0.0.1:8080/ >/boot-test/load 2>&1 &
load=$!
wait_until page 8080
dpkg -i /boot-test/next.deb
page 8080
kill -INT $load || fail "the load ended: $(cat /boot-test/load)"
wait $load || true

grep -E '^(Complete|Failed|Non-2xx)' /boot-test/load
[ "$(sed -n 's/^Complete requests: *//p' /boot-test/load)" -gt 100 ] || fail "there was no load: $(cat /boot-test/load)"
expect "failed requests" "$(sed -n 's/^Failed requests: *//p' /boot-test/load)" 0
expect "other answers" "$(sed -n 's/^Non-2xx responses: *//p' /boot-test/load)" ""
expect "the version" "$(dpkg-query -W -f '${Version}' jaild | sed 's/.*+//')" 1
[ "$(unit_property jaild@demo MainPID)" != "$supervisor" ] || fail "the old supervisor runs"
expect "the program of the new one" "$(readlink "/proc/$(unit_property jaild@demo MainPID)/exe")" /usr/sbin/jaild
expect "the server" "$(jail_property demo main-pid)" "$server"
expect "web's socket" "$(unit_property jaild@web.socket ActiveState)" active
