# adopt moves what apache2.service serves into a jail while it is under load, and unadopt moves it back: no client notices.
. /boot-test/lib.sh

# Four that ask over new connections, and one that takes its time.
load() {
        page 80
        load_start 80
        rm -f /boot-test/big
        curl -sS --limit-rate 4M -o /boot-test/big http://127.0.0.1/big &
        slow=$!
        wait_until test -s /boot-test/big
}

unload() {
        page 80
        wait $slow || fail "a long download was cut off"
        cmp /var/www/html/big /boot-test/big
        sleep 0.2
        load_stop
}

head -c 8000000 /dev/urandom >/var/www/html/big
load
jailctl adopt site
unload

expect "apache2" "$(unit_property apache2 ActiveState)/$(systemctl is-enabled apache2 || true)" inactive/disabled
expect "the jail" "$(unit_property jaild@site ActiveState)/$(systemctl is-enabled jaild@site)" active/enabled
expect "the state" "$(jail_property site state)" running
jailctl verify --live site || fail "it does not verify"
# The sockets are the jail's as any other's: they outlive a crash.
kill_master "$(jail_property site main-pid)"
page 80
! jailctl adopt site 2>/dev/null || fail "it was adopted twice"

# A server that does not start is not waited for without a server.
echo NoSuchDirective >/etc/apache2/conf-enabled/broken.conf
load
! said=$(jailctl unadopt site 2>&1) || fail "it was given back to a server that does not start"
echo "$said" | grep -q 'the jail serves on' || fail "it says: $said"
unload
expect "the state" "$(jail_property site state)" running
rm /etc/apache2/conf-enabled/broken.conf

# What would take the ports at the next boot is said.
mkdir -p /etc/jaild/site.conf.d
printf '[Network]\nListen=80\n[Supervise]\nOnDemand=yes\n' >/etc/jaild/site.conf.d/demand.conf
load
said=$(jailctl unadopt site 2>&1)
unload
echo "$said" | grep -q 'OnDemand=yes is still' || fail "it says: $said"
rm -r /etc/jaild/site.conf.d
expect "apache2" "$(unit_property apache2 ActiveState)/$(systemctl is-enabled apache2)" active/enabled
expect "the jail" "$(unit_property jaild@site ActiveState)/$(systemctl is-enabled jaild@site || true)" inactive/disabled
expect "the kernel's setting" "$(cat /proc/sys/net/ipv4/tcp_migrate_req)" 0
[ ! -e /run/systemd/system/apache2.service.d ] || fail "the drop-in is left"
! jailctl unadopt site 2>/dev/null || fail "it was given back twice"
# And it is a server as ever.
systemctl restart apache2
page 80
