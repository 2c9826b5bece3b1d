# A jail whose configuration Apache refuses fails alone, at once and with the reason; it holds up neither the boot nor the
# other jails.
. /boot-test/lib.sh

expect "what failed" "$(systemctl list-units --failed --no-legend --plain 'jaild*' | cut -d ' ' -f 1)" jaild@broken.service
jailctl status broken | grep -q NoSuchDirective || fail "status does not tell Apache's words: $(jailctl status broken)"
journalctl -b -u jaild@broken | grep -q NoSuchDirective || fail "the journal does not tell Apache's words"
expect "the starts" "$(unit_property jaild@broken NRestarts)" 0
page 8080
