# What doctor says of this system is what it has: its systemd by its version, the system bus, the users.
. /boot-test/lib.sh

jailctl doctor >said || fail "$(cat said)"
version=$(systemctl --version | sed -n 's/^systemd \([0-9]*\).*/\1/p')
for line in "systemd 252 or newer  *$version" 'Control groups, version 2  *version 2' 'overlayfs  *available' \
        "jaild's programs  *jaild" 'The users jaild and jaild-probe' 'polkit  *there' 'The group jaild  *there' \
        'Apache  */usr/sbin/apache2, apache2-bin'; do
        grep -q "^ok  *$line" said || fail "not well: $line: $(cat said)"
done
expect "the verdict" "$(tail -n 1 said)" "This host can jail."
