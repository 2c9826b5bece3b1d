#!/bin/sh
# In the system, before its first boot: three jails as an administrator leaves them. demo is enabled and serves; web is
# enabled by its control socket only, so that nobody starts it; broken is enabled, and Apache refuses what it is given.
set -eu
. /boot-test/lib.sh

ldconfig
systemd-sysusers
journalctl --update-catalog
systemd-tmpfiles --create --prefix=/etc/jaild --prefix=/var/lib/jaild --prefix=/var/log/jaild
mkdir -p /etc/jaild

write_jail demo 8080
write_jail web 8081
write_jail broken 8082
for name in demo web broken; do
        jailctl build $name
done
# It was well when it was built, else there would be none.
echo 'NoSuchDirective on' >>/var/lib/jaild/broken/current/root/etc/apache2/apache2.conf

systemctl enable jaild@demo.service jaild@broken.service jaild@web.socket boot-test.service
