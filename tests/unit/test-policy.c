/* The filters, asked by real calls. A child installs a copy of a filter whose own errors are moved up by
 * MARK, where no error of the kernel is, so that an answer tells who gave it: the filter, the listener, or the
 * kernel, which means that the call was allowed. The child has an unprivileged user, should a call get through
 * that must not. */

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "policy-run.h"
#include "policy.h"

#define MARK          2000
#define LISTENER_SAID 3500

/* getpid in the numbers of x32. */
#define X32_GETPID (0x40000000 | 39)

/* What became of a call. */
#define REFUSED(error) (MARK + (error))
#define NOTIFIED       LISTENER_SAID
#define ALLOWED        (-1)
#define UNANSWERED     (-2)

typedef struct Call {
        const char *name;
        long number;
        unsigned long args[6];
        int expected;
        int outcome;
} Call;

#define CALL(call, expect, ...)                                                                             \
        { .name = #call, .number = SYS_##call, .args = { __VA_ARGS__ }, .expected = (expect) }

#define HIGH      (1UL << 32)
#define HIGH_ONES (0xffffffffUL << 32)

typedef struct Session {
        int listener_fd;
        size_t n_calls;
        Call calls[];
} Session;

static size_t session_size(size_t n_calls) {
        return sizeof(Session) + n_calls * sizeof(Call);
}

static int filter_install(unsigned groups, bool mark) {
        static struct sock_filter insns[BPF_MAXINSNS];
        struct sock_fprog program = { policy_filter(groups)->len, insns };

        memcpy(insns, policy_filter(groups)->filter, program.len * sizeof(insns[0]));
        for (size_t i = 0; mark && i < program.len; i++)
                if (insns[i].code == (BPF_RET | BPF_K) &&
                    (insns[i].k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO)
                        insns[i].k += MARK;

        if (geteuid() == 0 && (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0))
                return -errno;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        int fd = (int) syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                               &program);
        return fd < 0 ? -errno : fd;
}

/* A child that shares the table of descriptors, so that the parent has the listener too. */
static pid_t fork_sharing_descriptors(void) {
        return (pid_t) syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
}

/* Answer what comes until nobody is left under the filter. Returns how many notifications there were. */
static unsigned listener_serve(int fd, int error, uint32_t flags) {
        for (unsigned n = 0;; n++) {
                struct pollfd p = { fd, POLLIN, 0 };
                struct seccomp_notif request = { 0 };

                cr_assert(ge(int, poll(&p, 1, 20000), 1));
                if (!(p.revents & POLLIN))
                        return n;
                if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0)
                        continue;
                struct seccomp_notif_resp response = { .id = request.id, .error = -error, .flags = flags };
                (void) ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &response);
        }
}

static void child_make_calls(Session *session, unsigned groups, int ready_fd) {
        signal(SIGHUP, SIG_IGN);
        signal(SIGUSR1, SIG_IGN);
        signal(SIGTERM, SIG_IGN);
        signal(SIGINT, SIG_IGN);

        session->listener_fd = filter_install(groups, true);
        (void) !write(ready_fd, "", 1);
        if (session->listener_fd < 0)
                _exit(EXIT_FAILURE);
        for (Call *c = session->calls; c < session->calls + session->n_calls; c++) {
                long r = syscall(c->number, c->args[0], c->args[1], c->args[2], c->args[3], c->args[4],
                                 c->args[5]);
                c->outcome = r < 0 && errno > MARK ? errno : ALLOWED;
        }
        _exit(EXIT_SUCCESS);
}

