#include "policy-calls.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

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

int calls_make(unsigned groups, Call *calls, size_t n) {
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

void calls_expect(unsigned groups, Call *calls, size_t n) {
        int status = calls_make(groups, calls, n);

        for (size_t i = 0; i < n; i++)
                cr_expect(calls[i].outcome == calls[i].expected,
                          "groups %#x: %s(%#lx, %#lx, %#lx, %#lx), row %zu: expected %d, was %d", groups,
                          calls[i].name, calls[i].args[0], calls[i].args[1], calls[i].args[2],
                          calls[i].args[3], i, calls[i].expected, calls[i].outcome);
        cr_expect(status == 0, "the child ended with status %#x", (unsigned) status);
}

int run_under_filter(unsigned groups, int (*check)(void)) {
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
