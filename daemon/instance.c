#include "instance.h"

#include <linux/ioctl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "death.h"
#include "instance-internal.h"
#include "log.h"
#include "proc.h"

/* pipe(7) */
#define OUTPUT_PIPE_BYTES (64 * 1024)

bool instance_has_pid_file(const Instance *i) {
        struct pollfd p = { .fd = i->pidfd, .events = POLLIN };

        /* Where it has ended, its number may be another's. */
        return proc_has_path(i->pid, i->launch->pid_file) > 0 && poll(&p, 1, 0) == 0;
}

/* Apache writes its pid file aside and renames it when the configuration is in force, and then forks its workers. So that
 * needs no watch: of those there are as many as root may have of all (fs.inotify.max_user_instances), and a start that
 * waits for one is one that can fail. */
static void on_forks(bool is_parked, void *userdata) {
        Instance *i = userdata;

        if (!is_parked)
                workers_forked(i->workers);
        if (!i->kept->is_ready && (is_parked || instance_has_pid_file(i)))
                instance_ready(i);
}

static void on_sick(const Workers *workers, WorkersFault fault, void *userdata) {
        Instance *i = userdata;

        if (fault != WORKERS_NONE_SURVIVES) {
                i->handler(i, fault == WORKERS_KEEP_DYING ? INSTANCE_DYING : INSTANCE_ENDING, i->userdata);
                return;
        }
        i->sick = true;
        snprintf(i->reason, sizeof(i->reason), "no worker survives: %u ended at once, the last %s",
                 workers_deaths(workers), workers_last_death(workers));
        i->handler(i, INSTANCE_SICK, i->userdata);
}

static void keep_output(Instance *i, const char *data, size_t n) {
        if (!i->output)
                i->output = malloc(INSTANCE_OUTPUT_MAX);
        if (!i->output)
                return;
        if (i->n_output + n >= INSTANCE_OUTPUT_MAX) {
                size_t keep = INSTANCE_OUTPUT_MAX - 1 - n;

                if (keep > i->n_output)
                        keep = i->n_output;
                memmove(i->output, i->output + i->n_output - keep, keep);
                i->n_output = keep;
        }
        memcpy(i->output + i->n_output, data, n);
        i->n_output += n;
        i->output[i->n_output] = '\0';
}

static void forget_output(Instance *i) {
        free(i->output);
        i->output = NULL;
        i->n_output = 0;
}

/* Standard error of httpd until its error log is open, and standard output of every worker for good: no more than a pipe
 * holds in one go, or who writes on would keep us here. */
static void read_output(Instance *i, int fd) {
        char buf[INSTANCE_OUTPUT_MAX / 2];
        ssize_t k = 0;

        for (size_t n = 0; n < OUTPUT_PIPE_BYTES && (k = read(fd, buf, sizeof(buf))) > 0; n += (size_t) k)
                keep_output(i, buf, (size_t) k);
        if (k == 0)
                i->output_source = sd_event_source_disable_unref(i->output_source);
}

static int on_output(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        read_output(userdata, fd);
        return 0;
}

void instance_exited(Instance *i, int status) {
        char words[DEATH_WORDS_MAX];

        i->exited = true;
        i->status = status;
        if (i->output_source)
                read_output(i, sd_event_source_get_io_fd(i->output_source));
        for (size_t k = 0; k < i->n_output; k++)
                if (i->output[k] == '\0')
                        i->output[k] = '?';
        if (i->output)
                log_sanitize(i->output);

        if (i->reason[0] == '\0') {
                if (status < 0)
                        snprintf(i->reason, sizeof(i->reason),
                                 "httpd ended, how is not known: another supervisor had started it");
                else
                        snprintf(i->reason, sizeof(i->reason), "httpd %s", death_describe(status, words));
        }
        i->handler(i, INSTANCE_EXITED, i->userdata);
}

int instance_take_calls(Instance *i, int notify_fd) {
        int r = broker_new(i->event, i->config, i->launch, notify_fd, i->pid, &i->kept->broker, i->listeners,
                           on_forks, i, &i->broker);

        if (r >= 0 && i->watch)
                broker_set_tap(i->broker, &i->watch->tap);
        return r;
}

int instance_take_output(Instance *i, int fd_) {
        _cleanup_close_ int fd = fd_;
        int r = sd_event_add_io(i->event, &i->output_source, fd, EPOLLIN, on_output, i);

        if (r < 0)
                return r;
        r = sd_event_source_set_io_fd_own(i->output_source, true);
        if (r >= 0)
                TAKE_FD(fd);
        return r;
}

