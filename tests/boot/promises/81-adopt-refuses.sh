# A jail that cannot be built or cannot start is not adopted, and apache2.service serves on, untouched.
. /boot-test/lib.sh

before=$(unit_property apache2 MainPID)
printf '[Jail]\n\n[Network]\nListen=127.0.0.1:1\n' >/etc/jaild/site.conf
! said=$(jailctl adopt site 2>&1) || fail "it was adopted: $said"
echo "$said" | grep -q 'serves on' || fail "it says: $said"
printf '[Jail]\n\n[Server]\nHttpd=/nowhere\n' >/etc/jaild/site.conf
! jailctl adopt site || fail "it was adopted"

page 80
expect "apache2" "$(unit_property apache2 MainPID)/$(systemctl is-enabled apache2)" "$before/enabled"
expect "the jail" "$(unit_property jaild@site ActiveState)" inactive
[ ! -e /var/lib/jaild/site/adopted ] || fail "it is written down as adopted"
