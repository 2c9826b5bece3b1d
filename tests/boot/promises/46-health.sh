# A server that hangs is found by the health check and replaced, in the sandbox of the unit as anywhere; the journal has it
# with its number, and who wants to know is told.
. /boot-test/lib.sh

healthy() {
        [ "$(jail_property health health)" != "${1-}" ] && jail_property health health | grep -q '^status 200'
}

replaced() {
        [ "$(jail_property health main-pid)" != "$1" ]
}

told() {
        grep -q "^health $1$" /srv/told
}

printf '#!/bin/sh\necho "$JAIL $EVENT" >>/srv/told\n' >/usr/local/bin/tell
chmod 755 /usr/local/bin/tell
: >/srv/told
chmod 666 /srv/told
cp -a /var/lib/jaild/demo /var/lib/jaild/health
sed -i "s/8080/8090/" /var/lib/jaild/health/current/launch
write_jail health 8090
printf '[Supervise]\nStopTimeoutSec=2s\nNotify=/usr/local/bin/tell\n' >>/etc/jaild/health.conf
printf '[Health]\nUrl=http://www.example.org/\nIntervalSec=200ms\nTimeoutSec=1s\nGraceSec=0\nFailures=2\n' >>/etc/jaild/health.conf
jailctl start health
wait_until healthy

master=$(jail_property health main-pid)
kill -STOP "$master" $(pgrep -P "$master")
wait_until replaced "$master"
page 8090
jail_property health last-failure | grep -q 'no answer within 1000 ms' || fail "the reason is '$(jail_property health last-failure)'"
wait_until told unhealthy
journalctl -q -o cat MESSAGE_ID=3a96ee4e7c3b4e53bf6c60d4a37f58aa JAIL=health | grep -q 'no answer within' ||
        fail "the journal has no such event"
journalctl -q -x -u jaild@health | grep -q 'no longer answers as it should' || fail "the catalog does not explain it"

jailctl stop health
rm -r /etc/jaild/health.conf /var/lib/jaild/health /usr/local/bin/tell
