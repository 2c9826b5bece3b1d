#include "jail.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/random.h>

#include "config-paths.h"
#include "instance.h"
#include "log.h"
#include "proc.h"
#include "room.h"

/* Theory of operation: requests, timers and instances become events of the life-cycle table; jail_dispatch()
 * moves the state, the only place that does, and performs the actions. What an action cannot do is an event
 * again. Instances tell what happens to them through on_instance(). */

/* Serving for so long without a dead worker is healthy: what fails next fails for the first time. */
#define HEALTHY_USEC (1 * USEC_PER_SEC)
/* A standby that ended is tried again after this: it is wanted, not waited for. */
#define STANDBY_RETRY_USEC (30 * USEC_PER_SEC)
/* How long a replaced instance may finish its downloads. */
#define DRAIN_USEC  (300 * USEC_PER_SEC)
#define OLD_MAX     8
#define WAITERS_MAX 32

typedef struct Waiter {
        JailRequestDone done;
        void *userdata;
} Waiter;

struct Jail {
        sd_event *event;
        const JailConfig *config;
        JailChanged changed;
        void *changed_userdata;

        LifecycleState state;
        uint64_t since_usec;
        Backoff backoff;
        uint64_t backoff_usec;
        /* Since the last start request: a server was ready; one was healthy. */
        bool has_served;
        bool was_healthy;

        Instance *live;
        Instance *next;
        Instance *standby;
        Instance *configtest;
        Instance *old[OLD_MAX];
        size_t n_old;
        /* How far the current stop has gone: the index of its next signal. */
        unsigned stop_phase;

        /* Kept while there is no instance. */
        Listeners *held;
        LogFiles *log_files;

        /* Each runs in the states that jail_set_state() says, and in no other. */
        sd_event_source *start_timer;
        sd_event_source *stop_timer;
        sd_event_source *backoff_timer;
        sd_event_source *healthy_timer;
        sd_event_source *standby_timer;
        sd_event_source *drain_timer;

        Waiter waiter[WAITERS_MAX];
        size_t n_waiters;

        char **layers;
        unsigned restarts;
        char *last_failure;
        uint64_t last_failure_usec;
        uint64_t next_start_usec;
        /* What the requester is told about the last failure: the reason and Apache's words. */
        char *message;

        uint64_t measured_usec;
        unsigned n_processes;
        uint64_t memory_bytes;
};

static void jail_dispatch(Jail *j, LifecycleEvent event);
static void on_instance(Instance *instance, InstanceEvent event, void *userdata);

static uint64_t now_on(const Jail *j, clockid_t clock) {
        uint64_t t = 0;

        (void) sd_event_now(j->event, clock, &t);
        return t;
}

