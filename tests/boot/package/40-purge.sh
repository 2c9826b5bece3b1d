# Purged, it leaves nothing but what the administrator made: the two configurations, and a group that may own files.
. /boot-test/lib.sh

dpkg -P jaild
find / -xdev -path /proc -prune -o -path /boot-test -prune -o -path /var/lib/dpkg -prune -o -path /var/log/journal -prune -o \
        -print | sort >/boot-test/files-after
left=$(comm -13 /boot-test/files-before /boot-test/files-after | grep -vE '^(/tmp/|/var/tmp/|/var/lib/systemd/|/var/log/dpkg.log$|/etc/(group|gshadow|subgid|subuid)-$)')
expect "what is left" "$left" "/etc/jaild
/etc/jaild/demo.conf
/etc/jaild/web.conf"
! ls /var/lib/systemd/timers/stamp-jaild-* 2>/dev/null || fail "the stamp of a timer is left"
