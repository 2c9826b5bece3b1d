#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#ifdef __x86_64__
#include <asm/prctl.h>
#endif

#include "probe.h"

/* Calls that are newer than the table of the policy. */
static int unknown_calls(void) {
        for (long number = 463; number < 1024; number++)
                if (syscall(number, 0, 0, 0, 0, 0, 0) >= 0 || errno != ENOSYS)
                        return 0;
        return -ENOSYS;
}

#ifdef __x86_64__
/* The filter says EINVAL, which is how the kernel without it refuses as well. */
static int set_segment(void) {
        unsigned long before;

        return syscall(SYS_arch_prctl, ARCH_GET_GS, &before) < 0 ? -errno : 0;
}
#endif

#define KERNEL "kernel"

const Probe probe_kernel[] = {
        PROBE_CALL(KERNEL, bpf, 0, 0, 0),
        PROBE_CALL(KERNEL, perf_event_open, 0, 0, -1, -1, 0),
        PROBE_CALL(KERNEL, io_uring_setup, 1, 0),
        PROBE_CALL(KERNEL, io_uring_enter, 0, 0, 0, 0, 0),
        PROBE_CALL(KERNEL, io_uring_register, 0, 0, 0, 0),
        PROBE_CALL(KERNEL, io_setup, 1, 0),
        PROBE_CALL(KERNEL, io_submit, 0, 0, 0),
        PROBE_CALL(KERNEL, userfaultfd, 0),
        PROBE_CALL_AS(KERNEL, "userfaultfd-user-only", userfaultfd, 1),
        PROBE_CALL(KERNEL, init_module, 0, 0, 0),
        PROBE_CALL(KERNEL, finit_module, 0, 0, 0),
        PROBE_CALL(KERNEL, delete_module, 0, 0),
        PROBE_CALL(KERNEL, kexec_load, 0, 0, 0, 0),
        PROBE_CALL(KERNEL, kexec_file_load, 0, 0, 0, 0, 0),
        PROBE_CALL(KERNEL, reboot, 0, 0, 0, 0),
        PROBE_CALL(KERNEL, swapon, (long) "/probe", 0),
        PROBE_CALL(KERNEL, swapoff, (long) "/probe"),
        PROBE_CALL(KERNEL, acct, 0),
        PROBE_CALL(KERNEL, syslog, 10, 0, 0),
        PROBE_CALL_AS(KERNEL, "syslog-read", syslog, 3, 0, 0),
        PROBE_CALL(KERNEL, vhangup),
        PROBE_CALL(KERNEL, settimeofday, (long) &(struct timeval){ 0 }, 0),
        PROBE_CALL(KERNEL, clock_settime, CLOCK_REALTIME, (long) &(struct timespec){ 0 }),
        PROBE_CALL(KERNEL, adjtimex, 0),
        PROBE_CALL(KERNEL, clock_adjtime, CLOCK_REALTIME, 0),
#ifdef __x86_64__
        PROBE_CALL(KERNEL, iopl, 3),
        PROBE_CALL(KERNEL, ioperm, 0, 1, 1),
        PROBE_CALL(KERNEL, modify_ldt, 0, 0, 0),
        PROBE_CALL(KERNEL, uselib, (long) "/probe"),
        PROBE(KERNEL, "segments", set_segment),
        PROBE_CALL(KERNEL, ustat, 0, 0),
        PROBE_CALL(KERNEL, sysfs, 1, 0),
#endif
        PROBE_CALL(KERNEL, lookup_dcookie, 0, 0, 0),
        PROBE_CALL(KERNEL, shmget, 0, 4096, 0600),
        PROBE_CALL(KERNEL, semget, 0, 1, 0600),
        PROBE_CALL(KERNEL, msgget, 0, 0600),
        PROBE_CALL(KERNEL, mq_open, (long) "probe", 0, 0, 0),
        PROBE_CALL(KERNEL, mq_unlink, (long) "probe"),
        PROBE_CALL(KERNEL, mq_notify, 0, 0),
        PROBE_CALL(KERNEL, mbind, 0, 0, 0, 0, 0, 0),
        PROBE_CALL(KERNEL, set_mempolicy, 0, 0, 0),
        PROBE_CALL(KERNEL, mincore, 0, 0, 0),
        PROBE_CALL(KERNEL, membarrier, 0, 0, 0),
        PROBE_NUMBER(KERNEL, "futex-waitv", 449, 0, 0, 0, 0, 0),
        PROBE_NUMBER(KERNEL, "cachestat", 451, 0, 0, 0, 0),
        PROBE_NUMBER(KERNEL, "map-shadow-stack", 453, 0, 4096, 0),
        PROBE_NUMBER(KERNEL, "lsm-get-self-attr", 459, 0, 0, 0, 0),
        PROBE_NUMBER(KERNEL, "mseal", 462, 0, 0, 0),
        PROBE(KERNEL, "unknown-calls", unknown_calls),
        {},
};

static int core_files(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_CORE, &limit) < 0)
                return -errno;
        return limit.rlim_cur > 0 || limit.rlim_max > 0 ? 0 : -EPERM;
}

static int endless_descriptors(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return -errno;
        return limit.rlim_max > 8192 ? 0 : -EPERM;
}

static int endless_processes(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NPROC, &limit) < 0)
                return -errno;
        return limit.rlim_max > 32768 ? 0 : -EPERM;
}

static int raise_limit(void) {
        struct rlimit limit = { 1 << 16, 1 << 16 };

        return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

/* Within the limits, too: the supervisor's word is the last. */
static int change_limit(void) {
        struct rlimit limit = { 0, 0 };

        return setrlimit(RLIMIT_CORE, &limit) < 0 ? -errno : 0;
}

#define RESOURCES "resources"

const Probe probe_resources[] = {
        PROBE(RESOURCES, "core-files", core_files),
        PROBE(RESOURCES, "endless-descriptors", endless_descriptors),
        PROBE(RESOURCES, "endless-processes", endless_processes),
        PROBE(RESOURCES, "raise-limit", raise_limit),
        PROBE(RESOURCES, "change-limit", change_limit),
        PROBE_CALL(RESOURCES, mlock, 0, 0),
        PROBE_CALL(RESOURCES, mlock2, 0, 0, 0),
        PROBE_CALL(RESOURCES, mlockall, 1),
        {},
};
