#include "enter.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "config-paths.h"
#include "enter-filter.h"
#include "enter-program.h"
#include "enter-view.h"
#include "generation.h"
#include "journal.h"
#include "landlock.h"
#include "log.h"
#include "policy-trace.h"
#include "privileges.h"
#include "reterr.h"
#include "room.h"
#include "rootpath.h"

/* Theory of operation: the parent prepares what the child cannot reach any more, the child goes into the room (that of the
 * running master, or one that is made), gets a mount namespace of its own with the view (enter-view.h), and drops what
 * httpd drops. From then on the parent answers its system calls and waits. */

/* The child's only message: where its notifications come from, or what failed. */
typedef struct EnterReport {
        int32_t error;
        int32_t notify_fd;
        char detail[248];
} EnterReport;

typedef struct Enter {
        const EnterSpec *spec;
        Launch *launch;
        EnterProgram *program;
        EnterView view;
        Room room;
        bool has_room;
        int master_fd;
        char *root_path;
        char **argv;
        char **environment;
        char **execs;
        struct sock_fprog filter;
        int report_fd;
        pid_t pid;
        Trace *trace;
} Enter;

static void enter_done(Enter *e) {
        if (e->has_room)
                room_done(&e->room);
        enter_view_done(&e->view);
        enter_program_free(e->program);
        launch_free(e->launch);
        close_fd(e->master_fd);
        free(e->root_path);
        strv_free(e->argv);
        strv_free(e->environment);
        strv_free(e->execs);
        free(e->filter.filter);
        trace_free(e->trace);
}

static int load_launch(Enter *e, char **reterr) {
        const char *name = e->spec->config->name;
        unsigned generation = e->spec->generation;
        _cleanup_free_ char *path = NULL, *why = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r = generation > 0 ? 0 : generation_current(name, &generation);

        if (r < 0)
                return reterr_set(reterr, r, "nothing has been built yet: run 'jailctl build %s'", name);
        if (asprintf(&path, JAILD_STATE_DIR "/%s/generations/%u/" GENERATION_LAUNCH, name, generation) < 0 ||
            asprintf(&e->root_path, JAILD_STATE_DIR "/%s/generations/%u/" GENERATION_ROOT, name,
                     generation) < 0)
                return -ENOMEM;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        r = fd < 0 ? -errno : launch_read(fd, &e->launch, &why);
        return r < 0 ? reterr_set(reterr, r, "%s: %s", path, why ?: strerror(-r)) : 0;
}

/* "NAME=" and each folder at ENTER_HOST. */
static int add_folders(char ***environment, const char *name, const char *const *folders) {
        _cleanup_free_ char *value = NULL;
        size_t size;
        FILE *f = open_memstream(&value, &size);

        if (!f)
                return -ENOMEM;
        for (size_t i = 0; folders && folders[i]; i++)
                fprintf(f, "%s" ENTER_HOST "%s", i > 0 ? ":" : "", folders[i]);
        if (fclose(f) != 0)
                return -ENOMEM;
        return value[0] ? strv_env_set(environment, name, value) : 0;
}

static int make_environment(Enter *e) {
        static const char *const terminfo[] = { "/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo",
                                                NULL };
        const char *term = getenv("TERM");
        _cleanup_free_ char *prompt = NULL;
        int r;

        if (asprintf(&prompt, "[%s] %s ", e->spec->config->name, e->spec->as_root ? "#" : "$") < 0)
                return -ENOMEM;
        if ((r = add_folders(&e->environment, "PATH", enter_paths)) < 0 ||
            (r = add_folders(&e->environment, "LD_LIBRARY_PATH",
                             (const char *const *) e->program->library_folders)) < 0 ||
            (r = add_folders(&e->environment, "TERMINFO_DIRS", terminfo)) < 0 ||
            (r = strv_env_set(&e->environment, "HOME", "/")) < 0 ||
            (r = strv_env_set(&e->environment, "PS1", prompt)) < 0)
                return r;
        return term ? strv_env_set(&e->environment, "TERM", term) : 0;
}

