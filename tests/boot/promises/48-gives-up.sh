# A jail that cannot be helped is given up, loudly and once: its unit fails, so that OnFailure= works; Notify= and the journal have
# it as well, with the reason. When the cause is mended it is started as ever, and its recovery from a crash is told, too.
. /boot-test/lib.sh

told() {
        grep -q "^hopeless $1$" /srv/told
}

state_is() {
        [ "$(unit_property jaild@hopeless ActiveState)" = "$1" ]
}

printf '#!/bin/sh\necho "$JAIL $EVENT" >>/srv/told\n' >/usr/local/bin/tell
chmod 755 /usr/local/bin/tell
: >/srv/told
chmod 666 /srv/told
printf '[Service]\nType=oneshot\nExecStart=/bin/sh -c "echo $MONITOR_UNIT %%i >>/srv/alarm"\n' >/etc/systemd/system/alarm@.service
mkdir -p /etc/systemd/system/jaild@hopeless.service.d
printf '[Unit]\nOnFailure=alarm@%%n.service\n' >/etc/systemd/system/jaild@hopeless.service.d/alarm.conf
systemctl daemon-reload
cp -a /var/lib/jaild/demo /var/lib/jaild/hopeless
sed -i 's/8080/8094/' /var/lib/jaild/hopeless/current/launch
write_jail hopeless 8094
printf '[Supervise]\nStartLimitBurst=2\nNotify=/usr/local/bin/tell\n' >>/etc/jaild/hopeless.conf
jailctl start hopeless
page 8094

# A crash, and the recovery.
kill_master "$(jail_property hopeless main-pid)"
page 8094
wait_until told server-died
wait_until told recovered

# And what cannot be helped.
echo NoSuchDirective >/var/lib/jaild/hopeless/current/root/etc/apache2/conf-enabled/broken.conf
kill -9 "$(jail_property hopeless main-pid)"
wait_until state_is failed
wait_until told gave-up
wait_until grep -q 'jaild@hopeless.service' /srv/alarm
expect "how often it was given up" "$(journalctl -q -o cat MESSAGE_ID=5275ac1d2c4f4853a2a8bb52cbb1f396 JAIL=hopeless | grep -c 'giving up')" 1
jailctl status hopeless | grep -q 'NoSuchDirective' || fail "$(jailctl status hopeless)"

rm /var/lib/jaild/hopeless/current/root/etc/apache2/conf-enabled/broken.conf
jailctl start hopeless
page 8094
jailctl stop hopeless
rm -r /etc/jaild/hopeless.conf /var/lib/jaild/hopeless /usr/local/bin/tell /etc/systemd/system/alarm@.service \
        /etc/systemd/system/jaild@hopeless.service.d /srv/alarm
systemctl daemon-reload