static void timer_arm(sd_event_source *timer, uint64_t delay_usec) {
        (void) sd_event_source_set_time_relative(timer, delay_usec);
        (void) sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

static void timer_disarm(sd_event_source *timer) {
        (void) sd_event_source_set_enabled(timer, SD_EVENT_OFF);
}

/* The reason with the last two different lines of Apache's words: an error of its configuration takes two. */
static char *failure_summary(const char *reason, const char *words) {
        _cleanup_free_ char *copy = strdup(words);
        const char *last = "", *before = "";
        char *summary;

        if (!copy)
                return NULL;
        for (char *save, *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                /* Said by every Apache whose configuration has no ServerName, and never the cause. */
                if (strncmp(line, "AH00557", 7) == 0 || strncmp(line, "AH00558", 7) == 0 ||
                    streq(line, last))
                        continue;
                before = last;
                last = line;
        }
        if (asprintf(&summary, "%s%s%s%s%s", reason, before[0] ? ": " : "", before,
                     before[0] ? " "
                     : last[0] ? ": "
                               : "",
                     last) < 0)
                return NULL;
        return summary;
}

/* Keep why something failed; words are Apache's own or "". The log has the summary; whoever asked gets it all. */
static void jail_record_failure(Jail *j, const char *what, const char *reason, const char *words) {
        size_t n = strlen(words);

        free(j->last_failure);
        j->last_failure = failure_summary(reason, words);
        j->last_failure_usec = now_on(j, CLOCK_REALTIME);
        free(j->message);
        while (n > 0 && words[n - 1] == '\n')
                n--;
        if (asprintf(&j->message, "%s: %s%s%.*s", what, reason, n > 0 ? "\n" : "", (int) n, words) < 0)
                j->message = NULL;
        log_error("%s: %s", what, j->last_failure ?: reason);
}

static void jail_record_end(Jail *j, const char *what, Instance *i) {
        _cleanup_free_ char *tail = NULL;

        instance_drain_logs(i);
        /* Apache explains itself on standard error while it starts, and in its log when its workers die. One
         * that served and was killed has nothing to say. */
        if (instance_output(i)[0] == '\0' && (!instance_is_ready(i) || instance_is_sick(i)))
                tail = log_files_tail(j->log_files);
        jail_record_failure(j, what, instance_reason(i), tail ?: instance_output(i));
}

/* Whether to try again, after backoff_usec. */
static bool jail_may_restart(Jail *j) {
        uint32_t chance = 0;

        /* What has never served is wrong, not unlucky: say so at once. */
        if (!j->has_served || j->config->restart == CONFIG_RESTART_NO)
                return false;
        if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) < 0)
                chance = 0;
        return backoff_failed(&j->backoff, &j->config->backoff, now_on(j, CLOCK_MONOTONIC), chance,
                              &j->backoff_usec);
}

/* The instance that was to serve, or did, is gone. */
static void jail_failed(Jail *j, LifecycleEvent event) {
        if (event == LIFECYCLE_LIVE_EXITED)
                j->restarts++;
        if (event == LIFECYCLE_LIVE_EXITED && !j->next && j->standby && instance_is_parked(j->standby)) {
                jail_dispatch(j, LIFECYCLE_LIVE_EXITED_STANDBY);
                return;
        }
        /* While somebody serves, or is about to, there is nothing to give up. */
        if (!j->live && !j->next && !jail_may_restart(j)) {
                event = LIFECYCLE_GAVE_UP;
                if (j->has_served)
                        log_error("giving up: %s", j->message ?: "out of memory");
        }
        jail_dispatch(j, event);
}

static void jail_settle(Jail *j, int r, const char *message) {
        Waiter waiter[WAITERS_MAX];
        size_t n = j->n_waiters;

        memcpy(waiter, j->waiter, n * sizeof(Waiter));
        j->n_waiters = 0;
        for (size_t i = 0; i < n; i++)
                waiter[i].done(r, message, waiter[i].userdata);
}

/* The number that the current link names. */
static int current_generation(const char *jail_name, unsigned *ret) {
        _cleanup_free_ char *link = NULL;
        char target[64];
        ssize_t k;

        if (asprintf(&link, JAILD_STATE_DIR "/%s/current", jail_name) < 0)
                return -ENOMEM;
        k = readlink(link, target, sizeof(target) - 1);
        if (k < 0)
                return -errno;
        target[k] = '\0';
        return sscanf(target, "generations/%u", ret) == 1 && *ret > 0 ? 0 : -EBADMSG;
}

static int read_launch(const char *jail_name, unsigned generation, Launch **ret, char **reterr) {
        _cleanup_free_ char *path = NULL, *why = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (asprintf(&path, JAILD_STATE_DIR "/%s/generations/%u/launch", jail_name, generation) < 0)
                return -ENOMEM;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        r = fd < 0 ? -errno : launch_read(fd, ret, &why);
        if (r < 0 && asprintf(reterr, "%s: %s; build again with 'jailctl build %s'", path,
                              why ?: strerror(-r), jail_name) < 0)
                return -ENOMEM;
        return r;
}