static int make_argv(Enter *e) {
        int r = strv_extend(&e->argv, e->spec->argv[0]);

        for (char **s = e->program->before; r >= 0 && s && *s; s++)
                r = strv_extend(&e->argv, *s);
        for (char *const *s = e->spec->argv + 1; r >= 0 && *s; s++)
                r = strv_extend(&e->argv, *s);
        /* All of the host's programs may be run, and what the jail may run. */
        for (char **s = e->spec->config->execs; r >= 0 && s && *s; s++)
                r = strv_extend(&e->execs, *s);
        return r < 0 ? r : strv_extend(&e->execs, ENTER_HOST);
}

/* The process has the generation's program in its root: the number was not another's by the time we held it. */
static bool is_master(const Enter *e) {
        _cleanup_close_ int ours = open(e->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC), its = -EBADF,
                            a = -EBADF, b = -EBADF;
        struct stat st_a, st_b;
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/root", e->spec->master);
        its = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (ours < 0 || its < 0)
                return false;
        a = rootpath_open(ours, e->launch->httpd, O_PATH);
        b = rootpath_open(its, e->launch->httpd, O_PATH);
        return a >= 0 && b >= 0 && fstat(a, &st_a) == 0 && fstat(b, &st_b) == 0 &&
               st_a.st_dev == st_b.st_dev && st_a.st_ino == st_b.st_ino;
}

static int prepare_room(Enter *e, char **reterr) {
        int r;

        if (e->spec->master > 0) {
                e->master_fd = pidfd_open(e->spec->master, 0);
                return e->master_fd >= 0 && is_master(e) ? 0
                                                         : reterr_set(reterr, -ESRCH, "the server is gone");
        }
        e->room = (Room){ .config = e->spec->config, .launch = e->launch, .root_path = e->root_path };
        r = room_prepare(&e->room, reterr);
        e->has_room = r >= 0;
        return r;
}

static int prepare(Enter *e, char **reterr) {
        int r;

        e->trace = calloc(1, sizeof(Trace));
        if (!e->trace)
                return -ENOMEM;
        if ((r = load_launch(e, reterr)) < 0 ||
            (r = enter_program_find(e->spec->argv[0], &e->program, reterr)) < 0 ||
            (r = make_environment(e)) < 0 || (r = make_argv(e)) < 0 || (r = prepare_room(e, reterr)) < 0)
                return r;
        e->view.writable = e->spec->writable;
        e->view.loader = e->program->loader;
        r = enter_view_prepare(&e->view, reterr);
        return r < 0 ? r : policy_trace_filter(e->spec->config->groups, false, &e->filter);
}

static int go_in(Enter *e, const char **reterr_what) {
        int flags = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

        *reterr_what = "the room of the running server";
        if (e->spec->master == 0)
                return room_furnish(&e->room, reterr_what);
        return setns(e->master_fd, flags) < 0 || unshare(CLONE_NEWNS) < 0 ? -errno : 0;
}

/* A process group of its own, and the terminal, where there is one. */
static void take_terminal(void) {
        (void) signal(SIGTTOU, SIG_IGN);
        if (setpgid(0, 0) == 0 && isatty(STDIN_FILENO))
                (void) tcsetpgrp(STDIN_FILENO, getpgrp());
}

static int reset_signals(void) {
        sigset_t none;

        for (int sig = 1; sig < NSIG; sig++)
                if (sig != SIGKILL && sig != SIGSTOP)
                        (void) signal(sig, SIG_DFL);
        sigemptyset(&none);
        return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

static int drop(Enter *e, EnterReport *report, const char **reterr_what) {
        const struct rlimit no_core = {};
        const Launch *l = e->launch;
        int r;

        *reterr_what = "limits";
        if (setrlimit(RLIMIT_CORE, &no_core) < 0)
                return -errno;
        r = landlock_enter(l, e->execs, e->spec->config->mode == CONFIG_MODE_HOST, reterr_what);
        if (r < 0)
                return r;
        *reterr_what = "identity";
        r = e->spec->as_root ? privileges_become(0, 0) : privileges_become(l->uid, l->gid);
        if (r < 0)
                return r;
        *reterr_what = "parent-death";
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        *reterr_what = "seccomp";
        report->notify_fd = (int) syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                          SECCOMP_FILTER_FLAG_NEW_LISTENER, &e->filter);
        return report->notify_fd < 0 ? -errno : 0;
}

