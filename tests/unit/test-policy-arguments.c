/* Rules that look at the arguments of a call: what is allowed, what just is not, and what differs in bits that the kernel
 * does not read. */

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "policy-calls.h"

Test(policy_arguments, clone_arguments) {
        const unsigned long thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                                     CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |
                                     CLONE_CHILD_CLEARTID;
        const unsigned long fork_flags = CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | SIGCHLD;
        const unsigned long never[] = { CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                        CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET, CLONE_PARENT,
                                        CLONE_PTRACE,  CLONE_UNTRACED,  CLONE_PIDFD };
        Call calls[] = {
                CALL(clone, NOTIFIED, fork_flags),
                CALL(clone, NOTIFIED, fork_flags | HIGH_ONES),
                CALL(clone, NOTIFIED, SIGCHLD),
                CALL(clone, NOTIFIED, CLONE_VM | CLONE_VFORK | SIGCHLD),
                /* Let through, and then EINVAL of the kernel's: a thread needs CLONE_SIGHAND. */
                CALL(clone, ALLOWED, CLONE_THREAD),
                CALL(clone, ALLOWED, CLONE_THREAD | HIGH_ONES),
                CALL(clone, ALLOWED, thread & ~(unsigned long) CLONE_SIGHAND),
                CALL(clone, REFUSED(EPERM), 0),
                CALL(clone, REFUSED(EPERM), SIGKILL),
                CALL(clone, REFUSED(EPERM), 0x80 | SIGCHLD),
                CALL(clone, REFUSED(EPERM), CLONE_THREAD | SIGCHLD),
                CALL(clone, REFUSED(EPERM), ~0UL),
        };
        calls_expect(0, calls, ELEMENTSOF(calls));
        calls_expect(POLICY_OPT_IN, calls, ELEMENTSOF(calls));

        for (size_t i = 0; i < ELEMENTSOF(never); i++) {
                Call with[] = {
                        CALL(clone, REFUSED(EPERM), never[i]),
                        CALL(clone, REFUSED(EPERM), never[i] | fork_flags),
                        CALL(clone, REFUSED(EPERM), never[i] | fork_flags | HIGH_ONES),
                        CALL(clone, REFUSED(EPERM), never[i] | CLONE_THREAD),
                        CALL(clone, REFUSED(EPERM), never[i] | thread),
                };
                calls_expect(0, with, ELEMENTSOF(with));
        }
}

Test(policy_arguments, socket_arguments) {
        Call calls[] = {
                CALL(socket, ALLOWED, AF_INET, SOCK_STREAM, 0),
                CALL(socket, ALLOWED, AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP),
                CALL(socket, ALLOWED, AF_INET6 | HIGH, SOCK_STREAM | HIGH_ONES, IPPROTO_TCP | HIGH),
                CALL(socket, ALLOWED, AF_UNIX, SOCK_STREAM, 0),
                CALL(socket, REFUSED(EAFNOSUPPORT), AF_UNIX, SOCK_DGRAM, 0),
                CALL(socket, REFUSED(EAFNOSUPPORT), AF_UNIX, SOCK_SEQPACKET, 0),
                CALL(socket, REFUSED(EAFNOSUPPORT), AF_UNIX, SOCK_STREAM, IPPROTO_TCP),
                CALL(socket, REFUSED(EAFNOSUPPORT), AF_INET, SOCK_DGRAM, 0),
                CALL(socket, REFUSED(EAFNOSUPPORT), AF_INET6, SOCK_DGRAM, IPPROTO_UDP),
                CALL(socket, REFUSED(EAFNOSUPPORT), AF_INET, SOCK_RAW, IPPROTO_ICMP),
                CALL(socket, REFUSED(EAFNOSUPPORT), AF_INET, SOCK_STREAM, IPPROTO_SCTP),
                CALL(socket, REFUSED(EAFNOSUPPORT), AF_INET, SOCK_STREAM, IPPROTO_MPTCP),
                CALL(socket, REFUSED(EAFNOSUPPORT), AF_INET, SOCK_STREAM, IPPROTO_SCTP | HIGH),
                CALL(socket, REFUSED(EAFNOSUPPORT), AF_NETLINK, SOCK_RAW, 0),
                CALL(socket, REFUSED(EAFNOSUPPORT), AF_NETLINK | HIGH, SOCK_RAW, 0),
                CALL(socket, REFUSED(EAFNOSUPPORT), AF_PACKET, SOCK_RAW, 0),
                CALL(socket, REFUSED(EAFNOSUPPORT), AF_VSOCK, SOCK_STREAM, 0),
                CALL(socket, REFUSED(EAFNOSUPPORT), AF_ALG, SOCK_SEQPACKET, 0),
                CALL(socket, REFUSED(EAFNOSUPPORT), 0, 0, 0),
                CALL(socket, REFUSED(EAFNOSUPPORT), ~0UL, ~0UL, ~0UL),
        };
        calls_expect(0, calls, ELEMENTSOF(calls));
        calls_expect(POLICY_OPT_IN, calls, ELEMENTSOF(calls));
}

