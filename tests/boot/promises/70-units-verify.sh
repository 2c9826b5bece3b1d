# systemd-analyze verify has nothing to say about the units as they are installed.
. /boot-test/lib.sh

for unit in jaild@demo.service jaild@web.socket jaild-metrics.socket jaild-verify@demo.timer; do
        said=$(systemd-analyze verify --man=no $unit 2>&1) || fail "$said"
        [ -z "$said" ] || fail "$said"
done