/* As the first process of its namespace: wait for the program, and end as it did. */
static _Noreturn void be_init(pid_t program) {
        int status = 0;

        for (pid_t pid; (pid = waitpid(-1, &status, 0)) != program;)
                if (pid < 0 && errno != EINTR)
                        _exit(EXIT_FAILURE);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static _Noreturn void child_main(Enter *e) {
        _cleanup_free_ char *path = NULL;
        EnterReport report = {};
        const char *what = "";
        int r = asprintf(&path, ENTER_HOST "%s", e->program->path) < 0 ? -ENOMEM : go_in(e, &what);

        if (r >= 0)
                r = enter_view_make(&e->view, &what);
        if (r >= 0) {
                take_terminal();
                r = reset_signals();
        }
        if (r >= 0)
                r = drop(e, &report, &what);
        report.error = -r;
        snprintf(report.detail, sizeof(report.detail), "%s", what);
        if (write(e->report_fd, &report, sizeof(report)) != sizeof(report) || r < 0)
                _exit(EXIT_FAILURE);
        if (e->spec->master == 0) {
                pid_t pid = fork();

                if (pid < 0)
                        _exit(126);
                if (pid > 0)
                        be_init(pid);
                take_terminal();
                (void) signal(SIGTTOU, SIG_DFL);
        }
        /* All that is open but the standard descriptors is close-on-exec. */
        (void) execve(path, e->argv, e->environment);
        fprintf(stderr, "%s: cannot run %s: %s\n", e->spec->config->name, path, strerror(errno));
        _exit(errno == ENOENT ? 127 : 126);
}

static int start_child(Enter *e, int *ret_pidfd) {
        struct clone_args args = {
                .flags = CLONE_PIDFD | (e->spec->master > 0 ? 0 : room_namespaces()),
                .pidfd = (uint64_t) (uintptr_t) ret_pidfd,
                .exit_signal = SIGCHLD,
        };

        /* Children are born in it; we are not. */
        if (e->spec->master > 0 && setns(e->master_fd, CLONE_NEWPID) < 0)
                return -errno;
        e->pid = (pid_t) syscall(SYS_clone3, &args, sizeof(args));
        if (e->pid < 0)
                return -errno;
        if (e->pid == 0)
                child_main(e);
        return 0;
}

static int take_report(int fd, int pidfd, char **reterr) {
        EnterReport report;
        ssize_t k = read(fd, &report, sizeof(report));
        int notify_fd;

        if (k != sizeof(report))
                return reterr_set(reterr, -EIO, "cannot go in: the process ended without a word");
        report.detail[sizeof(report.detail) - 1] = '\0';
        if (report.error > 0)
                return reterr_set(reterr, -report.error, "cannot go in: %s: %s", report.detail,
                                  strerror(report.error));
        notify_fd = pidfd_getfd(pidfd, report.notify_fd, 0);
        return notify_fd < 0 ? reterr_set(reterr, -errno, "cannot take the notifications: %s",
                                          strerror(errno))
                             : notify_fd;
}

static ino_t mount_namespace(pid_t pid) {
        char path[64];
        struct stat st;

        snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
        return stat(path, &st) < 0 ? 0 : st.st_ino;
}

/* End one process of the visit. Returns whether it was one. */
static bool end_one(pid_t pid, ino_t visit) {
        _cleanup_close_ int fd = -EBADF;

        if (mount_namespace(pid) != visit)
                return false;
        fd = pidfd_open(pid, 0);
        /* The number may have become another's before it was held, and cannot while it is. */
        if (fd < 0 || mount_namespace(pid) != visit || pidfd_send_signal(fd, SIGKILL, NULL, 0) < 0)
                return false;
        (void) poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, -1);
        return true;
}

/* What the program left running would stay among the jail's processes: all that is in the visitor's mount namespace, which
 * nobody without a capability leaves. Again, until there is nobody who could have made another one. */
static void end_rest(ino_t visit) {
        bool was_one = true;

        while (was_one) {
                DIR *dir = opendir("/proc");

                was_one = false;
                for (struct dirent *d; dir && (d = readdir(dir));)
                        if (d->d_name[0] >= '1' && d->d_name[0] <= '9')
                                was_one |= end_one(atoi(d->d_name), visit);
                if (dir)
                        closedir(dir);
        }
}