/* All that an instance of the current generation is made of. */
static int jail_make_spec(Jail *j, InstancePurpose purpose, InstanceSpec *ret, char **ret_root_path,
                          char **reterr) {
        _cleanup_(launch_freep) Launch *launch = NULL;
        _cleanup_(listeners_freep) Listeners *listeners = NULL;
        _cleanup_(logs_freep) Logs *logs = NULL;
        _cleanup_free_ char *root_path = NULL;
        unsigned generation;
        int r;

        r = current_generation(j->config->name, &generation);
        if (r < 0) {
                if (asprintf(reterr, "nothing has been built yet: run 'jailctl build %s'", j->config->name) <
                    0)
                        return -ENOMEM;
                return r;
        }
        r = read_launch(j->config->name, generation, &launch, reterr);
        if (r < 0)
                return r;
        if (asprintf(&root_path, JAILD_STATE_DIR "/%s/generations/%u/root", j->config->name, generation) < 0)
                return -ENOMEM;
        if (purpose == INSTANCE_SERVE &&
            ((r = listeners_open(launch->listens, launch->n_listens, j->held, &listeners, reterr)) < 0 ||
             (r = logs_open(j->event, j->log_files, root_path, launch, &logs, reterr)) < 0))
                return r;
        *ret = (InstanceSpec){
                .config = j->config,
                .purpose = purpose,
                .generation = generation,
                .root_path = root_path,
                .launch = TAKE_PTR(launch),
                .logs = TAKE_PTR(logs),
                .listeners = TAKE_PTR(listeners),
        };
        *ret_root_path = TAKE_PTR(root_path);
        return 0;
}

/* The jail's own copy of an instance's sockets, kept over its death. */
static int jail_hold(Jail *j, const Instance *i, char **reterr) {
        const Listeners *from = instance_listeners(i);
        Listeners *held;
        size_t n;
        const ListenPair *pairs = listeners_pairs(from, &n);
        int r = listeners_open(pairs, n, from, &held, reterr);

        if (r < 0)
                return r;
        listeners_free(j->held);
        j->held = held;
        return 0;
}