/* Make the calls under the filter and note the outcomes. Returns the child's wait status. */
static int calls_make(unsigned groups, Call *calls, size_t n) {
        int status, ready[2];
        char c;
        Session *session = mmap(NULL, session_size(n), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                                -1, 0);

        cr_assert(session != MAP_FAILED);
        session->n_calls = n;
        memcpy(session->calls, calls, n * sizeof(*calls));
        for (size_t i = 0; i < n; i++)
                session->calls[i].outcome = UNANSWERED;

        cr_assert(zero(int, pipe2(ready, O_CLOEXEC)));
        pid_t pid = fork_sharing_descriptors();
        cr_assert(ge(int, pid, 0));
        if (pid == 0)
                child_make_calls(session, groups, ready[1]);
        cr_assert(eq(int, (int) read(ready[0], &c, 1), 1));
        cr_assert(ge(int, session->listener_fd, 0));
        listener_serve(session->listener_fd, LISTENER_SAID, 0);
        cr_assert(eq(int, waitpid(pid, &status, 0), pid));

        memcpy(calls, session->calls, n * sizeof(*calls));
        close(session->listener_fd);
        close(ready[0]);
        close(ready[1]);
        munmap(session, session_size(n));
        return status;
}

static void calls_expect(unsigned groups, Call *calls, size_t n) {
        int status = calls_make(groups, calls, n);

        for (size_t i = 0; i < n; i++)
                cr_expect(calls[i].outcome == calls[i].expected,
                          "groups %#x: %s(%#lx, %#lx, %#lx, %#lx), row %zu: expected %d, was %d", groups,
                          calls[i].name, calls[i].args[0], calls[i].args[1], calls[i].args[2],
                          calls[i].args[3], i, calls[i].expected, calls[i].outcome);
        cr_expect(status == 0, "the child ended with status %#x", (unsigned) status);
}

