# When a package is upgraded that jails are made from, those that want it follow, without loss, and the others do not.
. /boot-test/lib.sh

printf '[Jail]\nAutoUpdate=yes\n\n[Network]\nListen=127.0.0.1:8083 80\n' >/etc/jaild/follower.conf
jailctl build follower
jailctl start follower
before=$(jail_property demo generation)

mkdir -p /boot-test/newer/DEBIAN /boot-test/newer/usr/lib/apache2/modules
printf 'Package: newer\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: one module\n' >/boot-test/newer/DEBIAN/control
{ cat /usr/lib/apache2/modules/mod_env.so; echo; } >/boot-test/newer/usr/lib/apache2/modules/mod_env.so
dpkg-deb -b /boot-test/newer /boot-test/newer.deb
dpkg -i --force-overwrite /boot-test/newer.deb

expect "the generation of the follower" "$(jail_property follower generation)" 2
expect "the generation of the other" "$(jail_property demo generation)" "$before"
page 8083
cmp /usr/lib/apache2/modules/mod_env.so /var/lib/jaild/follower/current/root/usr/lib/apache2/modules/mod_env.so
jailctl stop follower
rm /etc/jaild/follower.conf