static int jail_spawn(Jail *j, InstancePurpose purpose, Instance **ret, char **reterr) {
        _cleanup_(instance_freep) Instance *instance = NULL;
        _cleanup_free_ char *root_path = NULL;
        InstanceSpec spec;
        int r;

        r = jail_make_spec(j, purpose, &spec, &root_path, reterr);
        if (r < 0)
                return r;
        r = instance_new(j->event, &spec, on_instance, j, &instance, reterr);
        if (r < 0)
                return r;
        if (purpose == INSTANCE_SERVE && !j->held) {
                r = jail_hold(j, instance, reterr);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(instance);
        return 0;
}

static void jail_spawn_next(Jail *j) {
        _cleanup_free_ char *why = NULL;
        int r;

        if (!j->live)
                log_files_mark(j->log_files);
        r = jail_spawn(j, INSTANCE_SERVE, &j->next, &why);
        if (r < 0) {
                jail_record_failure(j, "cannot start", why ?: strerror(-r), "");
                jail_failed(j, LIFECYCLE_NEXT_FAILED);
                return;
        }
        timer_arm(j->start_timer, j->config->start_timeout_usec);
}

static void jail_spawn_standby(Jail *j) {
        _cleanup_free_ char *why = NULL;
        int r;

        if (!j->config->standby || j->standby || !j->live)
                return;
        r = jail_spawn(j, INSTANCE_SERVE, &j->standby, &why);
        if (r < 0) {
                log_warning("no standby: %s", why ?: strerror(-r));
                timer_arm(j->standby_timer, STANDBY_RETRY_USEC);
        }
}

static void jail_configtest(Jail *j) {
        _cleanup_free_ char *why = NULL;
        int r = jail_spawn(j, INSTANCE_CONFIGTEST, &j->configtest, &why);

        if (r < 0) {
                jail_record_failure(j, "cannot test the configuration", why ?: strerror(-r), "");
                jail_dispatch(j, LIFECYCLE_CONFIGTEST_FAILED);
        }
}

static void jail_drain(Jail *j, Instance *i) {
        if (j->n_old == OLD_MAX) {
                instance_free(j->old[0]);
                memmove(j->old, j->old + 1, (OLD_MAX - 1) * sizeof(j->old[0]));
                j->n_old--;
        }
        j->old[j->n_old++] = i;
}

static void jail_for_each(Jail *j, void (*fn)(Instance *i, int argument), int argument) {
        if (j->live)
                fn(j->live, argument);
        if (j->next)
                fn(j->next, argument);
        if (j->standby)
                fn(j->standby, argument);
        for (size_t i = 0; i < j->n_old; i++)
                fn(j->old[i], argument);
}

static bool jail_is_empty(const Jail *j) {
        return !j->live && !j->next && !j->standby && j->n_old == 0;
}

static void close_sockets(Instance *i, int unused) {
        instance_close_sockets(i);
}

/* What has not begun to serve has nobody to wait for. */
static void stop_gracefully(Instance *i, int unused) {
        instance_signal(i, instance_is_ready(i) ? SIGWINCH : SIGKILL);
}

/* Graceful for most of the time, TERM for the rest but a last tenth, which belongs to the kernel's reaping. */
static void jail_stop(Jail *j) {
        static const struct {
                int sig;
                unsigned tenths;
        } phases[] = { { SIGWINCH, 7 }, { SIGTERM, 2 }, { SIGKILL, 1 } };

        if (jail_is_empty(j)) {
                jail_dispatch(j, LIFECYCLE_ALL_EXITED);
                return;
        }
        if (j->stop_phase == 0)
                jail_for_each(j, stop_gracefully, 0);
        else {
                log_notice("still there: sending SIG%s", sigabbrev_np(phases[j->stop_phase].sig));
                jail_for_each(j, instance_signal, phases[j->stop_phase].sig);
        }
        timer_arm(j->stop_timer, j->config->stop_timeout_usec * phases[j->stop_phase].tenths / 10);
        if (j->stop_phase + 1 < ELEMENTSOF(phases))
                j->stop_phase++;
}

static void jail_kill_all(Jail *j) {
        j->live = instance_free(j->live);
        j->next = instance_free(j->next);
        j->standby = instance_free(j->standby);
        while (j->n_old > 0)
                instance_free(j->old[--j->n_old]);
}

static void jail_promote(Jail *j) {
        _cleanup_free_ char *why = NULL;

        j->live = TAKE_PTR(j->next);
        j->has_served = true;
        timer_arm(j->healthy_timer, HEALTHY_USEC);
        /* The new one may listen elsewhere; what the old one alone listened on goes with it. */
        if (jail_hold(j, j->live, &why) < 0)
                log_error("cannot keep the listening sockets: %s", why ?: "out of memory");
        log_notice("serving: generation %u, master %d", instance_generation(j->live), instance_pid(j->live));
}

static void jail_perform(Jail *j, unsigned actions) {
        if (actions & LIFECYCLE_RESET_BACKOFF) {
                backoff_reset(&j->backoff);
                j->has_served = j->was_healthy = false;
        }
        if (actions & LIFECYCLE_ARM_BACKOFF) {
                j->next_start_usec = now_on(j, CLOCK_REALTIME) + j->backoff_usec;
                timer_arm(j->backoff_timer, j->backoff_usec);
        }
        if (actions & LIFECYCLE_DROP_CONFIGTEST)
                j->configtest = instance_free(j->configtest);
        if (actions & LIFECYCLE_DROP_NEXT)
                j->next = instance_free(j->next);
        if (actions & LIFECYCLE_KILL_ALL)
                jail_kill_all(j);
        if (actions & LIFECYCLE_DRAIN_OLD && j->live) {
                instance_signal(j->live, SIGWINCH);
                jail_drain(j, TAKE_PTR(j->live));
                timer_arm(j->drain_timer, DRAIN_USEC);
        }
        if (actions & LIFECYCLE_PROMOTE)
                jail_promote(j);
        if (actions & LIFECYCLE_DROP_STANDBY)
                j->standby = instance_free(j->standby);
        if (actions & LIFECYCLE_RELEASE_STANDBY) {
                j->next = TAKE_PTR(j->standby);
                instance_release(j->next);
                timer_arm(j->start_timer, j->config->start_timeout_usec);
        }
        if (actions & LIFECYCLE_CLOSE_SOCKETS) {
                jail_for_each(j, close_sockets, 0);
                j->held = listeners_free(j->held);
        }
        if (actions & LIFECYCLE_REPLY_DONE)
                jail_settle(j, 0, "");
        if (actions & LIFECYCLE_REPLY_FAILED)
                jail_settle(j, -EIO, j->message ?: "failed");

        /* These may bring the next event at once. */
        if (actions & LIFECYCLE_STOP_GRACEFULLY) {
                j->stop_phase = 0;
                jail_stop(j);
        }
        if (actions & LIFECYCLE_STOP_HARDER)
                jail_stop(j);
        if (actions & LIFECYCLE_SPAWN_NEXT)
                jail_spawn_next(j);
        if (actions & LIFECYCLE_CONFIGTEST)
                jail_configtest(j);
}

static void jail_set_state(Jail *j, LifecycleState state, LifecycleEvent event) {
        if (state == j->state)
                return;
        log_info("%s -> %s (%s)", lifecycle_state_to_string(j->state), lifecycle_state_to_string(state),
                 lifecycle_event_to_string(event));
        j->state = state;
        j->since_usec = now_on(j, CLOCK_REALTIME);
        if (state != LIFECYCLE_STARTING && state != LIFECYCLE_REPLACING)
                timer_disarm(j->start_timer);
        if (state != LIFECYCLE_STOPPING)
                timer_disarm(j->stop_timer);
        if (state != LIFECYCLE_WAITING) {
                timer_disarm(j->backoff_timer);
                j->next_start_usec = 0;
        }
        if (!lifecycle_state_serves(state)) {
                timer_disarm(j->healthy_timer);
                timer_disarm(j->standby_timer);
        }
}

static void jail_dispatch(Jail *j, LifecycleEvent event) {
        LifecycleStep step = lifecycle_step(j->state, event);
        LifecycleState before = j->state;

        if (!step.valid) {
                log_warning("nothing to do for %s while %s", lifecycle_event_to_string(event),
                            lifecycle_state_to_string(j->state));
                return;
        }
        jail_set_state(j, step.state, event);
        jail_perform(j, step.actions);
        if (before != j->state && j->changed)
                j->changed(j, j->changed_userdata);
}

static void on_old_exited(Jail *j, Instance *i) {
        for (size_t k = 0; k < j->n_old; k++)
                if (j->old[k] == i)
                        j->old[k] = j->old[--j->n_old];
        if (j->n_old == 0)
                timer_disarm(j->drain_timer);
        instance_free(i);
}

static void on_exited(Jail *j, Instance *i) {
        bool was_live = i == j->live, was_next = i == j->next;

        if (i == j->configtest) {
                bool passed = instance_succeeded(i);

                if (!passed)
                        jail_record_failure(j, "the configuration is broken, the server goes on as it was",
                                            instance_reason(i), instance_output(i));
                j->configtest = NULL;
                instance_free(i);
                jail_dispatch(j, passed ? LIFECYCLE_CONFIGTEST_PASSED : LIFECYCLE_CONFIGTEST_FAILED);
                return;
        }
        if (j->state != LIFECYCLE_STOPPING && (was_live || was_next))
                jail_record_end(j,
                                was_live  ? "the server ended"
                                : j->live ? "the new server cannot start, the old one goes on"
                                          : "cannot start",
                                i);
        if (was_live)
                j->live = NULL;
        if (was_next)
                j->next = NULL;
        if (i == j->standby) {
                j->standby = NULL;
                if (lifecycle_state_serves(j->state)) {
                        log_warning("the standby ended: %s", instance_reason(i));
                        timer_arm(j->standby_timer, STANDBY_RETRY_USEC);
                }
        }
        on_old_exited(j, i);

        if (j->state == LIFECYCLE_STOPPING) {
                if (jail_is_empty(j))
                        jail_dispatch(j, LIFECYCLE_ALL_EXITED);
        } else if (was_live)
                jail_failed(j, LIFECYCLE_LIVE_EXITED);
        else if (was_next)
                jail_failed(j, LIFECYCLE_NEXT_FAILED);
}

static void on_instance(Instance *i, InstanceEvent event, void *userdata) {
        Jail *j = userdata;

        switch (event) {
        case INSTANCE_PARKED:
                if (i != j->standby)
                        instance_release(i);
                break;
        case INSTANCE_READY:
                if (i == j->next)
                        jail_dispatch(j, LIFECYCLE_NEXT_READY);
                break;
        case INSTANCE_SICK:
                /* Its end is the failure. Workers that never lived are as good as a start that never was. */
                if (!j->was_healthy)
                        j->has_served = false;
                instance_signal(i, SIGKILL);
                break;
        case INSTANCE_EXITED:
                on_exited(j, i);
                break;
        }
}

static int on_start_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        Jail *j = userdata;

        jail_record_failure(j, "cannot start", "not ready in time (StartTimeoutSec=)",
                            j->next ? instance_output(j->next) : "");
        j->next = instance_free(j->next);
        jail_failed(j, LIFECYCLE_NEXT_FAILED);
        return 0;
}

