#include "trace-run.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/stat.h>

#include "config-paths.h"
#include "generation.h"
#include "log.h"
#include "reterr.h"
#include "trace-client.h"
#include "trace-network.h"
#include "tracer.h"

/* Theory of operation: the phases follow each other in one event loop. Each is ended by an event of the instance or of the
 * client, by its timer, or by the first failure, after which there is only the summary. A rehearsal ends after the first
 * requests: what is left of the instance is killed with it. */

#define GRACEFUL_USEC (30 * USEC_PER_SEC)
/* Of each error log, from its end. */
#define LOG_TAIL_BYTES 8192

typedef struct TraceRun {
        const TraceRunSpec *spec;
        sd_event *event;
        Trace *trace;
        Tracer *tracer;
        Instance *instance;
        TraceClientSpec client_spec;
        TraceClient *client;
        Listeners *listeners;
        int namespace_fd;
        TracePhase phase;
        bool graceful_asked;
        sd_event_source *timer;
        char *root_path;
        int error;
} TraceRun;

static void trace_run_done(TraceRun *t) {
        trace_client_free(t->client);
        instance_free(t->instance);
        tracer_free(t->tracer);
        listeners_free(t->listeners);
        close_fd(t->namespace_fd);
        sd_event_source_disable_unref(t->timer);
        sd_event_unref(t->event);
        trace_free(t->trace);
        free(t->root_path);
}

static void finish(TraceRun *t) {
        (void) sd_event_exit(t->event, 0);
}

