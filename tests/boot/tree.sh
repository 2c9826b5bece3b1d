#!/bin/sh
# Make a Debian system, once, and print where it is: tree.sh SUITE has systemd, Apache, and what jaild needs at run time,
# nothing of jaild; tree.sh site is bookworm with PHP for Apache and openssl as well, and Apache as if they were not there; tree.sh
# bare is bookworm with nothing at all. It is kept under a name that says how it was made, so that it is made anew when that
# changes.
set -eu

# Called by mmdebstrap: put Debian's kernel into /boot of a tree. Its package would bring 400 MB of modules, of which one is
# needed: jailctl enter looks through an overlay.
if [ "$1" = kernel ]; then
        chroot "$2" sh -euc 'cd /tmp
                apt-get download "$(apt-cache depends --important linux-image-amd64 | sed -n "s/.*Depends: //p")"
                dpkg-deb -x linux-image-*.deb kernel
                mv kernel/boot/vmlinuz-* /boot/vmlinuz
                cd kernel
                find . -path "*/overlayfs/*" -name "overlay.ko*" | xargs -I{} install -D -m 644 {} /{}
                depmod "$(ls /lib/modules)"
                cd ..
                rm -rf kernel linux-image-*.deb'
        exit
fi

cache=${JAILD_TEST_CACHE:-/var/cache/jaild-tests}
# The one that this machine is installed from.
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep '/debian/$' | head -n 1)
[ -n "$mirror" ] || { echo "there is no mirror of Debian's in apt's sources" >&2; exit 1; }
packages=systemd,systemd-sysv,dbus,polkitd,apache2,curl,procps,iproute2,kmod
# Those of bookworm; where later suites call them otherwise they provide these names.
packages=$packages,libarchive13,libcap-ng0,libelf1,libinih1,libjson-c5,libssl3

case $1 in
bare) set -- bare bookworm ;;
site) set -- site bookworm --include="$packages,libapache2-mod-php,openssl" \
        --customize-hook='chroot "$1" a2dismod -q php8.2 mpm_prefork' --customize-hook='chroot "$1" a2enmod -q mpm_event' ;;
*) set -- "$1" "$1" --include="$packages" --customize-hook="$0 kernel \"\$1\"" ;;
esac
name=$1 suite=$2
shift 2

tree=$cache/$name-$(cksum <"$0" | cut -d ' ' -f 1)
mkdir -p "$cache"
exec 9>"$tree.lock"
flock 9
if [ ! -d "$tree" ]; then
        rm -rf "$tree.new"
        mmdebstrap --quiet --variant=minbase "$@" "$suite" "$tree.new" "$mirror" >&2 9>&-
        # Every boot is the first one on this machine, and what was logged is there after it.
        : >"$tree.new/etc/machine-id"
        mkdir -p "$tree.new/var/log/journal"
        mv "$tree.new" "$tree"
fi
printf '%s\n' "$tree"
