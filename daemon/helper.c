#include "helper.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "privileges.h"

struct Helper {
        HelperDone done;
        void *userdata;
        pid_t pid;
        int pidfd;
        bool exited;
        bool timed_out;
        uint64_t deadline_usec;
        sd_event_source *exit_source;
        sd_event_source *timeout_source;
};

static int set_limit(int resource, uint64_t value) {
        struct rlimit limit = { .rlim_cur = value, .rlim_max = value };

        return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

/* In the child. The order is that of the room (room.c), and for the same reasons. */
static int helper_enter(const HelperSpec *spec, pid_t supervisor) {
        int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC), r;
        sigset_t none;

        for (int sig = 1; sig < NSIG; sig++)
                if (sig != SIGKILL && sig != SIGSTOP)
                        (void) signal(sig, SIG_DFL);
        sigemptyset(&none);
        if (sigprocmask(SIG_SETMASK, &none, NULL) < 0 || null_fd < 0 || setsid() < 0 || chdir("/") < 0 ||
            dup2(spec->in_fd < 0 ? null_fd : spec->in_fd, STDIN_FILENO) < 0 ||
            dup2(spec->out_fd < 0 ? null_fd : spec->out_fd, STDOUT_FILENO) < 0 ||
            syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0) < 0)
                return -errno;
        (void) umask(077);
        if ((r = set_limit(RLIMIT_CORE, 0)) < 0 ||
            (spec->limit_memory_bytes > 0 && (r = set_limit(RLIMIT_AS, spec->limit_memory_bytes)) < 0) ||
            (r = privileges_become(spec->uid, spec->gid)) < 0)
                return r;
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        /* Whoever ended before that was not told of. */
        if (getppid() != supervisor)
                return -ESRCH;
        (void) execve(spec->argv[0], spec->argv, spec->environment);
        return -errno;
}

static void helper_kill(Helper *h) {
        /* It is the leader of its group, unless it has not got so far yet. */
        (void) kill(-h->pid, SIGKILL);
        /* Not reaped yet, so that its number is nobody else's; a pidfd there may be none. */
        (void) kill(h->pid, SIGKILL);
}

static int on_exit_event(sd_event_source *s, const siginfo_t *si, void *userdata) {
        Helper *h = userdata;

        h->exited = true;
        h->done(si->si_code == CLD_EXITED ? W_EXITCODE(si->si_status, 0) : si->si_status, h->timed_out,
                h->userdata);
        return 0;
}

static int on_timeout(sd_event_source *s, uint64_t usec, void *userdata) {
        Helper *h = userdata;

        h->timed_out = true;
        helper_kill(h);
        return 0;
}

int helper_start(sd_event *event, const HelperSpec *spec, HelperDone done, void *userdata, Helper **ret) {
        _cleanup_(helper_freep) Helper *h = calloc(1, sizeof(Helper));
        pid_t self = getpid();
        int r;

        if (!h)
                return -ENOMEM;
        *h = (Helper){
                .done = done,
                .userdata = userdata,
                .pidfd = -EBADF,
                .exited = true,
                .deadline_usec = monotonic_usec() + spec->timeout_usec,
        };
        h->pid = fork();
        if (h->pid < 0)
                return -errno;
        if (h->pid == 0) {
                (void) helper_enter(spec, self);
                _exit(HELPER_EXIT_CANNOT_RUN);
        }
        h->exited = false;
        h->pidfd = pidfd_open(h->pid, 0);
        if (h->pidfd < 0)
                return -errno;
        if (event && ((r = sd_event_add_child_pidfd(event, &h->exit_source, h->pidfd, WEXITED, on_exit_event,
                                                    h)) < 0 ||
                      (r = sd_event_add_time(event, &h->timeout_source, CLOCK_MONOTONIC, h->deadline_usec, 0,
                                             on_timeout, h)) < 0))
                return r;
        *ret = TAKE_PTR(h);
        return 0;
}

Helper *helper_free(Helper *h) {
        if (!h)
                return NULL;
        sd_event_source_disable_unref(h->exit_source);
        sd_event_source_disable_unref(h->timeout_source);
        if (!h->exited) {
                helper_kill(h);
                (void) waitpid(h->pid, NULL, 0);
        }
        close_fd(h->pidfd);
        free(h);
        return NULL;
}

void helper_wait(Helper *h) {
        struct pollfd p = { .fd = h->pidfd, .events = POLLIN };
        uint64_t now = monotonic_usec();

        if (!h->exited && now < h->deadline_usec)
                (void) poll(&p, 1, (int) ((h->deadline_usec - now) / USEC_PER_MSEC) + 1);
}

int helper_user(const char *name, uid_t *ret_uid, gid_t *ret_gid) {
        const struct passwd *pw = getpwnam(name);

        if (!pw)
                return -ENOENT;
        if (pw->pw_uid == 0)
                return -EPERM;
        *ret_uid = pw->pw_uid;
        *ret_gid = pw->pw_gid;
        return 0;
}
