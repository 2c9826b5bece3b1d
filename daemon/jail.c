#include "jail-internal.h"

#include "death.h"
#include "log.h"
#include "network.h"
#include "proc.h"
#include "room.h"

/* Theory of operation: requests, timers and instances become events of the life-cycle table; jail_dispatch()
 * moves the state, the only place that does, and performs the actions. What an action cannot do is an event
 * again. Instances (jail-instances.c) and timers (jail-timers.c) tell what happens to them. */

uint64_t jail_now(const Jail *j, clockid_t clock) {
        uint64_t t = 0;

        (void) sd_event_now(j->event, clock, &t);
        return t;
}

static void jail_settle(Jail *j, int r, const char *message) {
        /* Whoever is told may ask again. */
        _cleanup_free_ Waiter *waiter = TAKE_PTR(j->waiter);
        size_t n = j->n_waiters;

        j->n_waiters = 0;
        for (size_t i = 0; i < n; i++)
                waiter[i].done(r, message, waiter[i].userdata);
}

static void jail_perform(Jail *j, unsigned actions) {
        if (actions & LIFECYCLE_RESET_BACKOFF) {
                backoff_reset(&j->kept->backoff);
                j->kept->has_served = j->kept->was_healthy = j->kept->is_down = false;
                j->kept->n_unhealthy = 0;
        }
        if (actions & LIFECYCLE_ARM_BACKOFF) {
                j->kept->next_start_usec = jail_now(j, CLOCK_REALTIME) + j->kept->backoff_usec;
                timer_arm(j->backoff_timer, j->kept->backoff_usec);
        }
        if (actions & LIFECYCLE_DROP_CONFIGTEST)
                j->configtest = instance_free(j->configtest);
        if (actions & LIFECYCLE_DROP_NEXT)
                j->next = instance_free(j->next);
        if (actions & LIFECYCLE_KILL_ALL)
                jail_kill_all(j);
        if (actions & LIFECYCLE_DRAIN_OLD)
                jail_drain_live(j);
        if (actions & LIFECYCLE_PROMOTE)
                jail_promote(j);
        if (actions & LIFECYCLE_DROP_STANDBY)
                j->standby = instance_free(j->standby);
        if (actions & LIFECYCLE_CLOSE_SOCKETS)
                jail_close_sockets(j);
        if (actions & LIFECYCLE_REPLY_DONE)
                jail_settle(j, 0, "");
        if (actions & LIFECYCLE_REPLY_FAILED)
                jail_settle(j, -EIO, j->message ?: "failed");

        /* These may bring the next event at once. */
        if (actions & LIFECYCLE_STOP_GRACEFULLY) {
                j->kept->stop_phase = 0;
                jail_stop(j);
        }
        if (actions & LIFECYCLE_STOP_HARDER)
                jail_stop(j);
        if (actions & LIFECYCLE_SPAWN_NEXT)
                jail_spawn_next(j);
        if (actions & LIFECYCLE_RELEASE_STANDBY)
                jail_release_standby(j);
        if (actions & LIFECYCLE_CONFIGTEST)
                jail_configtest(j);
}

static void jail_set_state(Jail *j, LifecycleState state, LifecycleEvent event) {
        if (state == j->kept->state)
                return;
        log_info("%s -> %s (%s)", lifecycle_state_to_string(j->kept->state),
                 lifecycle_state_to_string(state), lifecycle_event_to_string(event));
        j->kept->state = state;
        log_set_context(lifecycle_state_to_string(state), j->live ? instance_generation(j->live) : 0);
        j->kept->since_usec = jail_now(j, CLOCK_REALTIME);
        if (state != LIFECYCLE_STARTING && state != LIFECYCLE_REPLACING)
                timer_disarm(j->start_timer);
        if (state != LIFECYCLE_STOPPING)
                timer_disarm(j->stop_timer);
        if (state != LIFECYCLE_WAITING) {
                timer_disarm(j->backoff_timer);
                j->kept->next_start_usec = 0;
        }
        if (state != LIFECYCLE_REPLACING)
                j->kept->replacement = 0;
        if (state != LIFECYCLE_RELOADING && state != LIFECYCLE_REPLACING && state != LIFECYCLE_STARTING)
                jail_forget_wanted_config(j);
        if (!lifecycle_state_serves(state)) {
                timer_disarm(j->healthy_timer);
                timer_disarm(j->standby_timer);
                health_end(j->health);
                idle_end(j->idle);
        }
        jail_unwatch(j);
        if (state == LIFECYCLE_IDLE)
                jail_watch(j);
        if (state == LIFECYCLE_IDLE || state == LIFECYCLE_STOPPED || state == LIFECYCLE_FAILED)
                network_forget();
}

