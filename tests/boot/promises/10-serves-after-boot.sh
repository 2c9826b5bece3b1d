# An enabled jail serves after boot, without anybody logging in, and systemd holds it for active.
# A jail that is not enabled is not started.
. /boot-test/lib.sh

expect "ActiveState" "$(unit_property jaild@demo ActiveState)" active
page 8080
expect "the state" "$(jail_property demo state)" running
expect "web's ActiveState" "$(unit_property jaild@web ActiveState)" inactive
# Debian's own server is left as it was.
expect "apache2's ActiveState" "$(unit_property apache2 ActiveState)" active
