# Who asks the socket for metrics gets them from a process without privileges.
. /boot-test/lib.sh

ask() {
        curl -sS --max-time 20 --unix-socket /run/jaild-metrics.socket "$@"
}

systemctl enable --now jaild-metrics.socket
ask -o text -D head http://localhost/metrics
grep -q '^HTTP/1.1 200 ' head || fail "$(cat head)"
grep -q '^Content-Type: text/plain; version=0.0.4' head || fail "$(cat head)"
grep -qx 'jaild_up{jail="demo"} 1' text || fail "$(cat text)"
ask -o text -D head -H 'Accept: application/openmetrics-text; version=1.0.0,text/plain;q=0.5' http://localhost/metrics
grep -q '^Content-Type: application/openmetrics-text; version=1.0.0' head || fail "$(cat head)"
expect "the last line" "$(tail -n 1 text)" "# EOF"
expect "another page" "$(ask -o /dev/null -w '%{http_code}' http://localhost/)" 404

expect "who answers" "$(systemctl show -P User jaild-metrics@x.service)" jaild
nobody_waits() {
        [ "$(systemctl show -P NConnections jaild-metrics.socket)" -eq 0 ]
}
wait_until nobody_waits
[ "$(systemctl show -P NAccepted jaild-metrics.socket)" -ge 3 ] || fail "nobody was accepted"
systemctl disable --now jaild-metrics.socket
[ ! -e /run/jaild-metrics.socket ] || fail "the socket is left"
