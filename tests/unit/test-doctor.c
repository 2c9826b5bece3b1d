/* What doctor says of a host that lacks something: a filter stands in for the kernel that has it not. */

#include <criterion/criterion.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "doctor.h"

static const DoctorCheck *check_of(const char *id) {
        const DoctorCheck *checks;
        size_t n = doctor_checks(&checks);

        for (size_t i = 0; i < n; i++)
                if (streq(checks[i].id, id))
                        return &checks[i];
        return NULL;
}

/* The result of a check in a process for which a system call is one that the kernel does not know. */
static int result_without(const char *id, long call) {
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t) call, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const struct sock_fprog program = { ELEMENTSOF(code), code };
        const DoctorCheck *check = check_of(id);
        int status;
        pid_t pid;

        cr_assert_not_null(check, "%s", id);
        pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0) {
                char *found = NULL;

                if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
                    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
                        _exit(100);
                _exit(check->run(&found));
        }
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFEXITED(status), "%s", id);
        return WEXITSTATUS(status);
}

Test(doctor, says_what_the_kernel_has_not) {
        static const long calls[] = { SYS_clone3, SYS_openat2, SYS_pidfd_getfd, SYS_mount_setattr,
                                      SYS_close_range };

        for (size_t i = 0; i < ELEMENTSOF(calls); i++)
                cr_assert_eq(result_without("calls", calls[i]), DOCTOR_MISSING, "%ld", calls[i]);
        cr_assert_eq(result_without("seccomp-notify", SYS_seccomp), DOCTOR_MISSING);
        cr_assert_eq(result_without("landlock", SYS_landlock_create_ruleset), DOCTOR_LESS);
        if (geteuid() == 0) {
                cr_assert_eq(result_without("room", SYS_unshare), DOCTOR_MISSING);
                cr_assert_eq(result_without("overlay", SYS_fsopen), DOCTOR_LESS);
        }
}

Test(doctor, each_check_says_what_it_costs_and_what_to_do) {
        const DoctorCheck *checks;
        size_t n = doctor_checks(&checks);

        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *found = NULL;
                int r = checks[i].run(&found);

                cr_assert(r >= DOCTOR_OK && r < _DOCTOR_RESULT_MAX, "%s", checks[i].id);
                cr_assert(*checks[i].title && *checks[i].cost && *checks[i].action, "%s", checks[i].id);
                cr_assert(found || r == DOCTOR_UNKNOWN, "%s", checks[i].id);
                for (size_t k = 0; k < i; k++)
                        cr_assert_str_neq(checks[i].id, checks[k].id);
        }
}
