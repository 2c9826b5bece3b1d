# 200 jails on demand cost no process; the five that somebody visits have one each, until nobody comes any more; and who
# comes again is served again. A stop is one: nobody starts it after that.
. /boot-test/lib.sh

visited='1 50 100 150 200'

count() {
        # The supervisors of the jails on demand.
        ps -e -o args= | grep -c '/sbin/jaild d[0-9]' || true
}

has_count() {
        [ "$(count)" -eq "$1" ]
}

for n in $(seq 200); do
        write_jail d$n $((9000 + n))
        printf '[Supervise]\nOnDemand=yes\nIdleStopSec=2s\n' >>/etc/jaild/d$n.conf
done
for n in $visited; do
        cp -a /var/lib/jaild/demo /var/lib/jaild/d$n
        sed -i "s/8080/$((9000 + n))/" /var/lib/jaild/d$n/current/launch
done
systemctl daemon-reload
systemctl start $(seq -f 'jaild-http@d%g.socket' 200)
expect "the sockets that systemd holds" "$(systemctl list-units --state=listening --plain --no-legend 'jaild-http@*' | wc -l)" 200
expect "supervisors without a visitor" "$(count)" 0

for n in $visited; do
        page $((9000 + n))
done
expect "supervisors of five visited jails" "$(count)" 5
expect "the state" "$(jail_property d50 state)" running

wait_until has_count 0
expect "the state of an idle jail" "$(jail_property d50 state)" idle
jailctl status d50 >/dev/null || fail "an idle jail counts as one that is down"
expect "that a look started nothing" "$(count)" 0
page 9050
expect "supervisors after one came again" "$(count)" 1

jailctl stop d50
jailctl stop d100
! page 9050 2>/dev/null || fail "a stopped jail was started by a visitor"
! page 9100 2>/dev/null || fail "a jail that was stopped while idle was started by a visitor"
jailctl start d50
page 9050

# One that cannot start, and more clients than systemd lets a socket start units: the ports are not given up for that, and when
# the cause is mended who comes is served.
in_vain() {
        for n in $(seq 40); do
                ! page 9150 2>/dev/null || fail "somebody serves"
        done
        expect "the ports of a jail that cannot start" "$(unit_property jaild-http@d150.socket ActiveState)" active
}

launch=/var/lib/jaild/d150/current/launch
mv $launch $launch.away
in_vain
jailctl status d150 | grep -q 'Last failure: .*launch: No such file' || fail "$(jailctl status d150)"
mv $launch.away $launch
page 9150

# The same where jaild ends before there is a jail: a configuration that is refused, another jaild. Whoever asks how the jail is
# comes through a socket of systemd's, too.
systemctl stop jaild@d150.service 2>/dev/null
systemctl start jaild@d150.socket
echo 'Nonsense=yes' >>/etc/jaild/d150.conf
in_vain
for n in $(seq 40); do
        # As from the bridge: jailctl itself reads the configuration first.
        ! busctl --address=unix:path=/run/jaild/d150/control tree org.jaild >/dev/null 2>&1 || fail "somebody answers"
done
expect "the control socket of a jail that cannot start" "$(unit_property jaild@d150.socket ActiveState)" active
journalctl -u jaild@d150 | grep -q "d150.conf:.*Nonsense" || fail "$(journalctl -n 10 -u jaild@d150)"
sed -i '/Nonsense/d' /etc/jaild/d150.conf
# The last one that could not start turns away who comes until it goes.
is_over() {
        [ "$(unit_property jaild@d150.service ActiveState)" = failed ]
}
wait_until is_over
page 9150

systemctl stop 'jaild-http@*.socket'
jailctl stop d50
rm -r /etc/jaild/d[0-9]*.conf /var/lib/jaild/d[0-9]*
systemctl daemon-reload
