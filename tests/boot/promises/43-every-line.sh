# Every request is one line of the log, whole, over many rotations and while the supervisor is killed again and again.
. /boot-test/lib.sh

write_jail lines 8084
printf '\n[Log]\nMaxSize=64K\nKeep=10000\n' >>/etc/jaild/lines.conf
jailctl build lines
systemctl start jaild@lines
page 8084

# Known numbers of requests, until it is enough.
: >sent
rm -f enough
while [ ! -e enough ]; do
        ab -q -c 4 -n 1000 'http://127.0.0.1:8084/?counted' >batch 2>&1 && grep -q '^Failed requests: *0$' batch || exit 1
        echo 1000 >>sent
done &
load=$!

restarted() {
        [ "$(unit_property jaild@lines MainPID)" -ne "$before" ] && [ "$(unit_property jaild@lines ActiveState)" = active ]
}
has_sent_more() {
        [ "$(wc -l <sent)" -gt "$batches" ]
}
for n in $(seq "$KILLS"); do
        batches=$(wc -l <sent)
        wait_until has_sent_more
        before=$(unit_property jaild@lines MainPID)
        kill -9 "$before"
        wait_until restarted
done
touch enough
wait $load || fail "the load failed: $(cat batch)"

# A stop takes what is left.
systemctl stop jaild@lines
sent=$(awk '{ n += $1 } END { print n }' sent)
cat /var/log/jaild/lines/access.log* >all
rotated=$(find /var/log/jaild/lines -name 'access.log.*' | wc -l)
expect "lines of $sent requests" "$(grep -c counted all)" "$sent"
expect "whole lines" "$(grep -cE '^127\.0\.0\.1 - - \[[^]]*\] "GET /\?counted HTTP/1\.0" 200 [0-9]+ "-" "ApacheBench/[0-9.]+"$' all)" "$sent"
[ "$rotated" -ge "$KILLS" ] || fail "only $rotated rotations"
echo "$sent lines, $rotated rotations, $KILLS kills"
rm -r /etc/jaild/lines.conf /var/lib/jaild/lines /var/log/jaild/lines
