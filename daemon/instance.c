#include "instance.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "broker.h"
#include "config-paths.h"
#include "log.h"
#include "room.h"
#include "workers.h"

#define OUTPUT_MAX 4096

struct Instance {
        sd_event *event;
        const JailConfig *config;
        InstancePurpose purpose;
        unsigned generation;
        Launch *launch;
        Logs *logs;
        Listeners *listeners;
        Secrets *secrets;
        InstanceHandler handler;
        void *userdata;

        pid_t pid;
        int pidfd;
        sd_event_source *exit_source;
        sd_event_source *report_source;
        sd_event_source *output_source;
        sd_event_source *ready_source;
        Broker *broker;
        Workers *workers;

        bool exited;
        bool parked;
        bool ready;
        int status;
        bool released;
        bool sick;
        char reason[384];
        /* The end of what it wrote, NUL-terminated. */
        char output[OUTPUT_MAX];
        size_t n_output;
};

static void on_broker(BrokerEvent event, void *userdata) {
        Instance *i = userdata;

        switch (event) {
        case BROKER_PARKED:
                i->parked = true;
                i->handler(i, INSTANCE_PARKED, i->userdata);
                break;
        case BROKER_FORKED:
                workers_forked(i->workers);
                break;
        }
}

static void on_sick(void *userdata) {
        Instance *i = userdata;

        i->sick = true;
        snprintf(i->reason, sizeof(i->reason), "no worker survives: %u ended at once, the last by %s",
                 workers_deaths(i->workers), workers_last_death(i->workers));
        i->handler(i, INSTANCE_SICK, i->userdata);
}

/* Standard error of httpd until its error log is open. */
static void read_output(Instance *i, int fd) {
        char buf[OUTPUT_MAX / 2];
        ssize_t k;

        while ((k = read(fd, buf, sizeof(buf))) > 0) {
                if (i->n_output + (size_t) k >= sizeof(i->output)) {
                        size_t keep = sizeof(i->output) - 1 - (size_t) k;

                        if (keep > i->n_output)
                                keep = i->n_output;
                        memmove(i->output, i->output + i->n_output - keep, keep);
                        i->n_output = keep;
                }
                memcpy(i->output + i->n_output, buf, (size_t) k);
                i->n_output += (size_t) k;
        }
        if (k == 0)
                i->output_source = sd_event_source_disable_unref(i->output_source);
}

static int on_output(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        read_output(userdata, fd);
        return 0;
}

static void instance_exited(Instance *i, int code, int status) {
        i->exited = true;
        i->status = code == CLD_EXITED ? W_EXITCODE(status, 0) : status;
        if (i->output_source)
                read_output(i, sd_event_source_get_io_fd(i->output_source));
        for (size_t k = 0; k < i->n_output; k++)
                if (i->output[k] == '\0')
                        i->output[k] = '?';
        i->output[i->n_output] = '\0';
        log_sanitize(i->output);

        if (i->reason[0] != '\0')
                return;
        if (code == CLD_EXITED)
                snprintf(i->reason, sizeof(i->reason), "httpd ended with status %d", status);
        else
                snprintf(i->reason, sizeof(i->reason), "httpd killed by SIG%s", sigabbrev_np(status) ?: "?");
}

static int on_exit_event(sd_event_source *s, const siginfo_t *si, void *userdata) {
        Instance *i = userdata;

        instance_exited(i, si->si_code, si->si_status);
        i->handler(i, INSTANCE_EXITED, i->userdata);
        return 0;
}

/* Its child has dropped everything and waits in execve(), or has failed. */
static int on_report(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Instance *i = userdata;
        RoomReport report;
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
        r = notify_fd < 0 ? -errno
                          : broker_new(i->event, i->config, notify_fd, i->pid, on_broker, i, &i->broker);
        if (r < 0) {
                snprintf(i->reason, sizeof(i->reason), "cannot take the notifications: %s", strerror(-r));
                instance_signal(i, SIGKILL);
                return 0;
        }
        if (i->released)
                broker_release(i->broker, i->listeners);
        return 0;
}

/* Apache writes its pid file aside and renames it when the configuration is in force. */
static int on_ready_file(sd_event_source *s, const struct inotify_event *e, void *userdata) {
        Instance *i = userdata;

        if (i->ready || e->len == 0 || !streq(e->name, strrchr(i->launch->pid_file, '/') + 1))
                return 0;
        i->ready = true;
        /* What it said while it started is no reason for what happens later. */
        i->n_output = 0;
        i->ready_source = sd_event_source_disable_unref(i->ready_source);
        i->handler(i, INSTANCE_READY, i->userdata);
        return 0;
}

/* Watch the folder of the pid file, which is a file system that we made and the jail will have. */
static int instance_watch_pid_file(Instance *i, const Room *room) {
        size_t folder = (size_t) (strrchr(i->launch->pid_file, '/') - i->launch->pid_file);

        for (size_t k = 0; k < i->launch->n_mounts; k++) {
                const LaunchMount *m = &i->launch->mounts[k];
                char path[64];

                if (m->type != MOUNT_TMPFS || strlen(m->target) != folder ||
                    strncmp(m->target, i->launch->pid_file, folder) != 0)
                        continue;
                snprintf(path, sizeof(path), "/proc/self/fd/%d", room->mount_fds[k]);
                return sd_event_add_inotify(i->event, &i->ready_source, path, IN_MOVED_TO | IN_CREATE,
                                            on_ready_file, i);
        }
        return -ENOENT;
}

