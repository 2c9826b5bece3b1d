# So it is with more descriptors than a process has by default: hundreds of virtual hosts, each with its logs, and a standby.
. /boot-test/lib.sh

for n in $(seq 300); do
        cat <<-SITE
                <VirtualHost *:80>
                ServerName s$n.example
                DocumentRoot /var/www/html
                ErrorLog \${APACHE_LOG_DIR}/s$n.error.log
                CustomLog \${APACHE_LOG_DIR}/s$n.access.log combined
                </VirtualHost>
SITE
done >/etc/apache2/sites-enabled/many.conf
write_jail many 8083
printf '\n[Supervise]\nStandby=yes\n' >>/etc/jaild/many.conf
jailctl build many
rm /etc/apache2/sites-enabled/many.conf
systemctl start jaild@many
waiting() {
        [ "$(jail_property many standby-pid)" != null ]
}
wait_until waiting

master=$(jail_property many main-pid)
standby=$(jail_property many standby-pid)
before=$(unit_property jaild@many MainPID)
kill -9 "$before"
restarted() {
        [ "$(unit_property jaild@many MainPID)" -ne "$before" ] &&
                [ "$(unit_property jaild@many ActiveState)" = active ]
}
wait_until restarted
expect "the master" "$(jail_property many main-pid)" "$master"
expect "the standby" "$(jail_property many standby-pid)" "$standby"
page 8083
systemctl stop jaild@many
