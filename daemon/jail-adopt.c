#include <limits.h>
#include <signal.h>

#include "jail-internal.h"
#include "log.h"
#include "unit.h"

/* Taking over from a supervisor that is gone. It may have died between any two instructions, so what it left is
 * first put together as it stands (jail_adopt), and then the state is entered once more (jail_resume): each thing
 * that the state asks for is begun if it is not there, and what it has no place for is ended. */

/* Neither a draining server nor one that is to stop gets them back. */
static bool has_sockets(const Jail *j, InstanceRole role) {
        return role != INSTANCE_OLD && j->kept->state != LIFECYCLE_STOPPING &&
               j->kept->state != LIFECYCLE_STOPPED && j->kept->state != LIFECYCLE_FAILED;
}

static void adopt_instance(Jail *j, Inherited *in, unsigned serial, const Listeners *pool) {
        _cleanup_free_ char *root_path = NULL, *why = NULL;
        InstanceRole role = INSTANCE_OLD;
        InstanceSpec spec;
        unsigned generation;
        Instance *i;
        int r;

        r = instance_peek(in, serial, &role, &generation);
        if (r >= 0)
                r = jail_make_spec(j, j->room_config, INSTANCE_SERVE, generation, &spec, &root_path, &why);
        if (r >= 0 && has_sockets(j, role)) {
                r = listeners_open(spec.launch->listens, spec.launch->n_listens, pool, &spec.listeners,
                                   &why);
                if (r < 0)
                        instance_spec_done(&spec);
        }
        if (r >= 0) {
                spec.serial = serial;
                r = instance_adopt(j->event, &spec, in, jail_on_instance, j, &i, &why);
        }
        if (r < 0) {
                log_event(EVENT_ADOPTION_REFUSED,
                          "cannot go on with instance %u of the last supervisor, ending it: %s", serial,
                          why
                                          ?: r == -EPROTO ? "another version of jaild started it"
                                                          : strerror(-r));
                instance_discard(in, serial);
                return;
        }

        switch (role) {
        case INSTANCE_LIVE:
                instance_free(j->live);
                j->live = i;
                break;
        case INSTANCE_NEXT:
                instance_free(j->next);
                j->next = i;
                break;
        case INSTANCE_STANDBY:
                instance_free(j->standby);
                j->standby = i;
                break;
        default:
                jail_add_old(j, i);
        }
}

/* The serials that the store has something of, in rising order. Returns UINT_MAX after the last. */
static unsigned next_serial(const Inherited *in, unsigned after) {
        unsigned least = UINT_MAX, serial;

        for (size_t i = 0; i < in->n; i++)
                if (in->item[i].fd >= 0 && sscanf(in->item[i].name, "instance%u.", &serial) == 1 &&
                    serial > after && serial < least)
                        least = serial;
        return least;
}

static void end_strangers(const Jail *j) {
        const Instance *known[OLD_MAX + 3] = { j->live, j->next, j->standby };
        pid_t pids[ELEMENTSOF(known)];
        size_t n = 0;

        memcpy(known + 3, j->old, j->n_old * sizeof(known[0]));
        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (known[i])
                        pids[n++] = instance_pid(known[i]);
        unit_end_strangers(pids, n);
}

