/* What the supervisor may call. The jail, jaild-probe and the command of Notify= inherit it, so it has all that the jail's
 * own table allows in any group, which policy-generate.c adds, and what is listed here. Numbers alone: who holds the
 * supervisor's capabilities is not held by arguments, and the jail's filter has the arguments that matter.
 *
 * What is on neither list fails with ENOSYS, as on an older kernel: the supervisor's libraries, systemd's and glibc's among
 * them, change with the distribution, try what is new and fall back. To end the process instead would take the server's
 * keeper away. Each refusal is in the kernel's log (seccomp(2), SECCOMP_FILTER_FLAG_LOG), so that a missing call is found
 * by its number. Where systemd starts it, the unit has an allow-list as well. */

#include "policy.h"

static const char *const room[] = {
        "clone3",
        "unshare",
        "setns",
        "mount",
        "umount2",
        "pivot_root",
        "move_mount",
        "open_tree",
        "fsopen",
        "fsconfig",
        "fsmount",
        "mount_setattr",
        "openat2",
        "sethostname",
        "setdomainname",
        "setgroups",
        "setresuid",
        "setresgid",
        "setrlimit",
        "capget",
        "capset",
        "landlock_create_ruleset",
        "landlock_add_rule",
        "landlock_restrict_self",
        "seccomp",
        NULL,
};

static const char *const jail[] = {
        "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "process_vm_readv", "waitid", NULL,
};

static const char *const own[] = {
        "memfd_create",    "signalfd4",     "timerfd_create",    "timerfd_settime",
        "timerfd_gettime", "inotify_init1", "inotify_add_watch", "inotify_rm_watch",
        "splice",          "tee",           "fallocate",         "truncate",
        "fchown",          "fchownat",      "getdents",          NULL,
};

static const char *const ordinary[] = {
        /* files */
        "creat",
        "link",
        "linkat",
        "symlink",
        "symlinkat",
        "chown",
        "lchown",
        "utime",
        "utimes",
        "futimesat",
        "preadv",
        "preadv2",
        "pwritev",
        "pwritev2",
        "readahead",
        "sync_file_range",
        "getxattr",
        "lgetxattr",
        "fgetxattr",
        "listxattr",
        "llistxattr",
        "flistxattr",
        "inotify_init",
        /* memory */
        "msync",
        "mincore",
        "mlock",
        "mlock2",
        "munlock",
        "membarrier",
        /* waiting */
        "eventfd",
        "epoll_create",
        "epoll_pwait2",
        "signalfd",
        "timer_create",
        "timer_settime",
        "timer_gettime",
        "timer_getoverrun",
        "timer_delete",
        "futex_waitv",
        /* sockets */
        "recvmmsg",
        /* processes, and users: sudo and its like have no use without capabilities, but ask */
        "getpgid",
        "setuid",
        "setgid",
        "setreuid",
        "setregid",
        "setfsuid",
        "setfsgid",
        "getpriority",
        "setpriority",
        "ioprio_get",
        "sched_getattr",
        "sched_getparam",
        "sched_getscheduler",
        "sched_get_priority_max",
        "sched_get_priority_min",
        "sched_setaffinity",
        "get_robust_list",
        "tkill",
        "rt_sigqueueinfo",
        "rt_tgsigqueueinfo",
        NULL,
};

static const PolicySupervisorCalls calls[] = {
        { "putting the room together, and the drop", room },
        { "looking after the jail from outside", jail },
        { "its event loop, its logs, and what it keeps", own },
        { "what any program may ask for: libraries, the name service, and whatever Notify= runs, as nobody",
          ordinary },
};

/* Knowingly excluded: EPERM, whoever asks. */
static const PolicyNever never[] = {
        { "init_module", "the kernel's code" },
        { "finit_module", "the kernel's code" },
        { "delete_module", "the kernel's code" },
        { "kexec_load", "another kernel" },
        { "kexec_file_load", "another kernel" },
        { "bpf", "programs in the kernel" },
        { "perf_event_open", "counters of the kernel, a long history of faults" },
        { "io_uring_setup", "calls past every filter, a long history of faults" },
        { "io_uring_enter", "calls past every filter, a long history of faults" },
        { "io_uring_register", "calls past every filter, a long history of faults" },
        { "userfaultfd", "holds the kernel still in the middle of a copy" },
        { "add_key", "the kernel's key rings know no namespaces" },
        { "request_key", "the kernel's key rings know no namespaces, and this runs a program of the host" },
        { "keyctl", "the kernel's key rings know no namespaces" },
        { "ptrace",
          "other processes' memory and registers; what is read of the jail is read by process_vm_readv" },
        { "process_vm_writev", "other processes' memory: nothing is ever written into the jail's" },
        { "process_madvise", "other processes' memory" },
        { "kcmp", "compares the kernel's pointers" },
        { "open_by_handle_at", "opens files past every path" },
        { "personality", "READ_IMPLIES_EXEC and no address randomisation" },
        { "chroot", "pivot_root is what the room takes" },
        { "reboot", "the machine" },
        { "swapon", "the machine" },
        { "swapoff", "the machine" },
        { "acct", "the machine's accounting" },
        { "quotactl", "the machine's quotas" },
        { "quotactl_fd", "the machine's quotas" },
        { "syslog", "the kernel's messages, with its addresses" },
        { "settimeofday", "the machine's clock" },
        { "clock_settime", "the machine's clock" },
        { "adjtimex", "the machine's clock" },
        { "clock_adjtime", "the machine's clock" },
        { "iopl", "the machine's ports" },
        { "ioperm", "the machine's ports" },
        { "modify_ldt", "segments: a way round the kernel's checks, again and again" },
        { "vhangup", "the machine's terminals" },
        { "uselib", "libraries loaded by the kernel" },
        { "lookup_dcookie", "paths of files outside" },
        { "migrate_pages", "placement of memory" },
        { "move_pages", "placement of memory" },
        { "fanotify_init", "watches everybody's use of files" },
        { "remap_file_pages", "obsolete, with a history of faults" },
};

size_t policy_never(const PolicyNever **ret) {
        *ret = never;
        return ELEMENTSOF(never);
}

size_t policy_supervisor_calls(const PolicySupervisorCalls **ret) {
        *ret = calls;
        return ELEMENTSOF(calls);
}
