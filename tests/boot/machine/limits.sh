# The unit limits the memory and the processes of a jail, and the kernel holds it to that.
. /boot-test/lib.sh

restarts=$(jail_property demo restarts)
group=/sys/fs/cgroup/system.slice/system-jaild.slice/jaild@demo.service
[ "$(cat $group/memory.max)" != max ] || fail "the memory has no limit"
[ "$(cat $group/pids.max)" != max ] || fail "the processes have no limit"

systemctl set-property --runtime jaild@demo TasksMax="$(($(cat $group/pids.current) + 1))"
# The first process that comes takes the last place; it is refused a child.
said=$(sh -c "echo \$\$ >$group/cgroup.procs; (true)" 2>&1) && fail "a process more than allowed"
expect "what the kernel said" "$(echo "$said" | grep -c 'Cannot fork')" 1
systemctl set-property --runtime jaild@demo TasksMax=1000

# What takes all the memory is killed, and the jail serves on. In the jail it would be the first to go, as this one is.
systemctl set-property --runtime jaild@demo MemoryMax="$(($(cat $group/memory.current) + 20000000))"
! sh -c "echo \$\$ >$group/cgroup.procs; echo 1000 >/proc/self/oom_score_adj; x=\$(head -c 60000000 /dev/zero | tr '\\0' x)" ||
        fail "60 MB more than allowed"
[ "$(sed -n 's/^oom_kill //p' $group/memory.events)" -ge 1 ] || fail "the kernel killed nobody"
systemctl set-property --runtime jaild@demo MemoryMax=80%
page 8080
expect "the restarts" "$(jail_property demo restarts)" "$restarts"
