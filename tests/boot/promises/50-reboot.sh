# After a reboot all is as it was after the first boot.
. /boot-test/lib.sh

if [ ! -e /boot-test/rebooted ]; then
        cat /proc/sys/kernel/random/boot_id >/boot-test/rebooted
        journalctl --list-boots -q | wc -l >/boot-test/boots
        exit $REBOOT
fi
page 8080
expect "the state" "$(jail_property demo state)" running
expect "the restarts" "$(jail_property demo restarts)" 0
expect "the journal's boots" "$(journalctl --list-boots -q | wc -l)" $(($(cat /boot-test/boots) + 1))
