/* The filters as a whole: what is refused, what is allowed, who is asked. */

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "policy-calls.h"
#include "policy-run.h"

/* getpid in the numbers of x32. */
#define X32_GETPID (0x40000000 | 39)

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

/* What the kernel does when a filter is installed, to fill its bitmap of calls that are always allowed: run the program until
 * it looks at anything but the number and the architecture. Here, where it would look, it says no. */
static bool is_allowed_by_number_alone(const struct sock_fprog *program, int number) {
        static struct sock_filter insns[BPF_MAXINSNS];
        const struct seccomp_data data = { .nr = number, .arch = seccomp_arch_native() };
        uint32_t answer;

        for (size_t i = 0; i < program->len; i++) {
                const struct sock_filter *f = &program->filter[i];
                bool looks = f->code == (BPF_LD | BPF_W | BPF_ABS) &&
                             f->k != offsetof(struct seccomp_data, nr) &&
                             f->k != offsetof(struct seccomp_data, arch);

                insns[i] = looks ? (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
                                 : *f;
        }
        return policy_run(&(struct sock_fprog){ program->len, insns }, &data, &answer) >= 0 &&
               answer == SECCOMP_RET_ALLOW;
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
        return syscall(SYS_mq_unlink, NULL) >= 0 || errno != ENOSYS ? 3 : 0;
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