/* Answer until it is gone. Returns its exit status. */
static int serve(Enter *e, int notify_fd, int pidfd) {
        struct pollfd fds[] = { { .fd = pidfd, .events = POLLIN }, { .fd = notify_fd, .events = POLLIN } };
        siginfo_t si = {};

        while (!(fds[0].revents & POLLIN)) {
                if (poll(fds, ELEMENTSOF(fds), -1) < 0 && errno != EINTR)
                        return -errno;
                if (fds[1].revents & POLLIN)
                        enter_filter_answer(e->spec->config, notify_fd, e->trace);
                else if (fds[1].revents)
                        fds[1].fd = -1;
        }
        if (waitid(P_PIDFD, (id_t) pidfd, &si, WEXITED) < 0)
                return -errno;
        return si.si_code == CLD_EXITED ? si.si_status : 128 + si.si_status;
}

static void say(const EnterSpec *spec) {
        const char *name = spec->config->name;

        fprintf(stderr, "%s: %s; %s. /proc and " ENTER_HOST " are the visitor's: the jail has neither.\n",
                name,
                spec->master > 0 ? "in the room of the running server"
                                 : "nothing runs: in a room made for the visit",
                spec->writable ? "what the server may write can be written" : "to look only");
}

/* Whoever does this wants it to be known. */
static void journal(const EnterSpec *spec) {
        JournalContext context = { .program = "jailctl", .jail = spec->config->name };
        const char *sudo = getenv("SUDO_USER");
        _cleanup_free_ char *message = NULL;

        fprintf(stderr,
                "%s: AS ROOT, without a capability: this is not what an attacker sees. It is journaled.\n",
                spec->config->name);
        if (asprintf(&message, "jail %s entered as root%s%s to run %s%s", spec->config->name,
                     sudo ? " by " : "", sudo ?: "", spec->argv[0],
                     spec->writable ? ", with its writable places writable" : "") < 0)
                return;
        if (journal_send(&context, EVENT_ENTERED_AS_ROOT, event_level(EVENT_ENTERED_AS_ROOT), message) < 0) {
                openlog("jailctl", LOG_PID, LOG_AUTHPRIV);
                syslog(LOG_NOTICE, "%s", message);
                closelog();
        }
}

static void ignore_terminal(void) {
        static const int ignored[] = { SIGINT, SIGQUIT, SIGTTOU, SIGTTIN, SIGTSTP, SIGPIPE };

        for (size_t i = 0; i < ELEMENTSOF(ignored); i++)
                (void) signal(ignored[i], SIG_IGN);
}

int enter_run(const EnterSpec *spec, char **reterr) {
        _cleanup_(enter_done) Enter e = { .spec = spec, .master_fd = -EBADF, .report_fd = -EBADF };
        _cleanup_close_ int report_read = -EBADF, report_write = -EBADF, pidfd = -EBADF, notify_fd = -EBADF;
        ino_t visit;
        int fds[2], r;

        e.view.host_fd = e.view.host_usr_fd = e.view.loader_fd = e.view.proc_fd = -EBADF;
        r = prepare(&e, reterr);
        if (r < 0)
                return r;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        report_read = fds[0];
        e.report_fd = report_write = fds[1];
        if (spec->as_root)
                journal(spec);
        say(spec);
        ignore_terminal();
        r = start_child(&e, &pidfd);
        if (r < 0)
                return reterr_set(reterr, r, "cannot go in: %s", strerror(-r));
        report_write = close_fd(report_write);
        notify_fd = take_report(report_read, pidfd, reterr);
        if (notify_fd < 0) {
                (void) waitid(P_PIDFD, (id_t) pidfd, &(siginfo_t){}, WEXITED);
                return notify_fd;
        }
        /* It waits in its first notification, or in one to come. */
        visit = mount_namespace(e.pid);
        r = serve(&e, notify_fd, pidfd);
        if (visit != 0)
                end_rest(visit);
        if (isatty(STDIN_FILENO))
                (void) tcsetpgrp(STDIN_FILENO, getpgrp());
        enter_filter_report(spec->config, e.trace);
        return r;
}