int instance_watch_workers(Instance *i) {
        return workers_new(i->event, i->pid, on_sick, i, &i->workers);
}

void instance_ready(Instance *i) {
        i->kept->is_ready = true;
        /* What it said while it started is no reason for what happens later. */
        forget_output(i);
        i->handler(i, INSTANCE_READY, i->userdata);
}

const char *instance_store_name(unsigned serial, const char *what, char buf[static STORE_NAME_MAX]) {
        snprintf(buf, STORE_NAME_MAX, "instance%u.%s", serial, what);
        return buf;
}

void instance_spec_done(const InstanceSpec *spec) {
        launch_free(spec->launch);
        logs_free(spec->logs);
        listeners_free(spec->listeners);
}

int instance_alloc(sd_event *event, const InstanceSpec *spec, InstanceHandler handler, void *userdata,
                   Instance **ret) {
        Instance *i = calloc(1, sizeof(Instance));

        if (!i) {
                instance_spec_done(spec);
                return -ENOMEM;
        }
        if (spec->listeners)
                listeners_set_buffers(spec->listeners, spec->launch->receive_buffer_bytes,
                                      spec->launch->send_buffer_bytes);
        *i = (Instance){
                .event = sd_event_ref(event),
                .config = jail_config_ref(spec->config),
                .purpose = spec->purpose,
                .serial = spec->serial,
                .launch = spec->launch,
                .logs = spec->logs,
                .listeners = spec->listeners,
                .watch = spec->watch,
                .handler = handler,
                .userdata = userdata,
                .pidfd = -EBADF,
        };
        *ret = i;
        return 0;
}

/* Until the last process of it is gone: the first outlives all others of its pid namespace. */
static void instance_kill(const Instance *i) {
        struct pollfd p = { .fd = i->pidfd, .events = POLLIN };
        siginfo_t si;

        (void) pidfd_send_signal(i->pidfd, SIGKILL, NULL, 0);
        if (!i->is_adopted)
                (void) waitid(P_PIDFD, (id_t) i->pidfd, &si, WEXITED);
        else {
                while (poll(&p, 1, -1) < 0 && errno == EINTR)
                        ;
                instance_reap_adopted(i->pidfd);
        }
}

static void instance_drop_kept(Instance *i) {
        static const char *const things[] = { "state", "master", "calls", "output", "logs" };
        char name[STORE_NAME_MAX];

        if (i->purpose == INSTANCE_SERVE)
                for (size_t k = 0; k < ELEMENTSOF(things); k++)
                        store_drop(instance_store_name(i->serial, things[k], name));
        store_memory_free(i->kept, sizeof(InstanceKept));
}

Instance *instance_free(Instance *i) {
        if (!i)
                return NULL;
        if (i->pidfd >= 0 && !i->exited)
                instance_kill(i);
        sd_event_source_disable_unref(i->exit_source);
        sd_event_source_disable_unref(i->report_source);
        sd_event_source_disable_unref(i->output_source);
        broker_free(i->broker);
        workers_free(i->workers);
        close_fd(i->pidfd);
        /* After the last writer. */
        logs_free(i->logs);
        listeners_free(i->listeners);
        launch_free(i->launch);
        jail_config_free(i->config);
        forget_output(i);
        instance_drop_kept(i);
        sd_event_unref(i->event);
        free(i);
        return NULL;
}

void instance_release(Instance *i) {
        int r = i->listeners ? listeners_restore(i->listeners) : 0;

        if (r < 0)
                log_error("cannot make a listening socket what it was: %s", strerror(-r));
        broker_release(i->broker);
}

void instance_close_sockets(Instance *i) {
        if (i->broker)
                broker_forget_listeners(i->broker);
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
        return i->kept->generation;
}

bool instance_is_ready(const Instance *i) {
        return i->kept->is_ready;
}

const char *instance_last_worker_death(const Instance *i) {
        return workers_last_death(i->workers);
}

unsigned instance_worker_deaths(const Instance *i) {
        return i->workers ? workers_deaths(i->workers) : 0;
}

bool instance_is_parked(const Instance *i) {
        return i->kept->is_ready && i->broker && broker_is_parked(i->broker);
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
        return i->output ?: "";
}

JailConfig *instance_config(const Instance *i) {
        return i->config;
}

void instance_set_role(Instance *i, InstanceRole role) {
        i->kept->role = role;
}

void instance_set_drain_until(Instance *i, uint64_t usec) {
        i->kept->drain_until_usec = usec;
}

uint64_t instance_drain_until(const Instance *i) {
        return i->kept->drain_until_usec;
}
