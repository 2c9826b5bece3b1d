# Removed, it leaves what the administrator made and what was logged, and nothing that runs.
. /boot-test/lib.sh

# Whoever moved a site in is told that nobody serves it now.
echo 'apache2.service enabled' >/var/lib/jaild/demo/adopted
said=$(dpkg -r jaild 2>&1)
echo "$said" | grep -q 'systemctl enable --now apache2.service' || fail "it says: $said"
! pgrep -a jaild || fail "a supervisor is left"
expect "units" "$(systemctl list-units --no-legend --plain 'jaild*' | grep -c ' active ')" 0
! page 8080 2>/dev/null || fail "the server is left"
[ -e /etc/jaild/demo.conf ] && [ -e /var/log/jaild/demo ] || fail "too much is gone"
