#include "enter-filter.h"

#include <asm/ioctls.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "policy-trace.h"

/* The visitor has no capability, no network but the jail's, and no place to write but the jail's; what is listed here
 * reads, or concerns nobody but itself and its terminal. Numbers alone decide, and arguments that are no pointers: these
 * the kernel reads once. */
static const int harmless[] = {
        SYS_getxattr,
        SYS_lgetxattr,
        SYS_fgetxattr,
        SYS_listxattr,
        SYS_llistxattr,
        SYS_flistxattr,
        SYS_statfs,
        SYS_fstatfs,
        SYS_capget,
        SYS_capset,
        SYS_get_mempolicy,
        SYS_getgroups,
        SYS_getpriority,
        SYS_getrusage,
        SYS_getsid,
        SYS_getresuid,
        SYS_getresgid,
        SYS_setpgid,
        SYS_setsid,
        SYS_umask,
        SYS_chdir,
        SYS_fchdir,
        SYS_getcwd,
        SYS_dup,
        SYS_flock,
        SYS_fadvise64,
        SYS_getitimer,
        SYS_setitimer,
        SYS_rt_sigpending,
        SYS_rt_sigsuspend,
        SYS_waitid,
        SYS_close_range,
        SYS_copy_file_range,
        SYS_setsockopt,
        SYS_recvmmsg,
        SYS_sched_getscheduler,
        SYS_sched_getparam,
        SYS_sched_get_priority_max,
        SYS_sched_get_priority_min,
        SYS_timerfd_create,
        SYS_timerfd_settime,
        SYS_membarrier,
        SYS_epoll_pwait,
#ifdef SYS_dup2
        SYS_dup2,
#endif
#ifdef SYS_pipe
        SYS_pipe,
#endif
#ifdef SYS_alarm
        SYS_alarm,
#endif
#ifdef SYS_select
        SYS_select,
#endif
#ifdef SYS_pause
        SYS_pause,
#endif
#ifdef SYS_fork
        SYS_fork,
#endif
#ifdef SYS_vfork
        SYS_vfork,
#endif
};

static bool is_harmless(const struct seccomp_data *d) {
        int family = (int) d->args[0], request = (int) d->args[1];

        for (size_t i = 0; i < ELEMENTSOF(harmless); i++)
                if (harmless[i] == d->nr)
                        return true;
        switch (d->nr) {
        case SYS_socket:
                /* Of a network that is empty: to look at it takes netlink, or any socket. */
                return family == AF_NETLINK || family == AF_INET || family == AF_INET6 || family == AF_UNIX;
        case SYS_ioctl:
                /* All but what types for another one at the terminal. */
                return request != TIOCSTI && request != TIOCLINUX && request != TIOCSETD &&
                       request != TIOCCONS;
        case SYS_fcntl:
                return true;
        case SYS_prctl:
                return (int) d->args[0] == PR_CAPBSET_READ || (int) d->args[0] == PR_GET_DUMPABLE ||
                       (int) d->args[0] == PR_GET_SECCOMP || (int) d->args[0] == PR_GET_NO_NEW_PRIVS;
        case SYS_prlimit64:
                /* Looked at, or one's own. */
                return (int) d->args[0] == 0 || d->args[2] == 0;
        default:
                return false;
        }
}

static void note(Trace *trace, TracePhase phase, const struct seccomp_data *d, int error) {
        const char *name = policy_call_name(d->nr);
        char number[16];

        snprintf(number, sizeof(number), "%d", d->nr);
        /* A report that is too long loses its end. */
        (void) trace_add_call(trace, phase, name ?: number, error, phase == TRACE_STOP);
}

void enter_filter_answer(const JailConfig *config, int notify_fd, Trace *trace) {
        struct seccomp_notif n = {};
        struct seccomp_notif_resp response = {};
        int error;

        if (ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0)
                return;
        response.id = n.id;
        error = policy_refusal(config->groups, &n.data);
        if (error > 0 && !is_harmless(&n.data) && policy_refusal(config->groups | POLICY_CGI, &n.data) > 0) {
                note(trace, TRACE_STOP, &n.data, error);
                response.error = -error;
        } else {
                if (error > 0)
                        note(trace, TRACE_START, &n.data, error);
                response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        }
        /* Whoever is gone needs no answer. */
        (void) ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

/* Returns whether there were any. */
static bool print_calls(const Trace *trace, TracePhase phase, const char *intro) {
        const char *separator = intro;

        for (size_t i = 0; i < trace->n_calls; i++)
                if (trace->calls[i].phases & 1U << phase) {
                        fprintf(stderr, "%s%s", separator, trace->calls[i].name);
                        separator = ", ";
                }
        return separator != intro;
}

void enter_filter_report(const JailConfig *config, const Trace *trace) {
        if (trace->n_calls == 0)
                return;
        fprintf(stderr, "%s: what the jail's filter refuses:", config->name);
        (void) print_calls(trace, TRACE_STOP,
                           print_calls(trace, TRACE_START, " let through for the visitor: ")
                                           ? "; refused to it as well: "
                                           : " refused to it as well: ");
        fputc('\n', stderr);
}
