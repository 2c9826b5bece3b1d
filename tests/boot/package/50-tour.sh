# A stranger with a site of two hosts, TLS and PHP moves it in and out as doc/moving-in.md says, word for word, from the package on.
. /boot-test/lib.sh

export HOME=/root
cd
if [ ! -e /boot-test/moved-in ]; then
        # A system that has not seen jaild.
        rm -rf /etc/jaild
        cp /boot-test/jaild.deb ./jaild_0.1.0_amd64.deb
        /boot-test/tour /boot-test/moving-in.md 'The site' 'After the next boot'
        touch /boot-test/moved-in
        exit $REBOOT
fi
wait_until systemctl -q is-active jaild@web
/boot-test/tour /boot-test/moving-in.md 'After the next boot'
