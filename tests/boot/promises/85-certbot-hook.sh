# certbot's deploy hook has every running jail take new certificates over by a reload, and starts none that is stopped.
. /boot-test/lib.sh

hook=$(find / -xdev -path "*/doc/jaild/examples/certbot-hook")
before=$(jail_property demo main-pid)
RENEWED_LINEAGE=/etc/letsencrypt/live/example.org "$hook"
[ "$(jail_property demo main-pid)" != "$before" ] || fail "the jail has not reloaded"
page 8080
! jailctl status web >/dev/null || fail "a stopped jail was started"
