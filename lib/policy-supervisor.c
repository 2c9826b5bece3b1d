/* What the supervisor never calls, nor the command of Notify=, nor the jail, who all inherit it: a list of what must not
 * be, not of what may. The supervisor's libraries, systemd's among them, change with the distribution, and a call that
 * fails in the supervisor takes the server's keeper away. Where systemd starts it, the unit has an allow-list as well. */

#include "policy.h"

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