static void enter_phase(TraceRun *t, TracePhase phase, uint64_t timeout_usec) {
        t->phase = phase;
        tracer_set_phase(t->tracer, phase);
        (void) sd_event_source_set_time_relative(t->timer, timeout_usec);
        (void) sd_event_source_set_enabled(t->timer, timeout_usec ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static void step_done(TraceRun *t, bool done, const char *message) {
        int r = trace_add_step(t->trace, t->phase, done, message);

        if (r < 0)
                t->error = r;
        if (!done || r < 0)
                finish(t);
}

/* The phase is over because the instance is: why, and what it said. */
static void step_failed(TraceRun *t, const char *why) {
        const char *words = t->instance ? instance_output(t->instance) : "";
        _cleanup_free_ char *message = NULL;

        size_t n = strlen(words);

        while (n > 0 && words[n - 1] == '\n')
                n--;
        if (asprintf(&message, "%s%s%.*s", why, n > 0 ? "\n" : "", (int) n, words) < 0)
                message = NULL;
        step_done(t, false, message ?: why);
}

static int load_launch(const TraceRun *t, Launch **ret, char **reterr) {
        _cleanup_free_ char *path = NULL, *why = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (asprintf(&path, JAILD_STATE_DIR "/%s/generations/%u/" GENERATION_LAUNCH, t->spec->config->name,
                     t->trace->generation) < 0)
                return -ENOMEM;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        r = fd < 0 ? -errno : launch_read(fd, ret, &why);
        return r < 0 ? reterr_set(reterr, r, "%s: %s; build again with 'jailctl build %s'", path,
                                  why ?: strerror(-r), t->spec->config->name)
                     : 0;
}

static bool same_folder(const char *a, const char *b) {
        size_t n = (size_t) (strrchr(a, '/') - a);

        return n == (size_t) (strrchr(b, '/') - b) && strncmp(a, b, n) == 0;
}

/* In place of the FIFOs, which the real jail's supervisor reads: for each folder of them one of files. */
static int redirect_logs(Launch *l, char **reterr) {
        for (size_t i = 0; i < l->n_logs; i++) {
                _cleanup_free_ char *folder = NULL, *file = NULL, *target = NULL;
                const char *fifo = l->logs[i].fifo;
                _cleanup_close_ int fd = -EBADF;
                size_t first = 0;

                while (!same_folder(l->logs[first].fifo, fifo))
                        first++;
                target = strndup(fifo, (size_t) (strrchr(fifo, '/') - fifo));
                if (!target || asprintf(&folder, TRACE_SCRATCH "/%zu", first) < 0 ||
                    asprintf(&file, "%s%s", folder, strrchr(fifo, '/')) < 0)
                        return -ENOMEM;
                if (first == i &&
                    (mkdir(folder, 0755) < 0 || launch_add_mount(l, MOUNT_BIND_RW, target, folder, 0) < 0))
                        return reterr_set(reterr, -errno, "cannot make %s: %s", folder, strerror(errno));
                fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
                if (fd < 0 || fchown(fd, l->uid, l->gid) < 0)
                        return reterr_set(reterr, -errno, "cannot make %s: %s", file, strerror(errno));
        }
        return 0;
}

/* The ends of the error logs, one after the other. */
static int read_logs(TraceRun *t, const Launch *l) {
        size_t size = 0;
        FILE *f = open_memstream(&t->trace->log, &size);

        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < l->n_logs; i++) {
                _cleanup_free_ char *path = NULL;
                _cleanup_close_ int fd = -EBADF;
                char buf[LOG_TAIL_BYTES + 1];
                size_t first = 0;
                struct stat st;
                ssize_t k;

                if (l->logs[i].kind != LAUNCH_LOG_ERROR)
                        continue;
                while (!same_folder(l->logs[first].fifo, l->logs[i].fifo))
                        first++;
                if (asprintf(&path, TRACE_SCRATCH "/%zu%s", first, strrchr(l->logs[i].fifo, '/')) < 0)
                        break;
                fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
                if (fd < 0 || fstat(fd, &st) < 0)
                        continue;
                k = pread(fd, buf, LOG_TAIL_BYTES,
                          st.st_size > LOG_TAIL_BYTES ? st.st_size - LOG_TAIL_BYTES : 0);
                if (k <= 0)
                        continue;
                for (ssize_t n = 0; n < k; n++)
                        if (buf[n] == '\0')
                                buf[n] = '?';
                buf[k] = '\0';
                log_sanitize(buf);
                fputs(buf, f);
        }
        return fclose(f) != 0 ? -ENOMEM : 0;
}

static void on_instance(Instance *instance, InstanceEvent event, void *userdata);

static int start_instance(TraceRun *t, InstancePurpose purpose, char **reterr) {
        InstanceSpec spec = {
                .config = t->spec->config,
                .purpose = purpose,
                .generation = t->trace->generation,
                .root_path = t->root_path,
                .watch = t->spec->purpose == TRACE_RUN_WATCH ? tracer_watch(t->tracer) : NULL,
        };
        int r = load_launch(t, &spec.launch, reterr);

        if (r < 0)
                return r;
        if (purpose == INSTANCE_SERVE) {
                r = redirect_logs(spec.launch, reterr);
                if (r < 0) {
                        launch_free(spec.launch);
                        return r;
                }
                spec.listeners = TAKE_PTR(t->listeners);
        }
        return instance_new(t->event, &spec, on_instance, t, &t->instance, reterr);
}

static void serve(TraceRun *t) {
        _cleanup_free_ char *why = NULL;

        t->instance = instance_free(t->instance);
        enter_phase(t, TRACE_START, t->spec->config->start_timeout_usec);
        if (start_instance(t, INSTANCE_SERVE, &why) < 0)
                step_failed(t, why ?: strerror(ENOMEM));
}

static void on_client_done(const char *message, void *userdata);

static void ask(TraceRun *t) {
        int r = trace_client_start(t->event, &t->client_spec, t->trace, on_client_done, t, &t->client);

        if (r < 0)
                step_failed(t, strerror(-r));
}

static void on_client_done(const char *message, void *userdata) {
        TraceRun *t = userdata;

        t->client = trace_client_free(t->client);
        if (message[0] != '\0') {
                step_failed(t, message);
                return;
        }
        step_done(t, true, "");
        if (t->error < 0)
                return;
        if (t->spec->purpose != TRACE_RUN_WATCH)
                finish(t);
        else if (t->phase == TRACE_REQUESTS) {
                enter_phase(t, TRACE_GRACEFUL, GRACEFUL_USEC);
                t->graceful_asked = true;
                instance_signal(t->instance, SIGUSR1);
        } else {
                enter_phase(t, TRACE_STOP, t->spec->config->stop_timeout_usec);
                instance_signal(t->instance, SIGWINCH);
        }
}

/* The first worker after SIGUSR1: the configuration has been read again. */
static void on_forked(pid_t pid, void *userdata) {
        TraceRun *t = userdata;

        if (!t->graceful_asked || !t->instance || pid != instance_pid(t->instance))
                return;
        t->graceful_asked = false;
        enter_phase(t, TRACE_GRACEFUL, 0);
        ask(t);
}

/* prefork's master wakes its children by a connection to itself: to the copy, and not to the jail that runs. */
static int on_connects(pid_t pid, const Address *asked, void *userdata) {
        const TraceRun *t = userdata;
        Address a;

        if (!t->instance || pid != instance_pid(t->instance) ||
            listen_pairs_reach(t->client_spec.pairs, t->client_spec.n_pairs, address_port(asked), &a) < 0)
                return -ENOENT;
        return trace_network_connect(t->namespace_fd, &a);
}

static void on_exited(TraceRun *t) {
        if (t->phase == TRACE_CONFIGTEST && instance_succeeded(t->instance)) {
                step_done(t, true, "");
                if (t->error >= 0)
                        serve(t);
        } else if (t->phase == TRACE_STOP && instance_succeeded(t->instance)) {
                step_done(t, true, "");
                finish(t);
        } else
                step_failed(t, instance_reason(t->instance));
}

static void on_instance(Instance *instance, InstanceEvent event, void *userdata) {
        TraceRun *t = userdata;

        switch (event) {
        case INSTANCE_READY:
                step_done(t, true, "");
                enter_phase(t, TRACE_REQUESTS, 0);
                ask(t);
                break;
        case INSTANCE_SICK:
                /* Those that graceful and stop end young did as they were told. */
                if (t->phase == TRACE_START || t->phase == TRACE_REQUESTS)
                        step_failed(t, instance_reason(instance));
                break;
        case INSTANCE_EXITED:
                on_exited(t);
                break;
        default:
                break;
        }
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        TraceRun *t = userdata;

        step_failed(t, "it took too long");
        return 0;
}

static int on_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        TraceRun *t = userdata;

        t->error = -EINTR;
        finish(t);
        return 0;
}

