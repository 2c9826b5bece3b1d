# The proof that the timer runs daily: it passes where all is well, and fails with the finding in the journal, and its
# explanation from the catalog, where it is not.
. /boot-test/lib.sh

systemctl start jaild-verify@demo.service || fail "$(journalctl -u jaild-verify@demo -o cat)"
expect "the verdict" "$(journalctl -u jaild-verify@demo -o cat | grep -c 'verify: as promised')" 1

chmod 0666 /var/lib/jaild/demo/current/root/etc/hosts
systemctl start jaild-verify@demo.service && fail "it passes"
expect "the result" "$(unit_property jaild-verify@demo Result)" exit-code
# As a package does when it is installed.
journalctl --update-catalog
journalctl --sync
journalctl -x MESSAGE_ID=da91e3c352be4fa98a444830b07d080b >found
grep -q 'tree-world-writable: /etc/hosts' found || fail "$(cat found)"
grep -q 'The jail demo is not as it was built' found || fail "$(cat found)"

jailctl --fix verify demo
systemctl start jaild-verify@demo.service
systemctl enable --now jaild-verify@demo.timer
expect "the timer" "$(unit_property jaild-verify@demo.timer ActiveState)" active
