# The package installs where systemd, sysusers and the catalog look, and what it installs makes a jail that serves and is
# enabled.
. /boot-test/lib.sh

find / -xdev -path /proc -prune -o -path /boot-test -prune -o -path /var/lib/dpkg -prune -o -path /var/log/journal -prune -o \
        -print | sort >/boot-test/files-before
dpkg -i /boot-test/jaild.deb
getent group jaild >/dev/null || fail "there is no group jaild"
journalctl --list-catalog 2>/dev/null | grep -q jaild || fail "the catalog has none of jaild's"
for document in $(sed -n 's/^Documentation=.*file:\([^ ]*\).*/\1/p' /lib/systemd/system/jaild*) /usr/share/doc/jaild/doc/moving-in.md; do
        [ -e "$document" ] || fail "there is no $document"
done
expect "the template" "$(systemctl list-unit-files --no-legend jaild@.service | cut -d ' ' -f 1)" jaild@.service

write_jail demo 8080
write_jail web 8081
jailctl build demo
jailctl build web
systemctl enable --now jaild@demo.service jaild@web.socket jaild-verify@demo.timer jaild-metrics.socket
page 8080
