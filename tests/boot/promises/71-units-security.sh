# systemd-analyze security finds nothing in the unit but what its comments give a reason for.
. /boot-test/lib.sh

unit=$(unit_property jaild@demo FragmentPath)
sed -n 's/^#//p' "$unit" | grep -o '[A-Z][A-Za-z]*=' | sort -u >/boot-test/reasoned
systemd-analyze security --no-pager jaild@demo | tee /boot-test/security | grep '✗' >/boot-test/points
said=$(sed 's/^✗ \([A-Za-z]*=\).*/\1/' /boot-test/points | sort -u | comm -23 - /boot-test/reasoned)
[ -z "$said" ] || fail "no reason for $said: $(tail -n 1 /boot-test/security)"
tail -n 1 /boot-test/security
