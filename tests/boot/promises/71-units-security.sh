# systemd-analyze security finds nothing in the unit but what its comment gives a reason for.
. /boot-test/lib.sh

cat >/boot-test/reasoned <<END
CapabilityBoundingSet=
DeviceAllow=
IPAddressDeny=
PrivateNetwork=
PrivateUsers=
ProtectHome=
ProtectHostname=
ProtectSystem=
RestrictAddressFamilies=
RestrictNamespaces=
RestrictSUIDSGID=
RootDirectory=
SystemCallFilter=
UMask=
User=
END
systemd-analyze security --no-pager jaild@demo | tee /boot-test/security | grep '✗' >/boot-test/points
said=$(sed 's/^✗ \([A-Za-z]*=\).*/\1/' /boot-test/points | sort -u | comm -23 - /boot-test/reasoned)
[ -z "$said" ] || fail "no reason for $said: $(tail -n 1 /boot-test/security)"
tail -n 1 /boot-test/security
