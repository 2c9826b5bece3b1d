# adopt moves what apache2.service serves into a jail while it is under load, and no client notices; unadopt moves it back.
. /boot-test/lib.sh

load() {
        ab -q -c 4 -t 50 -n 10000000 http://127.0.0.1:80/ >/boot-test/load 2>&1 &
        load=$!
        wait_until page 80
}
# One that takes its time is not cut off either.
head -c 8000000 /dev/urandom >/var/www/html/big
load
curl -sS --limit-rate 4M -o /boot-test/big http://127.0.0.1/big &
slow=$!
wait_until test -s /boot-test/big
jailctl adopt site
page 80
wait $slow || fail "a long download was cut off"
cmp /var/www/html/big /boot-test/big
sleep 0.2
kill -INT $load || fail "the load ended: $(cat /boot-test/load)"
wait $load || true
[ "$(sed -n 's/^Complete requests: *//p' /boot-test/load)" -gt 100 ] || fail "there was no load: $(cat /boot-test/load)"
expect "failed requests" "$(sed -n 's/^Failed requests: *//p' /boot-test/load)" 0
expect "other answers" "$(sed -n 's/^Non-2xx responses: *//p' /boot-test/load)" ""

expect "apache2" "$(unit_property apache2 ActiveState)/$(systemctl is-enabled apache2 || true)" inactive/disabled
expect "the jail" "$(unit_property jaild@site ActiveState)/$(systemctl is-enabled jaild@site)" active/enabled
expect "the state" "$(jail_property site state)" running
jailctl verify --live site || fail "it does not verify"
# The sockets are the jail's as any other's: they outlive a crash.
kill_master "$(jail_property site main-pid)"
page 80
! jailctl adopt site 2>/dev/null || fail "it was adopted twice"

jailctl unadopt site
page 80
expect "apache2" "$(unit_property apache2 ActiveState)/$(systemctl is-enabled apache2)" active/enabled
expect "the jail" "$(unit_property jaild@site ActiveState)/$(systemctl is-enabled jaild@site || true)" inactive/disabled
! jailctl unadopt site 2>/dev/null || fail "it was given back twice"