/* Run in a child under the filter as it is, its notified calls let go on. Returns its wait status. */
static int run_under_filter(unsigned groups, int (*check)(void)) {
        int status, ready[2];
        char c;
        int *fd = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        cr_assert(fd != MAP_FAILED);
        cr_assert(zero(int, pipe2(ready, O_CLOEXEC)));
        pid_t pid = fork_sharing_descriptors();
        cr_assert(ge(int, pid, 0));
        if (pid == 0) {
                *fd = filter_install(groups, false);
                (void) !write(ready[1], "", 1);
                _exit(*fd < 0 ? 99 : check());
        }
        cr_assert(eq(int, (int) read(ready[0], &c, 1), 1));
        cr_assert(ge(int, *fd, 0));
        listener_serve(*fd, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
        cr_assert(eq(int, waitpid(pid, &status, 0), pid));
        close(*fd);
        close(ready[0]);
        close(ready[1]);
        munmap(fd, sizeof(int));
        return status;
}

static bool rule_is_on(const PolicyRule *rule, unsigned groups) {
        return (rule->groups & POLICY_OPT_IN) == 0 || (rule->groups & groups);
}

/* The only rule that can decide this call with these groups, or NULL. */
static const PolicyRule *call_sole_rule(const char *name, unsigned groups) {
        const PolicyRule *rules, *found = NULL;
        size_t n = policy_rules(&rules);

        for (size_t i = 0; i < n; i++) {
                if (!streq(rules[i].syscall, name) || !rule_is_on(&rules[i], groups))
                        continue;
                if (rules[i].arguments[0].mask != 0)
                        return NULL;
                if (!found)
                        found = &rules[i];
        }
        return found;
}

Test(policy, names_of_groups) {
        cr_assert(eq(int, policy_group_from_string("cgi"), POLICY_CGI));
        cr_assert(eq(int, policy_group_from_string("proxy"), POLICY_PROXY));
        cr_assert(eq(int, policy_group_from_string("php"), POLICY_PHP));
        cr_assert(eq(int, policy_group_from_string("dav"), POLICY_DAV));
        cr_assert(eq(int, policy_group_from_string("base"), -EINVAL));
        cr_assert(eq(int, policy_group_from_string("excluded"), -EINVAL));
        cr_assert(eq(int, policy_group_from_string("CGI"), -EINVAL));
        cr_assert(eq(int, policy_group_from_string(""), -EINVAL));

        for (unsigned group = POLICY_CGI; group <= POLICY_EXCLUDED; group <<= 1) {
                cr_assert_not_null(policy_group_to_string((PolicyGroup) group));
                cr_assert_not_null(policy_group_reason((PolicyGroup) group));
        }
        cr_assert_null(policy_group_to_string((PolicyGroup) 0));
        cr_assert_null(policy_group_to_string((PolicyGroup) (POLICY_CGI | POLICY_PHP)));
        cr_assert_null(policy_group_reason((PolicyGroup) (POLICY_EXCLUDED << 1)));
}

Test(policy, every_refusal_and_notification_has_a_reason) {
        const PolicyRule *rules;
        size_t n = policy_rules(&rules);

        cr_assert(gt(sz, n, 200));
        for (size_t i = 0; i < n; i++) {
                cr_expect(rules[i].groups != 0, "%s", rules[i].syscall);
                cr_expect(rules[i].action == POLICY_ALLOW || rules[i].reason, "%s", rules[i].syscall);
                cr_expect(rules[i].action == POLICY_REFUSE ? rules[i].error > 0 : rules[i].error == 0, "%s",
                          rules[i].syscall);
                cr_expect(rules[i].action == POLICY_REFUSE || (rules[i].groups & POLICY_EXCLUDED) == 0, "%s",
                          rules[i].syscall);
        }
}

Test(policy, a_filter_for_every_combination) {
        for (unsigned groups = 0; groups < POLICY_COMBINATIONS; groups++) {
                const struct sock_fprog *f = policy_filter(groups);
                cr_assert_not_null(f->filter);
                cr_assert(ge(int, f->len, 300));
                cr_assert(le(int, f->len, 1000));
                for (unsigned other = 0; other < groups; other++)
                        cr_assert(policy_filter(other)->filter != f->filter);
        }
        cr_assert(policy_filter(POLICY_BASE | POLICY_EXCLUDED | POLICY_CGI) == policy_filter(POLICY_CGI));
}

Test(policy, excluded_calls_are_refused_by_the_filter) {
        const PolicyRule *rules;
        size_t n = policy_rules(&rules), n_calls = 0;
        Call calls[512];

        for (size_t i = 0; i < n; i++) {
                int number = seccomp_syscall_resolve_name(rules[i].syscall);
                if (!(rules[i].groups & POLICY_EXCLUDED) || number < 0)
                        continue;
                cr_assert(call_sole_rule(rules[i].syscall, POLICY_OPT_IN) == &rules[i], "%s",
                          rules[i].syscall);
                for (unsigned long ones = 0; ones < 2; ones++) {
                        unsigned long a = 0 - ones;
                        cr_assert(lt(sz, n_calls, ELEMENTSOF(calls)));
                        calls[n_calls++] = (Call){
                                rules[i].syscall, number, { a, a, a, a, a, a }, REFUSED(rules[i].error), 0
                        };
                }
        }
        cr_assert(gt(sz, n_calls, 250));
        calls_expect(0, calls, n_calls);
        calls_expect(POLICY_OPT_IN, calls, n_calls);
}

Test(policy, unknown_calls_do_not_exist) {
        Call calls[] = {
                CALL(clone3, REFUSED(ENOSYS), 0, 0),
                CALL(clone3, REFUSED(ENOSYS), ~0UL, 88),
                { "beyond the last", 1000, { 0 }, REFUSED(ENOSYS), 0 },
                { "openat2", 437, { 0 }, REFUSED(ENOSYS), 0 },
                { "futex_waitv", 449, { 0 }, REFUSED(ENOSYS), 0 },
                { "statmount", 457, { 0 }, REFUSED(ENOSYS), 0 },
                { "lsm_set_self_attr", 460, { 0 }, REFUSED(ENOSYS), 0 },
                { "setxattrat", 463, { 0 }, REFUSED(ENOSYS), 0 },
                { "open_tree_attr", 467, { 0 }, REFUSED(ENOSYS), 0 },
        };
        calls_expect(0, calls, ELEMENTSOF(calls));
        calls_expect(POLICY_OPT_IN, calls, ELEMENTSOF(calls));
}

/* Opt-in calls are the listener's to refuse without the opt-in, and there with it. */
Test(policy, groups_add_their_calls_only) {
        Call without[] = {
                CALL(vfork, NOTIFIED),
                CALL(fork, NOTIFIED),
                CALL(dup2, NOTIFIED),
                CALL(socketpair, NOTIFIED, AF_UNIX, SOCK_STREAM),
                CALL(umask, NOTIFIED),
                CALL(chdir, NOTIFIED),
                CALL(mkdir, NOTIFIED),
                CALL(pwrite64, NOTIFIED, ~0UL),
                CALL(setsid, NOTIFIED),
                CALL(connect, NOTIFIED, ~0UL),
                CALL(setsockopt, REFUSED(ENOPROTOOPT), ~0UL, IPPROTO_TCP, TCP_KEEPIDLE),
        };
        Call with_dav[] = { CALL(mkdir, ALLOWED), CALL(rmdir, ALLOWED), CALL(pwrite64, ALLOWED, ~0UL),
                            CALL(dup2, NOTIFIED) };
        Call with_proxy[] = { CALL(setsockopt, ALLOWED, ~0UL, IPPROTO_TCP, TCP_KEEPIDLE),
                              CALL(mkdir, NOTIFIED) };
        Call with_php[] = { CALL(flock, ALLOWED, ~0UL), CALL(mkdir, ALLOWED), CALL(setsid, NOTIFIED),
                            CALL(vfork, NOTIFIED) };
        Call with_cgi[] = {
                CALL(vfork, NOTIFIED),
                CALL(fork, NOTIFIED),
                CALL(setsid, ALLOWED),
                CALL(socketpair, ALLOWED, AF_UNIX, SOCK_STREAM, 0, 0),
                CALL(socketpair, ALLOWED, AF_UNIX | HIGH, SOCK_STREAM | SOCK_CLOEXEC, HIGH, 0),
                CALL(socketpair, REFUSED(EAFNOSUPPORT), AF_UNIX, SOCK_DGRAM),
                CALL(socketpair, REFUSED(EAFNOSUPPORT), AF_INET, SOCK_STREAM),
                CALL(mkdir, NOTIFIED),
        };

        calls_expect(0, without, ELEMENTSOF(without));
        calls_expect(POLICY_DAV, with_dav, ELEMENTSOF(with_dav));
        calls_expect(POLICY_PROXY, with_proxy, ELEMENTSOF(with_proxy));
        calls_expect(POLICY_PHP, with_php, ELEMENTSOF(with_php));
        calls_expect(POLICY_CGI, with_cgi, ELEMENTSOF(with_cgi));
}

/* Whatever the arguments: nobody but the listener answers. */
Test(policy, notified_calls_go_to_the_listener) {
        static const struct {
                long number;
                unsigned groups;
        } notified[] = {
                { SYS_execve, 0 },         { SYS_bind, 0 },          { SYS_connect, 0 },
                { SYS_vfork, POLICY_CGI }, { SYS_fork, POLICY_CGI },
        };
        uint64_t random = 0x9e3779b97f4a7c15;

        for (unsigned groups = 0; groups < POLICY_COMBINATIONS; groups++) {
                Call calls[5 * 40];
                size_t n = 0;
                for (size_t i = 0; i < ELEMENTSOF(notified); i++)
                        for (unsigned j = 0; j < 40 && (notified[i].groups & ~groups) == 0; j++) {
                                Call *c = &calls[n++];
                                *c = (Call){ "notified", notified[i].number, { 0 }, NOTIFIED, 0 };
                                for (size_t k = 0; k < 6; k++) {
                                        random = random * 6364136223846793005u + 1442695040888963407u;
                                        c->args[k] = j == 0 ? 0 : j == 1 ? ~0UL : random >> (random & 63);
                                }
                        }
                calls_expect(groups, calls, n);
        }
}

Test(policy, clone_arguments) {
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

Test(policy, socket_arguments) {
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

Test(policy, memory_arguments) {
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

Test(policy, signal_arguments) {
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

Test(policy, commands_requests_options) {
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

/* What the kernel does when a filter is installed, to fill its bitmap of calls that are always allowed: run
 * the program until it looks at anything but the number and the architecture. */
static bool is_allowed_by_number_alone(const struct sock_fprog *program, int number) {
        const struct seccomp_data data = { .nr = number, .arch = seccomp_arch_native() };
        uint32_t a = 0;

        for (size_t pc = 0; pc < program->len; pc++) {
                const struct sock_filter *f = &program->filter[pc];
                bool is_true;

                switch (f->code) {
                case BPF_LD | BPF_W | BPF_ABS:
                        if (f->k == offsetof(struct seccomp_data, nr))
                                a = (uint32_t) data.nr;
                        else if (f->k == offsetof(struct seccomp_data, arch))
                                a = data.arch;
                        else
                                return false;
                        continue;
                case BPF_RET | BPF_K:
                        return f->k == SECCOMP_RET_ALLOW;
                case BPF_JMP | BPF_JA:
                        pc += f->k;
                        continue;
                case BPF_JMP | BPF_JEQ | BPF_K:
                        is_true = a == f->k;
                        break;
                case BPF_JMP | BPF_JGE | BPF_K:
                        is_true = a >= f->k;
                        break;
                case BPF_JMP | BPF_JGT | BPF_K:
                        is_true = a > f->k;
                        break;
                default:
                        return false;
                }
                pc += is_true ? f->jt : f->jf;
        }
        return false;
}

Test(policy, plain_calls_never_run_the_filter) {
        static const char *const hot[] = { "accept4",    "read",      "write",    "writev",   "close",
                                           "epoll_wait", "epoll_ctl", "futex",    "openat",   "newfstatat",
                                           "poll",       "times",     "sendfile", "shutdown", "munmap",
                                           "getpid",     "lseek" };

        for (unsigned groups = 0; groups < POLICY_COMBINATIONS; groups++) {
                const struct sock_fprog *program = policy_filter(groups);

                for (size_t i = 0; i < ELEMENTSOF(hot); i++)
                        cr_expect(is_allowed_by_number_alone(program, seccomp_syscall_resolve_name(hot[i])),
                                  "%s", hot[i]);

                for (int number = 0; number < 600; number++) {
                        char *name = seccomp_syscall_resolve_num_arch(seccomp_arch_native(), number);
                        const PolicyRule *rule = name ? call_sole_rule(name, groups) : NULL;
                        bool is_plain = rule && rule->action == POLICY_ALLOW;

                        cr_expect(is_allowed_by_number_alone(program, number) == is_plain, "groups %#x: %s",
                                  groups, name);
                        free(name);
                }
        }
}

static void *thread_main(void *userdata) {
        return userdata;
}

static int check_threads_and_processes(void) {
        pthread_t thread;
        void *returned;
        int something;
        int status;

        if (pthread_create(&thread, NULL, thread_main, &something) != 0 ||
            pthread_join(thread, &returned) != 0)
                return 1;
        if (returned != &something)
                return 2;
        pid_t pid = fork();
        if (pid < 0)
                return 3;
        if (pid == 0)
                _exit(7);
        if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 7)
                return 4;
        return 0;
}

Test(policy, libc_makes_threads_and_processes) {
        cr_assert(zero(int, run_under_filter(0, check_threads_and_processes)));
}

static int check_getaddrinfo(void) {
        const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
        struct addrinfo *found = NULL;

        if (getaddrinfo(NULL, "80", &hints, &found) != 0)
                return 1;
        freeaddrinfo(found);
        return getaddrinfo("127.0.0.1", "80", NULL, &found) == 0 ? 0 : 2;
}

Test(policy, libc_resolves_addresses) {
        cr_assert(zero(int, run_under_filter(0, check_getaddrinfo)));
}

#ifdef __x86_64__
static int check_x32(void) {
        (void) syscall(X32_GETPID);
        return 0;
}

static int check_int80(void) {
        long r;
        /* i386's getpid. */
        __asm__ volatile("int $0x80" : "=a"(r) : "a"(20) : "memory");
        return 0;
}

Test(policy, other_architectures_end_the_process) {
        int status = run_under_filter(POLICY_OPT_IN, check_x32);
        cr_assert_eq(WIFSIGNALED(status), true);
        cr_assert_eq(WTERMSIG(status), SIGSYS);

        status = run_under_filter(POLICY_OPT_IN, check_int80);
        cr_assert_eq(WIFSIGNALED(status), true);
        /* A kernel without the i386 calls answers with the signal for a bad instruction. */
        int signal_number = WTERMSIG(status);
        cr_assert(signal_number == SIGSYS || signal_number == SIGSEGV);
}
#endif

static uint32_t supervisor_says(int number) {
        struct seccomp_data data = { .nr = number, .arch = seccomp_arch_native() };
        uint32_t answer = 0;

        cr_assert(zero(int, policy_run(policy_supervisor_filter(), &data, &answer)));
        return answer;
}

/* The supervisor's own filter allows what it lists and all that a jail may call, which inherits it. */
Test(policy, supervisor_allows_its_list_only) {
        const PolicySupervisorCalls *calls;
        const PolicyNever *never;
        const PolicyRule *rules;
        size_t n_calls = policy_supervisor_calls(&calls), n_never = policy_never(&never),
               n_rules = policy_rules(&rules), n_allowed = 0;
        bool expected[1024] = {};

        for (size_t i = 0; i < n_rules; i++) {
                int number = seccomp_syscall_resolve_name(rules[i].syscall);

                if (number >= 0 && rules[i].action != POLICY_REFUSE)
                        expected[number] = true;
        }
        for (size_t i = 0; i < n_calls; i++)
                for (const char *const *s = calls[i].syscalls; *s; s++) {
                        int number = seccomp_syscall_resolve_name(*s);

                        if (number >= 0)
                                expected[number] = true;
                }
        for (size_t i = 0; i < n_never; i++) {
                int number = seccomp_syscall_resolve_name(never[i].syscall);

                if (number < 0)
                        continue;
                cr_assert(not(expected[number]), "%s is both", never[i].syscall);
                cr_assert(eq(u32, supervisor_says(number), SECCOMP_RET_ERRNO | EPERM), "%s",
                          never[i].syscall);
        }
        for (int number = 0; number < 1024; number++) {
                uint32_t says = supervisor_says(number);

                cr_assert(eq(int, says == SECCOMP_RET_ALLOW, expected[number]), "call %d", number);
                n_allowed += expected[number];
        }
        /* Of the kernel's 360 or so: a list that allows most is none. */
        cr_assert(lt(sz, n_allowed, 270));
}

static int check_supervisor_calls(void) {
        if (syscall(SYS_bpf, 0, NULL, 0) >= 0 || errno != EPERM)
                return 1;
        if (syscall(SYS_shmget, 0, 4096, 0600) >= 0 || errno != ENOSYS)
                return 2;
        return syscall(SYS_setns, -1, 0) >= 0 || errno != ENOSYS ? 3 : 0;
}

Test(policy, supervisor_fails_calls_and_lives) {
        pid_t pid = fork();
        int status;

        cr_assert(ge(int, pid, 0));
        if (pid == 0) {
                if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
                    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, policy_supervisor_filter()) < 0)
                        _exit(99);
                _exit(check_supervisor_calls());
        }
        cr_assert(eq(int, waitpid(pid, &status, 0), pid));
        cr_assert(zero(int, status));
}
