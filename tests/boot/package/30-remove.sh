# Removed, it leaves what the administrator made and what was logged, and nothing that runs.
. /boot-test/lib.sh

dpkg -r jaild
! pgrep -a jaild || fail "a supervisor is left"
expect "units" "$(systemctl list-units --no-legend --plain 'jaild@*' | grep -c ' active ')" 0
! page 8080 2>/dev/null || fail "the server is left"
[ -e /etc/jaild/demo.conf ] && [ -e /var/log/jaild/demo ] || fail "too much is gone"
