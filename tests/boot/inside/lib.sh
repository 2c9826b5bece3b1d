# What the scripts share; read by each with ". /boot-test/lib.sh".

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8

# A script ends with this status where it wants the system rebooted and to be run again.
REBOOT=75

fail() {
        echo "$*" >&2
        exit 1
}

# write_jail NAME PORT
write_jail() {
        printf '[Jail]\n\n[Network]\nListen=127.0.0.1:%s 80\n' "$2" >"/etc/jaild/$1.conf"
}

# page PORT: whether Debian's page comes.
page() {
        curl -fsS --max-time 20 "http://127.0.0.1:$1/" | grep -q 'It works'
}

# jail_property NAME KEY: of jailctl status, as it is in JSON.
jail_property() {
        jailctl --json status "$1" | sed -n "s/.*\"$2\" *: *\"\{0,1\}\([^\",]*\).*/\1/p" | head -n 1
}

unit_property() {
        systemctl show -P "$2" "$1"
}

# expect WHAT IS SHOULD
expect() {
        [ "$2" = "$3" ] || fail "$1 is '$2', not '$3'"
}

# Wait until a command succeeds, 20 seconds at most: where there is no event to wait for.
wait_until() {
        n=0
        until "$@"; do
                n=$((n + 1))
                [ $n -lt 200 ] || fail "in vain: $*"
                sleep 0.1
        done
}
