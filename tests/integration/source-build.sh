#!/bin/sh
# Build Apache from Debian's source package as its own documentation says, into /usr/local/apache2 of a tree, once, and print
# where the tree is. It is kept under a name that says how it was made. Minutes the first time.
set -eu

cache=${JAILD_TEST_CACHE:-/var/cache/jaild-tests}
tree=$cache/apache-source-$(cksum <"$0" | cut -d ' ' -f 1)
work=$tree.new
mkdir -p "$cache"
exec 9>"$tree.lock"
flock 9
if [ ! -d "$tree" ]; then
        rm -rf "$work"
        mkdir -p "$work/lists/partial" "$work/source"
        cd "$work/source"
        . /etc/os-release
        # From the mirror that this machine is installed from, whose own lists need not have sources.
        mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep '/debian/$' | head -n 1)
        echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $VERSION_CODENAME main" >../sources.list
        apt="apt-get -qq -o Dir::Etc::sourcelist=$work/sources.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=$work/lists"
        $apt update >&2
        $apt source --download-only apache2 >&2
        tar -xf apache2_*.orig.tar.gz --strip-components=1
        {
                ./configure --prefix=/usr/local/apache2 --with-mpm=event --enable-mods-shared=most --enable-info
                make -j2
                make install DESTDIR="$work/tree"
        } >../log 2>&1 </dev/null || { tail -n 20 ../log >&2; exit 1; }
        mv "$work/tree" "$tree"
        rm -rf "$work"
fi
printf '%s\n' "$tree"
