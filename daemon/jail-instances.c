#include <fcntl.h>
#include <signal.h>

#include "config-paths.h"
#include "jail-internal.h"
#include "log.h"

/* How long a replaced instance may finish its downloads. */
#define DRAIN_USEC (300 * USEC_PER_SEC)

int jail_current_generation(const Jail *j, unsigned *ret) {
        _cleanup_free_ char *link = NULL;
        char target[64];
        ssize_t k;

        if (asprintf(&link, JAILD_STATE_DIR "/%s/current", j->config->name) < 0)
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

int jail_make_spec(Jail *j, JailConfig *config, InstancePurpose purpose, unsigned generation,
                   InstanceSpec *ret, char **ret_root_path, char **reterr) {
        _cleanup_(launch_freep) Launch *launch = NULL;
        _cleanup_(logs_freep) Logs *logs = NULL;
        _cleanup_free_ char *root_path = NULL;
        int r;

        r = read_launch(j->config->name, generation, &launch, reterr);
        if (r < 0)
                return r;
        if (asprintf(&root_path, JAILD_STATE_DIR "/%s/generations/%u/root", j->config->name, generation) < 0)
                return -ENOMEM;
        if (purpose == INSTANCE_SERVE) {
                r = logs_open(j->event, j->log_files, root_path, launch, &logs, reterr);
                if (r < 0)
                        return r;
        }
        *ret = (InstanceSpec){
                .config = config,
                .purpose = purpose,
                .generation = generation,
                .root_path = root_path,
                .launch = TAKE_PTR(launch),
                .logs = TAKE_PTR(logs),
        };
        *ret_root_path = TAKE_PTR(root_path);
        return 0;
}

int jail_hold(Jail *j, const Instance *i, char **reterr) {
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

/* What the next instance is to be of. */
static int next_generation(const Jail *j, unsigned *ret, char **reterr) {
        int r = 0;

        *ret = j->kept->replacement;
        if (*ret == 0)
                r = jail_current_generation(j, ret);
        if (r < 0 &&
            asprintf(reterr, "nothing has been built yet: run 'jailctl build %s'", j->config->name) < 0)
                return -ENOMEM;
        return r;
}

int jail_take_over(Jail *j, pid_t pid, Listeners **ret, char **reterr) {
        _cleanup_free_ char *root_path = NULL;
        InstanceSpec spec;
        unsigned generation;
        int r = next_generation(j, &generation, reterr);

        if (r >= 0)
                r = jail_make_spec(j, j->room_config, INSTANCE_SERVE, generation, &spec, &root_path, reterr);
        if (r < 0)
                return r;
        r = listeners_take_over(pid, spec.launch->listens, spec.launch->n_listens, ret, reterr);
        instance_spec_done(&spec);
        return r;
}

int jail_spawn(Jail *j, InstancePurpose purpose, InstanceRole role, Instance **ret, char **reterr) {
        _cleanup_(instance_freep) Instance *instance = NULL;
        _cleanup_free_ char *root_path = NULL;
        InstanceSpec spec;
        unsigned generation;
        int r = next_generation(j, &generation, reterr);

        if (r < 0)
                return r;
        r = jail_make_spec(j,
                           role == INSTANCE_STANDBY || !j->wanted_config ? j->room_config : j->wanted_config,
                           purpose, generation, &spec, &root_path, reterr);
        if (r < 0)
                return r;
        if (purpose == INSTANCE_SERVE) {
                r = listeners_open(spec.launch->listens, spec.launch->n_listens, j->held, &spec.listeners,
                                   reterr);
                if (r < 0) {
                        instance_spec_done(&spec);
                        return r;
                }
        }
        spec.role = role;
        spec.serial = ++j->kept->serial;
        r = instance_new(j->event, &spec, jail_on_instance, j, &instance, reterr);
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

void jail_spawn_next(Jail *j) {
        _cleanup_free_ char *why = NULL;
        int r;

        if (!j->live)
                log_files_mark(j->log_files);
        r = jail_spawn(j, INSTANCE_SERVE, INSTANCE_NEXT, &j->next, &why);
        if (r < 0) {
                jail_record_failure(j, EVENT_START_FAILED, "cannot start", why ?: strerror(-r), "");
                jail_failed(j, LIFECYCLE_NEXT_FAILED);
                return;
        }
        timer_arm(j->start_timer, j->config->start_timeout_usec);
}

void jail_configtest(Jail *j) {
        _cleanup_free_ char *why = NULL;
        int r = jail_spawn(j, INSTANCE_CONFIGTEST, INSTANCE_OLD, &j->configtest, &why);

        if (r < 0) {
                jail_record_failure(j, EVENT_CONFIG_REFUSED, "cannot test the configuration",
                                    why ?: strerror(-r), "");
                jail_log_failure(j);
                jail_dispatch(j, LIFECYCLE_CONFIGTEST_FAILED);
        }
}

void jail_add_old(Jail *j, Instance *i) {
        if (j->n_old == OLD_MAX) {
                instance_free(j->old[0]);
                memmove(j->old, j->old + 1, (OLD_MAX - 1) * sizeof(j->old[0]));
                j->n_old--;
        }
        j->old[j->n_old++] = i;
        jail_arm_drain(j);
}

void jail_drain_live(Jail *j) {
        if (!j->live)
                return;
        /* What does not answer has little to finish. */
        instance_set_drain_until(
                        j->live,
                        jail_now(j, CLOCK_MONOTONIC) +
                                        (j->live_is_unhealthy ? j->config->stop_timeout_usec : DRAIN_USEC));
        instance_set_role(j->live, INSTANCE_OLD);
        instance_signal(j->live, SIGWINCH);
        /* An address that only it has is refused from here on, not queued for nobody. */
        instance_close_sockets(j->live);
        jail_add_old(j, TAKE_PTR(j->live));
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

void jail_close_sockets(Jail *j) {
        jail_for_each(j, close_sockets, 0);
        j->held = listeners_free(j->held);
}

/* What has not begun to serve has nobody to wait for. */
static void stop_gracefully(Instance *i, int unused) {
        instance_signal(i, instance_is_ready(i) && !instance_is_parked(i) ? SIGWINCH : SIGKILL);
}

/* Graceful for most of the time, TERM for the rest but a last tenth, which belongs to the kernel's reaping. */
void jail_stop(Jail *j) {
        static const struct {
                int sig;
                unsigned tenths;
        } phases[] = { { SIGWINCH, 7 }, { SIGTERM, 2 }, { SIGKILL, 1 } };

        if (jail_is_empty(j)) {
                jail_dispatch(j, LIFECYCLE_ALL_EXITED);
                return;
        }
        if (j->kept->stop_phase == 0)
                jail_for_each(j, stop_gracefully, 0);
        else {
                log_notice("still there: sending SIG%s", sigabbrev_np(phases[j->kept->stop_phase].sig));
                jail_for_each(j, instance_signal, phases[j->kept->stop_phase].sig);
        }
        timer_arm(j->stop_timer, j->config->stop_timeout_usec * phases[j->kept->stop_phase].tenths / 10);
        if (j->kept->stop_phase + 1 < ELEMENTSOF(phases))
                j->kept->stop_phase++;
}

void jail_kill_all(Jail *j) {
        j->live = instance_free(j->live);
        j->next = instance_free(j->next);
        j->standby = instance_free(j->standby);
        while (j->n_old > 0)
                instance_free(j->old[--j->n_old]);
}

void jail_promote(Jail *j) {
        _cleanup_free_ char *why = NULL;

        instance_set_role(j->next, INSTANCE_LIVE);
        j->live = TAKE_PTR(j->next);
        j->kept->has_served = true;
        jail_take_config(j, instance_config(j->live));
        timer_arm(j->healthy_timer, HEALTHY_USEC);
        /* The new one may listen elsewhere; what the old one alone listened on goes with it. */
        if (jail_hold(j, j->live, &why) < 0)
                log_error("cannot keep the listening sockets: %s", why ?: "out of memory");
        log_set_context(lifecycle_state_to_string(j->kept->state), instance_generation(j->live));
        log_event(j->kept->is_down ? EVENT_RECOVERED : EVENT_SERVING, "serving%s: generation %u, master %d",
                  j->kept->is_down ? " again" : "", instance_generation(j->live), instance_pid(j->live));
        if (j->kept->is_down)
                jail_tell(j, EVENT_RECOVERED, "");
        j->kept->is_down = false;
        jail_attend_live(j);
}

static void on_old_exited(Jail *j, const Instance *i) {
        for (size_t k = 0; k < j->n_old; k++)
                if (j->old[k] == i)
                        j->old[k] = j->old[--j->n_old];
        jail_arm_drain(j);
        /* jaild itself may be of no use any more. */
        if (j->n_old == 0 && j->kept->state == LIFECYCLE_IDLE && j->changed)
                j->changed(j, j->changed_userdata);
}

static void on_exited(Jail *j, Instance *i) {
        /* Last: clients wait for the next one, and nobody for this to be cleared away. */
        _cleanup_(instance_freep) Instance *gone = i;
        bool was_live = i == j->live, was_next = i == j->next;

        if (i == j->configtest) {
                bool passed = instance_succeeded(i);

                if (!passed) {
                        jail_record_failure(j, EVENT_CONFIG_REFUSED,
                                            "the configuration is broken, the server goes on as it was",
                                            instance_reason(i), instance_output(i));
                        jail_log_failure(j);
                }
                j->configtest = NULL;
                jail_dispatch(j, passed ? LIFECYCLE_CONFIGTEST_PASSED : LIFECYCLE_CONFIGTEST_FAILED);
                return;
        }
        if (j->kept->state != LIFECYCLE_STOPPING && (was_live || was_next))
                jail_record_end(j, was_live ? EVENT_SERVER_DIED : EVENT_START_FAILED,
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
                if (lifecycle_state_serves(j->kept->state))
                        jail_standby_lost(j, instance_reason(i));
        }
        on_old_exited(j, i);

        if (j->kept->state == LIFECYCLE_STOPPING) {
                if (jail_is_empty(j))
                        jail_dispatch(j, LIFECYCLE_ALL_EXITED);
        } else if (was_live)
                jail_failed(j, LIFECYCLE_LIVE_EXITED);
        else if (was_next)
                jail_failed(j, LIFECYCLE_NEXT_FAILED);
}

void jail_on_instance(Instance *i, InstanceEvent event, void *userdata) {
        Jail *j = userdata;

        switch (event) {
        case INSTANCE_READY:
                if (i == j->next)
                        jail_dispatch(j, LIFECYCLE_NEXT_READY);
                break;
        case INSTANCE_SICK:
                /* Its end is the failure. Workers that never lived are as good as a start that never was. */
                if (!j->kept->was_healthy)
                        j->kept->has_served = false;
                instance_signal(i, SIGKILL);
                break;
        case INSTANCE_DYING:
                if (i == j->live)
                        jail_on_dying(j);
                break;
        case INSTANCE_ENDING:
                /* Clients wait for the next one; only a stop waits for the last process. */
                if (i == j->live && lifecycle_state_serves(j->kept->state))
                        instance_leave(i);
                break;
        case INSTANCE_EXITED:
                on_exited(j, i);
                break;
        }
}