static void jail_tell_state(Jail *j) {
        if (j->told == j->kept->state)
                return;
        j->told = j->kept->state;
        if (j->changed)
                j->changed(j, j->changed_userdata);
}

void jail_dispatch(Jail *j, LifecycleEvent event) {
        LifecycleStep step = lifecycle_step(j->kept->state, event);

        if (!step.valid) {
                log_warning("nothing to do for %s while %s", lifecycle_event_to_string(event),
                            lifecycle_state_to_string(j->kept->state));
                return;
        }
        j->kept->has_begun = true;
        /* An action of the last step may lead on at once: the state between was one all the same. */
        jail_tell_state(j);
        jail_set_state(j, step.state, event);
        jail_perform(j, step.actions);
        jail_tell_state(j);
}

/* What is told with its time was then, by whatever the clock says now. */
static void move_time(uint64_t *usec, int64_t step_usec) {
        if (*usec > 0 && (step_usec > 0 || *usec > (uint64_t) -step_usec))
                *usec += (uint64_t) step_usec;
}

static void on_clock_stepped(int64_t step_usec, void *userdata) {
        Jail *j = userdata;
        int64_t seconds = step_usec / (int64_t) USEC_PER_SEC;
        char text[96];

        snprintf(text, sizeof(text), "the clock was set %s by %lld s, the jail goes on as it was",
                 seconds < 0 ? "back" : "forward", (long long) (seconds < 0 ? -seconds : seconds));
        log_event(EVENT_CLOCK_STEPPED, "%s", text);
        jail_record_notice(text, j);
        move_time(&j->kept->since_usec, step_usec);
        move_time(&j->kept->last_failure_usec, step_usec);
        move_time(&j->kept->next_start_usec, step_usec);
}

int jail_new(sd_event *event, JailConfig *config, Inherited *in, Jail **ret, char **reterr) {
        _cleanup_(jail_freep) Jail *j = calloc(1, sizeof(Jail));
        int adopted, r;

        if (!j)
                return -ENOMEM;
        death_open();
        j->event = sd_event_ref(event);
        j->config = jail_config_ref(config);
        j->room_config = jail_config_ref(config);
        r = jail_say_layers(j);
        if (r < 0)
                return r;
        if ((r = log_files_new(event, config, &j->log_files, reterr)) < 0 || (r = jail_timers_new(j)) < 0 ||
            (r = clock_new(event, on_clock_stepped, j, &j->clock)) < 0 ||
            (r = idle_new(event, config->idle_stop_usec, jail_on_idle, j, &j->idle)) < 0 ||
            (r = health_new(event, config, jail_on_health, j, &j->health)) < 0 ||
            (r = hook_new(event, config, &j->hook, reterr)) < 0 || (r = adopted = jail_adopt(j, in)) < 0)
                return r;
        if (!j->kept)
                j->kept = store_memory_new(JAIL_STATE_NAME, sizeof(JailKept));
        if (!j->kept)
                return -errno;
        j->told = j->kept->state;
        log_files_on_trouble(j->log_files, jail_record_notice, j);
        *ret = TAKE_PTR(j);
        return adopted;
}

Jail *jail_free(Jail *j) {
        if (!j)
                return NULL;
        j->configtest = instance_free(j->configtest);
        jail_kill_all(j);
        jail_unwatch(j);
        clock_free(j->clock);
        idle_free(j->idle);
        health_free(j->health);
        hook_finish(j->hook);
        hook_free(j->hook);
        listeners_free(j->held);
        log_files_free(j->log_files);
        jail_timers_free(j);
        sd_event_source_disable_unref(j->switch_source);
        strv_free(j->layers);
        jail_config_free(j->wanted_config);
        jail_config_free(j->room_config);
        jail_config_free(j->config);
        store_memory_free(j->kept, sizeof(JailKept));
        free(j->waiter);
        free(j->message);
        sd_event_unref(j->event);
        free(j);
        return NULL;
}

/* It cannot be done in this state. */
static int refuse_request(const Jail *j, char **reterr) {
        if (asprintf(reterr, "%s", lifecycle_state_to_string(j->kept->state)) < 0)
                return -ENOMEM;
        return lifecycle_state_serves(j->kept->state) || j->kept->state == LIFECYCLE_STOPPING ||
                                               j->kept->state == LIFECYCLE_STARTING
                               ? -EBUSY
                               : -ENOTCONN;
}