Test(policy_arguments, memory_arguments) {
        const unsigned long page = 4096, rw = PROT_READ | PROT_WRITE, rx = PROT_READ | PROT_EXEC;
        const unsigned long anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
        unsigned long self = (unsigned long) open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        unsigned long at = (unsigned long) mmap(NULL, page, rw, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        Call calls[] = {
                CALL(mmap, ALLOWED, 0, page, rw, anonymous, ~0UL, 0),
                CALL(mmap, ALLOWED, 0, page, PROT_NONE, anonymous, ~0UL, 0),
                CALL(mmap, ALLOWED, 0, page, rx, MAP_PRIVATE, self, 0),
                CALL(mmap, ALLOWED, 0, page, rx, MAP_PRIVATE | MAP_DENYWRITE | HIGH, self, 0),
                CALL(mmap, REFUSED(EPERM), 0, page, rw | PROT_EXEC, anonymous, ~0UL, 0),
                CALL(mmap, REFUSED(EPERM), 0, page, rw | PROT_EXEC, MAP_PRIVATE, self, 0),
                CALL(mmap, REFUSED(EPERM), 0, page, rw | PROT_EXEC | HIGH_ONES, MAP_PRIVATE, self, 0),
                CALL(mmap, REFUSED(EPERM), 0, page, PROT_EXEC | PROT_WRITE, MAP_PRIVATE, self, 0),
                CALL(mmap, REFUSED(EPERM), 0, page, rx, anonymous, ~0UL, 0),
                CALL(mmap, REFUSED(EPERM), 0, page, rx | HIGH_ONES, anonymous | HIGH, ~0UL, 0),
                CALL(mmap, REFUSED(EPERM), 0, page, rx, MAP_SHARED, self, 0),
                CALL(mmap, REFUSED(EPERM), 0, page, rx, MAP_SHARED_VALIDATE, self, 0),
                CALL(mprotect, ALLOWED, at, page, PROT_READ),
                CALL(mprotect, ALLOWED, at, page, rw),
                CALL(mprotect, REFUSED(EPERM), at, page, rx),
                CALL(mprotect, REFUSED(EPERM), at, page, rw | PROT_EXEC),
                CALL(mprotect, REFUSED(EPERM), at, page, rx | HIGH_ONES),
                CALL(pkey_mprotect, REFUSED(EPERM), at, page, PROT_READ, 0),
                CALL(madvise, ALLOWED, at, page, MADV_DONTNEED),
                CALL(madvise, ALLOWED, at, page, MADV_DONTNEED | HIGH),
                CALL(madvise, REFUSED(EINVAL), at, page, MADV_HWPOISON),
                CALL(madvise, REFUSED(EINVAL), at, page, MADV_DOFORK | HIGH),
                CALL(mremap, ALLOWED, at, page, page, 0),
                CALL(memfd_create, REFUSED(EPERM), 0, 0),
        };
        cr_assert(at != (unsigned long) MAP_FAILED);
        calls_expect(0, calls, ELEMENTSOF(calls));
        calls_expect(POLICY_OPT_IN, calls, ELEMENTSOF(calls));
}

Test(policy_arguments, signal_arguments) {
        /* Nobody has this number: pid_max is 1 << 22 at most. */
        const unsigned long nobody = 0x3fffffff, all = (unsigned long) -1, all_int = UINT32_MAX;
        Call calls[] = {
                CALL(kill, ALLOWED, 1, 0),
                CALL(kill, ALLOWED, 1 | HIGH, HIGH),
                CALL(kill, REFUSED(EPERM), 1, SIGTERM),
                CALL(kill, REFUSED(EPERM), 1, SIGHUP),
                CALL(kill, REFUSED(EPERM), 1, SIGUSR1),
                CALL(kill, REFUSED(EPERM), 1, SIGKILL),
                CALL(kill, REFUSED(EPERM), 1, SIGABRT),
                CALL(kill, REFUSED(EPERM), 1 | HIGH, SIGTERM),
                CALL(kill, REFUSED(EPERM), 1 | HIGH_ONES, SIGUSR1 | HIGH_ONES),
                CALL(kill, REFUSED(EPERM), 0, SIGTERM),
                CALL(kill, REFUSED(EPERM), 0, 0),
                CALL(kill, REFUSED(EPERM), HIGH_ONES, SIGHUP),
                CALL(kill, ALLOWED, all, 0),
                CALL(kill, ALLOWED, all_int, HIGH),
                CALL(kill, ALLOWED, nobody, SIGHUP),
                CALL(kill, ALLOWED, nobody, SIGABRT),
                CALL(kill, ALLOWED, nobody, SIGKILL),
                CALL(kill, ALLOWED, nobody, SIGUSR1),
                CALL(kill, ALLOWED, nobody | HIGH_ONES, SIGTERM | HIGH_ONES),
                CALL(kill, REFUSED(EPERM), nobody, SIGSTOP),
                CALL(kill, REFUSED(EPERM), nobody, SIGSEGV),
                CALL(kill, REFUSED(EPERM), nobody, SIGCONT | HIGH),
                CALL(kill, REFUSED(EPERM), all, SIGSTOP),
                CALL(tgkill, ALLOWED, 1, 1, 0),
                CALL(tgkill, REFUSED(EPERM), 1, 1, SIGTERM),
                CALL(tgkill, REFUSED(EPERM), 1 | HIGH, 1, SIGHUP),
                CALL(tgkill, REFUSED(EPERM), 1, nobody, SIGABRT | HIGH),
                CALL(tgkill, ALLOWED, nobody, nobody, SIGHUP),
                CALL(tgkill, ALLOWED, nobody, nobody, SIGABRT | HIGH),
                CALL(tgkill, REFUSED(EPERM), nobody, nobody, SIGSTOP),
                CALL(tkill, REFUSED(EPERM), nobody, SIGTERM),
                CALL(rt_sigqueueinfo, REFUSED(EPERM), nobody, SIGTERM),
                CALL(rt_tgsigqueueinfo, REFUSED(EPERM), nobody, nobody, SIGTERM),
                CALL(pidfd_send_signal, REFUSED(EPERM), 3, SIGTERM),
        };
        Call interrupt[] = { CALL(kill, REFUSED(EPERM), nobody, SIGINT),
                             CALL(tgkill, REFUSED(EPERM), nobody, nobody, SIGINT) };
        Call interrupt_php[] = { CALL(kill, ALLOWED, nobody, SIGINT), CALL(kill, REFUSED(EPERM), 1, SIGINT),
                                 CALL(kill, REFUSED(EPERM), 0, SIGINT),
                                 CALL(tgkill, ALLOWED, nobody, nobody, SIGINT),
                                 CALL(tgkill, REFUSED(EPERM), 1, 1, SIGINT) };

        calls_expect(0, calls, ELEMENTSOF(calls));
        calls_expect(POLICY_OPT_IN, calls, ELEMENTSOF(calls));
        calls_expect(POLICY_DAV, interrupt, ELEMENTSOF(interrupt));
        calls_expect(POLICY_PHP, interrupt_php, ELEMENTSOF(interrupt_php));
}

Test(policy_arguments, commands_requests_options) {
        const unsigned long fd = (unsigned long) socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        Call calls[] = {
                CALL(fcntl, ALLOWED, fd, F_GETFL),
                CALL(fcntl, ALLOWED, fd, F_GETFL | HIGH_ONES),
                CALL(fcntl, ALLOWED, fd, F_SETFL, O_NONBLOCK),
                CALL(fcntl, ALLOWED, fd, F_SETFD, FD_CLOEXEC),
                CALL(fcntl, ALLOWED, fd, F_SETLKW),
                CALL(fcntl, ALLOWED, fd, F_DUPFD_CLOEXEC, 0),
                CALL(fcntl, REFUSED(EPERM), fd, F_SETOWN, 1),
                CALL(fcntl, REFUSED(EPERM), fd, F_SETOWN | HIGH, 1),
                CALL(fcntl, REFUSED(EPERM), fd, F_SETOWN_EX),
                CALL(fcntl, REFUSED(EPERM), fd, F_SETSIG, SIGTERM),
                CALL(fcntl, REFUSED(EPERM), fd, F_SETLEASE, F_RDLCK),
                CALL(fcntl, REFUSED(EPERM), fd, F_NOTIFY),
                CALL(fcntl, REFUSED(EPERM), fd, F_SETPIPE_SZ, 1 << 20),
                CALL(fcntl, REFUSED(EPERM), fd, F_ADD_SEALS),

                CALL(ioctl, ALLOWED, fd, TCGETS),
                CALL(ioctl, ALLOWED, fd, FIONREAD | HIGH_ONES),
                CALL(ioctl, ALLOWED, fd, FIONBIO),
                CALL(ioctl, REFUSED(EPERM), fd, TIOCSTI),
                CALL(ioctl, REFUSED(EPERM), fd, TIOCSTI | HIGH),
                CALL(ioctl, REFUSED(EPERM), fd, TIOCLINUX),
                CALL(ioctl, REFUSED(EPERM), fd, FIOSETOWN),
                CALL(ioctl, REFUSED(EPERM), fd, SIOCSPGRP),
                CALL(ioctl, REFUSED(EPERM), fd, TIOCSCTTY),

                CALL(sendto, ALLOWED, fd, 0, 0, MSG_NOSIGNAL | MSG_MORE),
                CALL(sendto, REFUSED(EOPNOTSUPP), fd, 0, 0, MSG_NOSIGNAL | MSG_FASTOPEN),
                CALL(sendmsg, ALLOWED, fd, 0, MSG_NOSIGNAL),
                CALL(sendmsg, REFUSED(EOPNOTSUPP), fd, 0, MSG_FASTOPEN),
                CALL(sendmmsg, ALLOWED, fd, 0, 0, MSG_NOSIGNAL),
                CALL(sendmmsg, REFUSED(EOPNOTSUPP), fd, 0, 0, MSG_FASTOPEN | HIGH_ONES),

                CALL(prctl, ALLOWED, PR_SET_NAME),
                CALL(prctl, ALLOWED, PR_GET_NAME | HIGH),
                CALL(prctl, ALLOWED, PR_SET_VMA),
                CALL(prctl, REFUSED(EPERM), PR_SET_DUMPABLE, 1),
                CALL(prctl, REFUSED(EPERM), PR_SET_DUMPABLE | HIGH, 1),
                CALL(prctl, REFUSED(EPERM), PR_SET_PTRACER, ~0UL),
                CALL(prctl, REFUSED(EPERM), PR_SET_SECCOMP, 2),
                CALL(prctl, REFUSED(EPERM), PR_CAP_AMBIENT),
                CALL(prctl, REFUSED(EPERM), PR_SET_NO_NEW_PRIVS, 0),
                CALL(prctl, REFUSED(EPERM), PR_SET_MM),
                CALL(prctl, REFUSED(EPERM), PR_SET_CHILD_SUBREAPER, 1),

                CALL(setsockopt, ALLOWED, fd, SOL_SOCKET, SO_REUSEADDR),
                CALL(setsockopt, ALLOWED, fd, SOL_SOCKET | HIGH, SO_REUSEPORT | HIGH_ONES),
                CALL(setsockopt, ALLOWED, fd, IPPROTO_TCP, TCP_NODELAY),
                CALL(setsockopt, ALLOWED, fd, IPPROTO_TCP, TCP_DEFER_ACCEPT),
                CALL(setsockopt, ALLOWED, fd, IPPROTO_IPV6, IPV6_V6ONLY),
                CALL(setsockopt, REFUSED(ENOPROTOOPT), fd, SOL_SOCKET, SO_ATTACH_FILTER),
                CALL(setsockopt, REFUSED(ENOPROTOOPT), fd, SOL_SOCKET, SO_ATTACH_BPF),
                CALL(setsockopt, REFUSED(ENOPROTOOPT), fd, SOL_SOCKET | HIGH, SO_ATTACH_BPF | HIGH),
                CALL(setsockopt, REFUSED(ENOPROTOOPT), fd, IPPROTO_TCP, 31 /* TCP_ULP */),
                CALL(setsockopt, REFUSED(ENOPROTOOPT), fd, IPPROTO_IP, 64 /* IPT_SO_SET_REPLACE */),
                CALL(setsockopt, REFUSED(ENOPROTOOPT), fd, IPPROTO_IPV6, SO_REUSEADDR),
                CALL(setsockopt, REFUSED(ENOPROTOOPT), fd, ~0UL, ~0UL),

                CALL(prlimit64, ALLOWED, 0, RLIMIT_STACK, 0, 0),
                CALL(prlimit64, ALLOWED, HIGH, RLIMIT_STACK, 0, 0),
                CALL(prlimit64, REFUSED(EPERM), 0, RLIMIT_NOFILE, HIGH, 0),
                CALL(prlimit64, REFUSED(EPERM), 0, RLIMIT_NOFILE, 1, 0),
                CALL(prlimit64, REFUSED(EPERM), 1, RLIMIT_NOFILE, 0, 0),
                CALL(prlimit64, REFUSED(EPERM), 1, RLIMIT_CPU, ~0UL, 0),
#ifdef __x86_64__
                CALL(arch_prctl, REFUSED(EINVAL), 0x1001 /* ARCH_SET_GS */),
                CALL(arch_prctl, REFUSED(EINVAL), 0x3001 /* ARCH_CET_STATUS */),
                CALL(arch_prctl, REFUSED(EINVAL), 0x1012 | HIGH /* ARCH_SET_CPUID */),
#endif
        };
        Call without[] = { CALL(ioctl, REFUSED(EPERM), fd, FIOCLEX) };
        Call with[] = { CALL(ioctl, ALLOWED, fd, FIOCLEX), CALL(ioctl, ALLOWED, fd, FIONCLEX),
                        CALL(ioctl, ALLOWED, fd, TCGETS) };

        calls_expect(0, calls, ELEMENTSOF(calls));
        calls_expect(POLICY_OPT_IN, calls, ELEMENTSOF(calls));
        calls_expect(POLICY_DAV, without, ELEMENTSOF(without));
        calls_expect(POLICY_PHP, with, ELEMENTSOF(with));
}
