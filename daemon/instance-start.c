#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "instance-internal.h"
#include "policy.h"
#include "proc.h"
#include "room.h"

/* Its child has dropped everything and waits in execve(), or has failed. */
static int on_report(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Instance *i = userdata;
        RoomReport report;
        char name[STORE_NAME_MAX];
        ssize_t k = read(fd, &report, sizeof(report));
        int notify_fd, r;

        if (k != sizeof(report)) {
                /* The other end closes with execve(). */
                i->report_source = sd_event_source_disable_unref(i->report_source);
                return 0;
        }
        if (report.error > 0) {
                report.detail[sizeof(report.detail) - 1] = '\0';
                snprintf(i->reason, sizeof(i->reason), "step '%s' of entering the room failed: %s%s%s%s",
                         room_step_name(report.step), strerror(report.error), report.detail[0] ? " (" : "",
                         report.detail, report.detail[0] ? ")" : "");
                return 0;
        }

        notify_fd = pidfd_getfd(i->pidfd, report.notify_fd, 0);
        if (notify_fd >= 0 && i->purpose == INSTANCE_SERVE)
                store_put(instance_store_name(i->serial, "calls", name), notify_fd);
        r = notify_fd < 0 ? -errno : instance_take_calls(i, notify_fd);
        if (r < 0) {
                snprintf(i->reason, sizeof(i->reason), "cannot take the notifications: %s", strerror(-r));
                instance_signal(i, SIGKILL);
        }
        return 0;
}

static char **instance_argv(const Instance *i) {
        _cleanup_strv_free_ char **argv = NULL;
        const char *const serve[] = { "-D", "FOREGROUND", NULL }, *const test[] = { "-t", NULL };
        const char *const *more = i->purpose == INSTANCE_SERVE ? serve : test;
        char *const *launcher = launch_launcher(i->launch, i->config);

        if (strv_extend(&argv, launcher ? launcher[0] : i->launch->httpd) < 0)
                return NULL;
        for (char **a = i->launch->arguments; a && *a; a++)
                if (strv_extend(&argv, *a) < 0)
                        return NULL;
        for (; *more; more++)
                if (strv_extend(&argv, *more) < 0)
                        return NULL;
        return TAKE_PTR(argv);
}

/* Start the child with these ends of its pipes. */
static int instance_clone(Instance *i, const Room *room) {
        struct clone_args args = {
                .flags = room_namespaces() | CLONE_PIDFD,
                .pidfd = (uint64_t) (uintptr_t) &i->pidfd,
                .exit_signal = SIGCHLD,
        };
        pid_t pid = (pid_t) syscall(SYS_clone3, &args, sizeof(args));

        if (pid < 0)
                return -errno;
        if (pid == 0)
                room_enter(room);
        i->pid = i->kept->pid = pid;
        return 0;
}

static int on_exit_event(sd_event_source *s, const siginfo_t *si, void *userdata) {
        Instance *i = userdata;

        if (i) {
                /* Where it failed comes before its end, whichever the event loop saw first. */
                while (i->report_source)
                        (void) on_report(i->report_source, sd_event_source_get_io_fd(i->report_source),
                                         EPOLLIN, i);
                instance_exited(i, si->si_code == CLD_EXITED ? W_EXITCODE(si->si_status, 0) : si->si_status);
        } else
                /* It was left, and nobody else has the source. */
                (void) sd_event_source_set_floating(s, false);
        return 0;
}

void instance_leave(Instance *i) {
        int status = proc_ending_status(i->pid);

        /* That of an adopted one is told by more than this (proc_exit_status()). */
        if (status < 0 || i->is_adopted || sd_event_source_set_child_pidfd_own(i->exit_source, true) < 0)
                return;
        /* A process looks so, too, whose first thread has ended, and others have not: they serve nobody from here on. */
        instance_signal(i, SIGKILL);
        TAKE_FD(i->pidfd);
        /* The event loop reaps it. */
        (void) sd_event_source_set_userdata(i->exit_source, NULL);
        (void) sd_event_source_set_floating(i->exit_source, true);
        i->exit_source = sd_event_source_unref(i->exit_source);
        instance_exited(i, status);
}

/* What the next supervisor needs, but for the notifications, which come with the report. */
static void instance_put(Instance *i, int output_fd) {
        char name[STORE_NAME_MAX];

        if (i->purpose != INSTANCE_SERVE)
                return;
        store_put(instance_store_name(i->serial, "master", name), i->pidfd);
        store_put(instance_store_name(i->serial, "output", name), output_fd);
        if (i->logs)
                logs_put(i->logs, instance_store_name(i->serial, "logs", name));
}

static int instance_start(Instance *i, Room *room) {
        int report[2], output[2], r;
        _cleanup_close_ int report_read = -EBADF, report_write = -EBADF, output_read = -EBADF,
                            output_write = -EBADF;

        if (pipe2(report, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        report_read = report[0];
        report_write = report[1];
        /* Blocking for httpd, not for us. */
        if (pipe2(output, O_CLOEXEC) < 0)
                return -errno;
        output_read = output[0];
        output_write = output[1];
        if (fcntl(output_read, F_SETFL, O_NONBLOCK) < 0)
                return -errno;

        room->report_fd = report_write;
        room->output_fd = output_write;
        if ((r = sd_event_add_io(i->event, &i->report_source, report_read, EPOLLIN, on_report, i)) < 0 ||
            (r = sd_event_source_set_io_fd_own(i->report_source, true)) < 0)
                return r;
        TAKE_FD(report_read);
        if ((r = instance_clone(i, room)) < 0)
                return r;
        instance_put(i, output_read);
        if ((r = instance_take_output(i, TAKE_FD(output_read))) < 0 || (r = instance_watch_workers(i)) < 0)
                return r;
        return sd_event_add_child_pidfd(i->event, &i->exit_source, i->pidfd, WEXITED, on_exit_event, i);
}

int instance_new(sd_event *event, const InstanceSpec *spec, InstanceHandler handler, void *userdata,
                 Instance **ret, char **reterr) {
        _cleanup_(instance_freep) Instance *i = NULL;
        _cleanup_strv_free_ char **argv = NULL;
        char name[STORE_NAME_MAX];
        Room room = {
                .config = spec->config,
                .launch = spec->launch,
                .root_path = spec->root_path,
                .filter = spec->watch ? spec->watch->filter : policy_filter(spec->config->groups),
                .outlives_supervisor = spec->purpose == INSTANCE_SERVE && store_is_there(),
        };
        int r = instance_alloc(event, spec, handler, userdata, &i);

        if (r < 0)
                return r;
        i->kept = store_memory_new(spec->purpose == INSTANCE_SERVE
                                                   ? instance_store_name(i->serial, "state", name)
                                                   : NULL,
                                   sizeof(InstanceKept));
        argv = instance_argv(i);
        if (!i->kept || !argv)
                return -ENOMEM;
        i->kept->generation = spec->generation;
        i->kept->role = spec->role;
        i->kept->broker.holds_forks = spec->role == INSTANCE_STANDBY;
        room.argv = argv;
        r = room_prepare(&room, reterr);
        if (r < 0)
                return r;
        r = instance_start(i, &room);
        room_done(&room);
        if (r < 0) {
                room_explain(r, reterr);
                return r;
        }
        *ret = TAKE_PTR(i);
        return 0;
}
