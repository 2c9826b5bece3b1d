#include "death.h"
#include "jail-internal.h"
#include "log.h"

#define DYING_PAUSE_USEC (5 * 60 * USEC_PER_SEC)

void jail_tell(Jail *j, Event event, const char *message) {
        hook_notify(j->hook, event, message);
}

/* Put another server in the place of the live one, for the recorded reason. */
static void jail_replace_unhealthy(Jail *j) {
        bool has_standby = j->standby && instance_is_parked(j->standby);

        j->kept->restarts++;
        jail_log_failure(j);
        jail_tell(j, EVENT_UNHEALTHY, j->kept->last_failure);
        j->live_is_unhealthy = true;
        jail_dispatch(j, has_standby ? LIFECYCLE_UNHEALTHY_STANDBY : LIFECYCLE_UNHEALTHY);
}

/* The live server does not answer as it should. */
static void jail_unhealthy(Jail *j, const char *reason) {
        jail_record_failure(j, EVENT_UNHEALTHY, "the server is not healthy", reason, "");
        /* Each was given its time: it is their number that counts, not how fast they failed. */
        if (++j->kept->n_unhealthy > j->config->backoff.burst || j->config->restart == CONFIG_RESTART_NO)
                jail_give_up(j);
        else
                jail_replace_unhealthy(j);
}

void jail_on_dying(Jail *j) {
        char reason[DEATH_WORDS_MAX + 64];
        uint64_t now = jail_now(j, CLOCK_MONOTONIC);

        /* Where a visitor can bring a worker down, he must not bring the jail down: it is never given up for this, and
         * not replaced for it all the time. */
        if (j->kept->state != LIFECYCLE_RUNNING || j->config->restart == CONFIG_RESTART_NO ||
            (j->dying_usec > 0 && now - j->dying_usec < DYING_PAUSE_USEC))
                return;
        j->dying_usec = now;
        snprintf(reason, sizeof(reason), "its workers end again and again: %u so far, the last %s",
                 instance_worker_deaths(j->live), instance_last_worker_death(j->live));
        jail_record_failure(j, EVENT_UNHEALTHY, "the server is not healthy", reason, "");
        jail_replace_unhealthy(j);
}

void jail_on_health(HealthVerdict verdict, const char *reason, void *userdata) {
        Jail *j = userdata;

        if (verdict == HEALTH_BAD) {
                /* Whoever tests, replaces or stops it already is on the way to something better. */
                if (j->kept->state == LIFECYCLE_RUNNING)
                        jail_unhealthy(j, reason);
                return;
        }
        if (j->kept->n_unhealthy > 0 && j->kept->state == LIFECYCLE_RUNNING)
                log_notice("the server is healthy again: %s", reason);
        j->kept->n_unhealthy = 0;
}

void jail_attend_live(Jail *j) {
        size_t n;
        const ListenPair *pairs = listeners_pairs(instance_listeners(j->live), &n);

        j->live_is_unhealthy = false;
        health_begin(j->health, pairs, n);
        idle_begin(j->idle, instance_pid(j->live), pairs, n);
}
