#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "probe.h"

static int has_capability(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2] = {};

        if (syscall(SYS_capget, &header, data) < 0)
                return -errno;
        return data[0].permitted || data[1].permitted || data[0].effective || data[1].effective ? 0 : -EPERM;
}

static int is_root(void) {
        return getuid() == 0 || geteuid() == 0 || getgid() == 0 || getegid() == 0 ? 0 : -EPERM;
}

static int take_capability(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2] = { { .effective = 1, .permitted = 1 } };

        return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

#define PRIVILEGES "privileges"

const Probe probe_privileges[] = {
        PROBE(PRIVILEGES, "is-root", is_root),
        PROBE(PRIVILEGES, "has-capability", has_capability),
        PROBE(PRIVILEGES, "take-capability", take_capability),
        PROBE_CALL(PRIVILEGES, setuid, 0),
        PROBE_CALL(PRIVILEGES, setgid, 0),
        PROBE_CALL(PRIVILEGES, setreuid, 0, 0),
        PROBE_CALL(PRIVILEGES, setresuid, 0, 0, 0),
        PROBE_CALL(PRIVILEGES, setresgid, 0, 0, 0),
        PROBE_CALL(PRIVILEGES, setgroups, 0, 0),
        PROBE_CALL(PRIVILEGES, setfsuid, 0),
        PROBE_CALL(PRIVILEGES, setfsgid, 0),
        PROBE_CALL(PRIVILEGES, personality, ADDR_NO_RANDOMIZE),
        PROBE_CALL_AS(PRIVILEGES, "personality-executable-reads", personality, READ_IMPLIES_EXEC),
        PROBE_CALL_AS(PRIVILEGES, "prctl-ambient", prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0, 0, 0),
        PROBE_CALL_AS(PRIVILEGES, "prctl-keep-capabilities", prctl, PR_SET_KEEPCAPS, 1),
        PROBE_CALL_AS(PRIVILEGES, "prctl-securebits", prctl, PR_SET_SECUREBITS, 0),
        PROBE_CALL(PRIVILEGES, keyctl, 0, -3, 1),
        PROBE_CALL(PRIVILEGES, add_key, (long) "user", (long) "probe", (long) "x", 1, -3),
        PROBE_CALL(PRIVILEGES, request_key, (long) "user", (long) "probe", (long) "x", -3),
        PROBE_CALL(PRIVILEGES, seccomp, 1, 0, 0),
        PROBE_CALL_AS(PRIVILEGES, "seccomp-listener", seccomp, 1, 8, 0),
        PROBE_CALL_AS(PRIVILEGES, "prctl-seccomp", prctl, PR_SET_SECCOMP, 2, 0),
        PROBE_NUMBER(PRIVILEGES, "landlock-create-ruleset", 444, 0, 0, 1),
        {},
};

#define NAMESPACES        "namespaces"
#define UNSHARE(name, fl) PROBE_CALL_IN_CHILD(NAMESPACES, "unshare-" name, unshare, fl)
#define CLONE(name, fl)   PROBE_CALL_IN_CHILD(NAMESPACES, "clone-" name, clone, (fl) | SIGCHLD, 0, 0, 0, 0)
#define CLONE3(name, fl)                                                                                    \
        PROBE_CALL_IN_CHILD(NAMESPACES, "clone3-" name, clone3,                                             \
                            (long) &(struct clone_args){ .flags = (fl), .exit_signal = SIGCHLD },           \
                            sizeof(struct clone_args))
#define BOTH(name, fl) UNSHARE(name, fl), CLONE(name, fl), CLONE3(name, fl)

const Probe probe_namespaces[] = {
        BOTH("user", CLONE_NEWUSER),
        BOTH("mount", CLONE_NEWNS),
        BOTH("pid", CLONE_NEWPID),
        BOTH("net", CLONE_NEWNET),
        BOTH("ipc", CLONE_NEWIPC),
        BOTH("uts", CLONE_NEWUTS),
        BOTH("cgroup", CLONE_NEWCGROUP),
        UNSHARE("time", CLONE_NEWTIME),
        CLONE3("time", CLONE_NEWTIME),
        BOTH("user-and-mount", CLONE_NEWUSER | CLONE_NEWNS),
        UNSHARE("files", CLONE_FILES),
        PROBE_CALL(NAMESPACES, setns, 0, 0),
        PROBE_CALL(NAMESPACES, mount, (long) "none", (long) "/tmp", (long) "tmpfs", 0, 0),
        PROBE_CALL_AS(NAMESPACES, "mount-remount", mount, 0, (long) "/", 0, 32 /* MS_REMOUNT */, 0),
        PROBE_CALL_AS(NAMESPACES, "mount-bind", mount, (long) "/", (long) "/var", 0, 4096 /* MS_BIND */, 0),
        PROBE_CALL(NAMESPACES, umount2, (long) "/var/run/apache2", 2),
        PROBE_CALL(NAMESPACES, fsopen, (long) "tmpfs", 0),
        PROBE_CALL(NAMESPACES, fsconfig, 0, 0, 0, 0, 0),
        PROBE_CALL(NAMESPACES, fsmount, 0, 0, 0),
        PROBE_CALL(NAMESPACES, fspick, -100, (long) "/", 0),
        PROBE_CALL(NAMESPACES, open_tree, -100, (long) "/", 1),
        PROBE_CALL(NAMESPACES, move_mount, -100, (long) "/", -100, (long) "/var", 0),
        PROBE_NUMBER(NAMESPACES, "mount-setattr", 442, -100, (long) "/", 0, 0, 0),
        PROBE_NUMBER(NAMESPACES, "statmount", 457, 0, 0, 0, 0),
        PROBE_NUMBER(NAMESPACES, "listmount", 458, 0, 0, 0, 0),
        PROBE_NUMBER(NAMESPACES, "open-tree-attr", 467, -100, (long) "/", 0, 0, 0),
        PROBE_CALL(NAMESPACES, sethostname, (long) "probe", 5),
        PROBE_CALL(NAMESPACES, setdomainname, (long) "probe", 5),
        {},
};