static int make_event(TraceRun *t) {
        static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
        sigset_t mask;
        int r;

        sigemptyset(&mask);
        /* sd_event_add_child_pidfd(3) insists. */
        sigaddset(&mask, SIGCHLD);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                sigaddset(&mask, signals[i]);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
                return -errno;
        r = sd_event_new(&t->event);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(signals); i++)
                r = sd_event_add_signal(t->event, NULL, signals[i], on_signal, t);
        return r < 0 ? r
                     : sd_event_add_time_relative(t->event, &t->timer, CLOCK_MONOTONIC, USEC_PER_SEC, 0,
                                                  on_timer, t);
}

/* "http://ADDR:PORT/" of each listener. */
static int default_urls(TraceRun *t, const Launch *l, char ***ret) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < l->n_listens; i++) {
                char buf[ADDRESS_STRING_MAX], url[ADDRESS_STRING_MAX + 16];

                snprintf(url, sizeof(url), "http://%s/", address_to_string(&l->listens[i].outside, buf));
                r = strv_extend(ret, url);
        }
        return r;
}

static int prepare(TraceRun *t, const Launch *l, char **reterr) {
        const TracerHandlers handlers = { .forked = on_forked, .connects = on_connects, .userdata = t };
        int r;

        /* Not of the generation's business: what the tracer looks at must be looked at without root's groups. */
        if (setgroups(0, NULL) < 0)
                return reterr_set(reterr, -errno, "cannot leave root's groups: %s", strerror(errno));
        if (t->spec->purpose == TRACE_RUN_ASK) {
                t->namespace_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
                r = t->namespace_fd < 0 ? -errno : 0;
        } else
                r = trace_network_open(l->listens, l->n_listens, &t->listeners, &t->namespace_fd, reterr);
        if (r < 0 || (r = tracer_new(t->spec->config, l->uid, l->gid, t->trace, &handlers, &t->tracer)) < 0)
                return r;
        t->client_spec = (TraceClientSpec){
                .namespace_fd = t->namespace_fd,
                .pairs = l->listens,
                .n_pairs = l->n_listens,
                .urls = t->spec->urls,
                .command = t->spec->command,
        };
        if (asprintf(&t->root_path, JAILD_STATE_DIR "/%s/generations/%u/" GENERATION_ROOT,
                     t->spec->config->name, t->trace->generation) < 0)
                return -ENOMEM;
        return make_event(t);
}

static int begin(TraceRun *t, char **reterr) {
        switch (t->spec->purpose) {
        case TRACE_RUN_REHEARSE:
                serve(t);
                return 0;
        case TRACE_RUN_ASK:
                enter_phase(t, TRACE_REQUESTS, 0);
                ask(t);
                return 0;
        default:
                enter_phase(t, TRACE_CONFIGTEST, t->spec->config->start_timeout_usec);
                return start_instance(t, INSTANCE_CONFIGTEST, reterr);
        }
}

static int trace_run_loop(TraceRun *t, const Launch *l, char **reterr) {
        _cleanup_strv_free_ char **urls = NULL;
        int r = prepare(t, l, reterr);

        if (r < 0)
                return r;
        if (!t->client_spec.urls && !t->client_spec.command) {
                r = default_urls(t, l, &urls);
                if (r < 0)
                        return r;
                t->client_spec.urls = urls;
        }
        r = begin(t, reterr);
        if (r >= 0)
                r = sd_event_loop(t->event);
        if (r >= 0)
                r = t->error < 0 ? t->error : tracer_error(t->tracer);
        return r >= 0 ? read_logs(t, l) : r;
}

int trace_run(const TraceRunSpec *spec, Trace **ret, char **reterr) {
        _cleanup_(trace_run_done) TraceRun t = { .spec = spec, .namespace_fd = -EBADF };
        _cleanup_(launch_freep) Launch *l = NULL;
        int r;

        t.trace = calloc(1, sizeof(Trace));
        if (!t.trace)
                return -ENOMEM;
        t.trace->generation = spec->generation;
        r = spec->generation > 0 ? 0 : generation_current(spec->config->name, &t.trace->generation);
        if (r < 0)
                return reterr_set(reterr, r, "nothing has been built yet: run 'jailctl build %s'",
                                  spec->config->name);
        r = load_launch(&t, &l, reterr);
        if (r >= 0)
                r = trace_run_loop(&t, l, reterr);
        if (r >= 0)
                *ret = TAKE_PTR(t.trace);
        return r;
}
