# The self-test of the room, on this kernel: of all that is tried from inside of a worker nothing works, while it serves
# others. tests/probe has the attempts; the test of the same name in tests/integration is this on the builder's kernel.
. /boot-test/lib.sh

modules=/usr/lib/apache2/modules
cat >/etc/apache2/conf-enabled/room.conf <<END
LoadModule socache_shmcb_module $modules/mod_socache_shmcb.so
LoadModule ssl_module $modules/mod_ssl.so
LoadModule http2_module $modules/mod_http2.so
LoadModule rewrite_module $modules/mod_rewrite.so
LoadModule probe_module /boot-test/mod_probe.so
Listen 443
Protocols h2 http/1.1
<VirtualHost *:443>
        ServerName localhost
        DocumentRoot /var/www/html
        SSLEngine on
        SSLCertificateFile /boot-test/room.crt
        SSLCertificateKeyFile /boot-test/room.key
        RewriteEngine on
        RewriteRule ^/old$ /index.html [PT]
</VirtualHost>
<Location /probe>
        SetHandler probe
</Location>
END
write_jail web 8081
echo 'Listen=127.0.0.1:8444 443' >>/etc/jaild/web.conf

for mpm in event worker prefork; do
        rm -f /etc/apache2/mods-enabled/mpm_*
        for kind in load conf; do
                ln -s ../mods-available/mpm_$mpm.$kind /etc/apache2/mods-enabled/
        done
        jailctl build web
        jailctl start web
        # Less than load_start would: an emulated machine has little to give.
        curl -sSk --http2 --compressed --fail-early -o /dev/null -w '%{stderr}%{http_code}\n' \
                "https://127.0.0.1:8444/{old,server-status}?[1-1000000]" >secure 2>&1 &
        secure=$!

        curl -fsS http://127.0.0.1:8081/probe | sed 's|.* \(.*\)|url = "http://127.0.0.1:8081/probe?\1"|' >attempts
        curl -sS -K attempts -w '%{url_effective}\n' >answers
        awk -v mpm=$mpm '/^http:/ { n++; if (answer !~ /^refused: /) print mpm ": " $0 ": " answer; answer = "nothing"; next }
                { answer = $0 }
                END { if (n < 250) print mpm ": only " n " attempts" }' answers >worked
        [ ! -s worked ] || fail "$(cat worked)"

        # It ends by itself where it was refused.
        kill $secure 2>/dev/null || fail "a client by TLS was lost: $(tail -n 1 secure)"
        wait $secure || true
        [ "$(grep -c '^200$' secure)" -gt 10 ] || fail "TLS: $(tail -n 1 secure)"
        [ "$(grep -vc '^200$' secure)" -eq 0 ] || fail "TLS: $(grep -v '^200$' secure | head -n 3)"
        jailctl stop web
done
jailctl --json status demo | grep -A 20 layers
rm /etc/apache2/conf-enabled/room.conf