int jail_request(Jail *j, JailRequest request, JailRequestDone done, void *userdata, char **reterr) {
        static const LifecycleEvent events[_JAIL_REQUEST_MAX] = {
                [JAIL_START] = LIFECYCLE_START_REQUEST,
                [JAIL_STOP] = LIFECYCLE_STOP_REQUEST,
                [JAIL_RESTART] = LIFECYCLE_RESTART_REQUEST,
                [JAIL_RELOAD] = LIFECYCLE_RELOAD_REQUEST,
        };
        Waiter *more;

        if (!lifecycle_step(j->kept->state, events[request]).valid)
                return refuse_request(j, reterr);
        if (j->n_waiters == WAITERS_MAX) {
                *reterr = strdup("too many requests wait already");
                return -EBUSY;
        }
        if (request == JAIL_RESTART || request == JAIL_RELOAD) {
                int r = jail_want_config(j, reterr);

                if (r < 0)
                        return r;
        }
        if (request == JAIL_STOP && j->kept->state != LIFECYCLE_STOPPING)
                jail_settle(j, -ECANCELED, "a stop was asked for meanwhile");
        more = reallocarray(j->waiter, j->n_waiters + 1, sizeof(Waiter));
        if (!more)
                return -ENOMEM;
        j->waiter = more;
        /* What was changed meanwhile deserves as many tries as the first. */
        if (request == JAIL_RESTART || request == JAIL_RELOAD)
                j->kept->n_unhealthy = 0;
        j->waiter[j->n_waiters++] = (Waiter){ .done = done, .userdata = userdata };
        jail_dispatch(j, events[request]);
        return 0;
}

int jail_request_replacement(Jail *j, unsigned generation, JailRequestDone done, void *userdata,
                             char **reterr) {
        int r;

        if (j->kept->state != LIFECYCLE_RUNNING)
                return refuse_request(j, reterr);
        j->kept->replacement = generation;
        r = jail_request(j, JAIL_RESTART, done, userdata, reterr);
        if (r < 0)
                j->kept->replacement = 0;
        return r;
}

int jail_request_take_over(Jail *j, pid_t pid, JailRequestDone done, void *userdata, char **reterr) {
        Listeners *held;
        int r;

        if (j->kept->state != LIFECYCLE_STOPPED)
                return refuse_request(j, reterr);
        r = jail_take_over(j, pid, &held, reterr);
        if (r < 0)
                return r;
        listeners_free(j->held);
        j->held = held;
        return jail_request(j, JAIL_START, done, userdata, reterr);
}

int jail_share_sockets(Jail *j, bool share, char **reterr) {
        int r = j->held ? listeners_share(j->held, share) : 0;

        if (r < 0 && asprintf(reterr, "cannot share the listening sockets: %s", strerror(-r)) < 0)
                return -ENOMEM;
        return r;
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
        HealthLoad load = { .request_rate = -1 };

        (void) health_load(j->health, &load);
        *ret = (JailStatus){
                .name = j->config->name,
                .description = j->config->description ?: "",
                .state = j->kept->state,
                .since_usec = j->kept->since_usec,
                .main_pid = shown ? instance_pid(shown) : 0,
                .standby_pid = j->standby && instance_is_parked(j->standby) ? instance_pid(j->standby) : 0,
                .generation = shown ? instance_generation(shown) : 0,
                .restarts = j->kept->restarts,
                .last_worker_death = j->live ? instance_last_worker_death(j->live) : "",
                .worker_deaths = j->live ? instance_worker_deaths(j->live) : 0,
                .health = health_summary(j->health),
                .last_failure = j->kept->last_failure,
                .last_failure_usec = j->kept->last_failure_usec,
                .last_notice = j->kept->last_notice,
                .last_notice_usec = j->kept->last_notice_usec,
                .next_start_usec = j->kept->next_start_usec,
                .listens = pairs,
                .n_listens = n,
                .requests = load.requests,
                .request_rate = load.request_rate,
                .busy_workers = load.busy_workers,
                .idle_workers = load.idle_workers,
                .log_dropped_bytes = log_files_dropped(j->log_files),
                .layers = shown ? (const char *const *) j->layers : none,
        };
}

void jail_measure(Jail *j, JailStatus *status) {
        /* Not the time of the event loop's turn, which stands still while something takes long. */
        uint64_t begin = monotonic_usec();

        /* Anybody may ask, and as often as he likes: looking takes a tenth of our time at most. */
        if (begin >= j->next_measure_usec || status->main_pid != j->measured_pid) {
                j->usage = (ProcUsage){};
                if (status->main_pid > 0)
                        proc_measure(status->main_pid, &j->usage);
                j->measured_pid = status->main_pid;
                j->next_measure_usec = monotonic_usec() + 9 * (monotonic_usec() - begin);
        }
        status->n_processes = j->usage.n_processes;
        status->n_tasks = j->usage.n_tasks;
        status->memory_bytes = j->usage.memory_bytes;
        status->cpu_usec = j->usage.cpu_usec;
}