int jail_adopt(Jail *j, Inherited *in) {
        _cleanup_(listeners_freep) Listeners *pool = NULL;
        _cleanup_free_ char *why = NULL;
        JailKept *kept;
        int fd, r;

        fd = inherited_take(in, JAIL_STATE_NAME);
        kept = fd < 0 ? NULL : store_memory_adopt(fd, sizeof(JailKept));
        if (fd >= 0 && !kept)
                log_event(EVENT_ADOPTION_REFUSED,
                          "cannot read what the last supervisor left, starting anew: %s",
                          errno == EPROTO ? "it was another version of jaild" : strerror(errno));
        if (!kept || !kept->has_begun || kept->state >= _LIFECYCLE_STATE_MAX) {
                bool waits = kept && !kept->has_begun && kept->waits_for_request;

                if (waits)
                        j->kept = kept;
                else
                        store_memory_free(kept, sizeof(JailKept));
                for (unsigned serial = 0; (serial = next_serial(in, serial)) < UINT_MAX;)
                        instance_discard(in, serial);
                if (fd >= 0 && !waits)
                        store_drop(JAIL_STATE_NAME);
                unit_end_strangers(NULL, 0);
                /* A listening socket is what it is, whoever left it. */
                r = listeners_adopt(in, &pool);
                if (r >= 0 && listeners_count(pool) > 0)
                        j->held = TAKE_PTR(pool);
                return r;
        }
        j->kept = kept;
        kept->last_failure[sizeof(kept->last_failure) - 1] = '\0';
        kept->last_notice[sizeof(kept->last_notice) - 1] = '\0';
        r = listeners_adopt(in, &pool);
        if (r < 0)
                return r;
        for (unsigned serial = 0; (serial = next_serial(in, serial)) < UINT_MAX;)
                adopt_instance(j, in, serial, pool);

        if (!has_sockets(j, INSTANCE_LIVE))
                r = 0;
        else if (j->live)
                r = jail_hold(j, j->live, &why);
        else
                j->held = TAKE_PTR(pool);
        if (r < 0)
                log_error("cannot keep the listening sockets: %s", why ?: strerror(-r));
        log_set_context(lifecycle_state_to_string(kept->state), j->live ? instance_generation(j->live) : 0);
        end_strangers(j);
        log_event(EVENT_ADOPTED, "going on from the last supervisor: %s, master %d",
                  lifecycle_state_to_string(kept->state), j->live ? instance_pid(j->live) : 0);
        return 1;
}

/* Its supervisor died between two steps: end what has no place in the state, or take the second step. */
static void drop_misplaced(Jail *j) {
        switch ((LifecycleState) j->kept->state) {
        case LIFECYCLE_STOPPED:
        case LIFECYCLE_FAILED:
                jail_kill_all(j);
                jail_close_sockets(j);
                break;
        case LIFECYCLE_WAITING:
        case LIFECYCLE_IDLE:
                j->live = instance_free(j->live);
                j->next = instance_free(j->next);
                j->standby = instance_free(j->standby);
                break;
        case LIFECYCLE_STARTING:
                j->live = instance_free(j->live);
                break;
        case LIFECYCLE_RUNNING:
        case LIFECYCLE_RELOADING:
                if (j->next && instance_is_ready(j->next)) {
                        jail_drain_live(j);
                        jail_promote(j);
                }
                j->next = instance_free(j->next);
                break;
        default:
                break;
        }
}

/* Begin what the state is about, where the last supervisor had not begun it. */
static void enter_again(Jail *j) {
        uint64_t now = jail_now(j, CLOCK_REALTIME);

        switch ((LifecycleState) j->kept->state) {
        case LIFECYCLE_STARTING:
        case LIFECYCLE_REPLACING:
                if (!j->next)
                        jail_spawn_next(j);
                else
                        timer_arm(j->start_timer, j->config->start_timeout_usec);
                break;
        case LIFECYCLE_RELOADING:
                jail_configtest(j);
                break;
        case LIFECYCLE_WAITING:
                timer_arm(j->backoff_timer,
                          j->kept->next_start_usec > now && j->kept->next_start_usec - now <
                                                                            j->kept->backoff_usec
                                          ? j->kept->next_start_usec - now
                                          : 0);
                break;
        case LIFECYCLE_STOPPING:
                if (j->kept->stop_phase > 0)
                        j->kept->stop_phase--;
                jail_stop(j);
                break;
        default:
                break;
        }
}

void jail_resume(Jail *j) {
        drop_misplaced(j);
        for (size_t i = 0; i < j->n_old; i++) {
                instance_resume(j->old[i]);
                instance_signal(j->old[i], SIGWINCH);
        }
        if (j->live)
                instance_resume(j->live);
        if (j->standby)
                instance_resume(j->standby);
        /* Last: when it is ready by now, the others change places. */
        if (j->next)
                instance_resume(j->next);

        if (lifecycle_state_serves(j->kept->state) && !j->live) {
                jail_record_failure(j, EVENT_SERVER_DIED, "the server ended",
                                    "it could not be taken over from the last supervisor", "");
                jail_failed(j, LIFECYCLE_LIVE_EXITED);
        } else
                enter_again(j);
        if (lifecycle_state_serves(j->kept->state) && j->live)
                jail_attend_live(j);
        if (lifecycle_state_serves(j->kept->state)) {
                jail_renew_standby(j);
                timer_arm(j->healthy_timer, HEALTHY_USEC);
        }
        if (j->kept->state == LIFECYCLE_IDLE)
                jail_watch(j);
        j->told = j->kept->state;
        if (j->changed)
                j->changed(j, j->changed_userdata);
}