static char **instance_argv(const Instance *i) {
        _cleanup_strv_free_ char **argv = NULL;
        const char *const serve[] = { "-D", "FOREGROUND", NULL }, *const test[] = { "-t", NULL };
        const char *const *more = i->purpose == INSTANCE_SERVE ? serve : test;

        if (strv_extend(&argv, i->launch->httpd) < 0)
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
                .flags = room_namespaces(i->config) | CLONE_PIDFD,
                .pidfd = (uint64_t) (uintptr_t) &i->pidfd,
                .exit_signal = SIGCHLD,
        };
        pid_t pid = (pid_t) syscall(SYS_clone3, &args, sizeof(args));

        if (pid < 0)
                return -errno;
        if (pid == 0)
                room_enter(room);
        i->pid = pid;
        return 0;
}

/* Takes over the read end of a pipe. */
static int instance_add_pipe(Instance *i, sd_event_source **source, int *fd, sd_event_io_handler_t handler) {
        int r = sd_event_add_io(i->event, source, *fd, EPOLLIN, handler, i);

        if (r < 0)
                return r;
        r = sd_event_source_set_io_fd_own(*source, true);
        if (r >= 0)
                *fd = -EBADF;
        return r;
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
        if (i->purpose == INSTANCE_SERVE && (r = instance_watch_pid_file(i, room)) < 0)
                return r;
        if ((r = instance_add_pipe(i, &i->report_source, &report_read, on_report)) < 0 ||
            (r = instance_add_pipe(i, &i->output_source, &output_read, on_output)) < 0 ||
            (r = instance_clone(i, room)) < 0)
                return r;
        if ((r = workers_new(i->event, i->pid, on_sick, i, &i->workers)) < 0 ||
            (r = sd_event_add_child_pidfd(i->event, &i->exit_source, i->pidfd, WEXITED, on_exit_event, i)) <
                            0)
                return r;
        /* What it said and where it failed come before its end. */
        return sd_event_source_set_priority(i->exit_source, SD_EVENT_PRIORITY_NORMAL + 10);
}

int instance_new(sd_event *event, const InstanceSpec *spec, InstanceHandler handler, void *userdata,
                 Instance **ret, char **reterr) {
        _cleanup_(instance_freep) Instance *i = calloc(1, sizeof(Instance));
        _cleanup_strv_free_ char **argv = NULL;
        Room room = {
                .config = spec->config,
                .launch = spec->launch,
                .root_path = spec->root_path,
        };
        int r;

        if (!i) {
                launch_free(spec->launch);
                logs_free(spec->logs);
                listeners_free(spec->listeners);
                return -ENOMEM;
        }
        *i = (Instance){
                .event = sd_event_ref(event),
                .config = spec->config,
                .purpose = spec->purpose,
                .generation = spec->generation,
                .launch = spec->launch,
                .logs = spec->logs,
                .listeners = spec->listeners,
                .handler = handler,
                .userdata = userdata,
                .pidfd = -EBADF,
        };
        argv = instance_argv(i);
        if (!argv)
                return -ENOMEM;
        room.argv = argv;
        if ((r = secrets_new(i->launch, &i->secrets, reterr)) < 0 ||
            (r = room_prepare(&room, i->secrets, reterr)) < 0)
                return r;
        r = instance_start(i, &room);
        room_done(&room);
        if (r < 0) {
                if (asprintf(reterr, "cannot start a process: %s", strerror(-r)) < 0)
                        *reterr = NULL;
                return r;
        }
        *ret = TAKE_PTR(i);
        return 0;
}

Instance *instance_free(Instance *i) {
        if (!i)
                return NULL;
        if (i->pidfd >= 0 && !i->exited) {
                siginfo_t si;

                (void) pidfd_send_signal(i->pidfd, SIGKILL, NULL, 0);
                (void) waitid(P_PIDFD, (id_t) i->pidfd, &si, WEXITED);
        }
        sd_event_source_disable_unref(i->exit_source);
        sd_event_source_disable_unref(i->report_source);
        sd_event_source_disable_unref(i->output_source);
        sd_event_source_disable_unref(i->ready_source);
        broker_free(i->broker);
        workers_free(i->workers);
        close_fd(i->pidfd);
        /* After the last writer. */
        logs_free(i->logs);
        listeners_free(i->listeners);
        secrets_free(i->secrets);
        launch_free(i->launch);
        sd_event_unref(i->event);
        free(i);
        return NULL;
}

void instance_release(Instance *i) {
        i->released = true;
        i->parked = false;
        if (i->broker)
                broker_release(i->broker, i->listeners);
}

void instance_close_sockets(Instance *i) {
        if (i->broker)
                broker_release(i->broker, NULL);
        i->listeners = listeners_free(i->listeners);
}

const Listeners *instance_listeners(const Instance *i) {
        return i->listeners;
}

void instance_drain_logs(Instance *i) {
        if (i->logs)
                logs_drain(i->logs);
}

void instance_signal(Instance *i, int sig) {
        if (!i->exited && pidfd_send_signal(i->pidfd, sig, NULL, 0) < 0 && errno != ESRCH)
                log_error("cannot send SIG%s to process %d: %s", sigabbrev_np(sig), i->pid, strerror(errno));
}

pid_t instance_pid(const Instance *i) {
        return i->pid;
}

unsigned instance_generation(const Instance *i) {
        return i->generation;
}

bool instance_is_ready(const Instance *i) {
        return i->ready;
}

unsigned instance_worker_deaths(const Instance *i) {
        return workers_deaths(i->workers);
}

bool instance_is_parked(const Instance *i) {
        return i->parked;
}

bool instance_is_sick(const Instance *i) {
        return i->sick;
}

bool instance_succeeded(const Instance *i) {
        return i->exited && i->status == 0;
}

const char *instance_reason(const Instance *i) {
        return i->reason;
}

const char *instance_output(const Instance *i) {
        return i->output;
}