static int on_backoff_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        jail_dispatch(userdata, LIFECYCLE_BACKOFF_ELAPSED);
        return 0;
}

static int on_stop_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        jail_dispatch(userdata, LIFECYCLE_STOP_ELAPSED);
        return 0;
}

static int on_healthy_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        Jail *j = userdata;

        if (j->live && instance_worker_deaths(j->live) == 0) {
                backoff_reset(&j->backoff);
                j->was_healthy = true;
        }
        jail_spawn_standby(j);
        return 0;
}

static int on_standby_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        jail_spawn_standby(userdata);
        return 0;
}

static int on_drain_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        Jail *j = userdata;

        for (size_t i = 0; i < j->n_old; i++) {
                log_notice("old master %d still had requests: ended", instance_pid(j->old[i]));
                instance_signal(j->old[i], SIGKILL);
        }
        return 0;
}

static int add_timer(Jail *j, sd_event_source **ret, sd_event_time_handler_t handler) {
        int r = sd_event_add_time(j->event, ret, CLOCK_MONOTONIC, 0, 1 * USEC_PER_MSEC, handler, j);

        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int jail_new(sd_event *event, const JailConfig *config, Jail **ret, char **reterr) {
        _cleanup_(jail_freep) Jail *j = calloc(1, sizeof(Jail));
        const char *missing;
        int r;

        if (!j || room_layers(config, &j->layers, &missing) < 0)
                return -ENOMEM;
        if (config->mode == CONFIG_MODE_HOST)
                log_warning("Mode=host: the jail has the host's network");
        if (missing)
                log_warning("%s", missing);
        j->event = sd_event_ref(event);
        j->config = config;
        j->since_usec = now_on(j, CLOCK_REALTIME);
        if ((r = log_files_new(config->name, &j->log_files, reterr)) < 0 ||
            (r = add_timer(j, &j->start_timer, on_start_timer)) < 0 ||
            (r = add_timer(j, &j->stop_timer, on_stop_timer)) < 0 ||
            (r = add_timer(j, &j->backoff_timer, on_backoff_timer)) < 0 ||
            (r = add_timer(j, &j->healthy_timer, on_healthy_timer)) < 0 ||
            (r = add_timer(j, &j->standby_timer, on_standby_timer)) < 0 ||
            (r = add_timer(j, &j->drain_timer, on_drain_timer)) < 0)
                return r;
        *ret = TAKE_PTR(j);
        return 0;
}

Jail *jail_free(Jail *j) {
        if (!j)
                return NULL;
        j->configtest = instance_free(j->configtest);
        jail_kill_all(j);
        listeners_free(j->held);
        log_files_free(j->log_files);
        sd_event_source_disable_unref(j->start_timer);
        sd_event_source_disable_unref(j->stop_timer);
        sd_event_source_disable_unref(j->backoff_timer);
        sd_event_source_disable_unref(j->healthy_timer);
        sd_event_source_disable_unref(j->standby_timer);
        sd_event_source_disable_unref(j->drain_timer);
        strv_free(j->layers);
        free(j->last_failure);
        free(j->message);
        sd_event_unref(j->event);
        free(j);
        return NULL;
}

int jail_request(Jail *j, JailRequest request, JailRequestDone done, void *userdata, char **reterr) {
        static const LifecycleEvent events[_JAIL_REQUEST_MAX] = {
                [JAIL_START] = LIFECYCLE_START_REQUEST,
                [JAIL_STOP] = LIFECYCLE_STOP_REQUEST,
                [JAIL_RESTART] = LIFECYCLE_RESTART_REQUEST,
                [JAIL_RELOAD] = LIFECYCLE_RELOAD_REQUEST,
        };

        if (!lifecycle_step(j->state, events[request]).valid) {
                if (asprintf(reterr, "%s", lifecycle_state_to_string(j->state)) < 0)
                        return -ENOMEM;
                return lifecycle_state_serves(j->state) || j->state == LIFECYCLE_STOPPING ||
                                                       j->state == LIFECYCLE_STARTING
                                       ? -EBUSY
                                       : -ENOTCONN;
        }
        if (j->n_waiters == WAITERS_MAX) {
                *reterr = strdup("too many requests wait already");
                return -EBUSY;
        }
        if (request == JAIL_STOP && j->state != LIFECYCLE_STOPPING)
                jail_settle(j, -ECANCELED, "a stop was asked for meanwhile");
        j->waiter[j->n_waiters++] = (Waiter){ .done = done, .userdata = userdata };
        jail_dispatch(j, events[request]);
        return 0;
}

void jail_forget_request(Jail *j, void *userdata) {
        for (size_t i = j->n_waiters; i > 0; i--)
                if (j->waiter[i - 1].userdata == userdata)
                        j->waiter[i - 1] = j->waiter[--j->n_waiters];
}

void jail_on_changed(Jail *j, JailChanged changed, void *userdata) {
        j->changed = changed;
        j->changed_userdata = userdata;
}

void jail_get_status(Jail *j, JailStatus *ret) {
        static const char *const none[] = { NULL };
        const Instance *shown = j->live ?: j->next;
        size_t n = 0;
        const ListenPair *pairs = j->held ? listeners_pairs(j->held, &n) : NULL;
        uint64_t now = now_on(j, CLOCK_MONOTONIC);

        /* One look serves all who ask in the same turn. */
        if (now != j->measured_usec) {
                j->measured_usec = now;
                j->n_processes = 0;
                j->memory_bytes = 0;
                if (shown)
                        proc_measure(instance_pid(shown), &j->n_processes, &j->memory_bytes);
        }
        *ret = (JailStatus){
                .name = j->config->name,
                .description = j->config->description ?: "",
                .state = j->state,
                .since_usec = j->since_usec,
                .main_pid = shown ? instance_pid(shown) : 0,
                .standby_pid = j->standby ? instance_pid(j->standby) : 0,
                .generation = shown ? instance_generation(shown) : 0,
                .restarts = j->restarts,
                .worker_deaths = j->live ? instance_worker_deaths(j->live) : 0,
                .last_failure = j->last_failure ?: "",
                .last_failure_usec = j->last_failure_usec,
                .next_start_usec = j->next_start_usec,
                .listens = pairs,
                .n_listens = n,
                .n_processes = j->n_processes,
                .memory_bytes = j->memory_bytes,
                .layers = shown ? (const char *const *) j->layers : none,
        };
}
