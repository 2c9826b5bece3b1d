#include "jail-internal.h"
#include "log.h"

void jail_tell(Jail *j, Event event, const char *message) {
        hook_notify(j->hook, event, message);
}

/* The live server does not answer as it should: put another one in its place, or give up. */
static void jail_unhealthy(Jail *j, const char *reason) {
        bool has_standby = j->standby && instance_is_parked(j->standby);

        jail_record_failure(j, EVENT_UNHEALTHY, "the server is not healthy", reason, "");
        /* Each was given its time: it is their number that counts, not how fast they failed. */
        if (++j->kept->n_unhealthy > j->config->backoff.burst || j->config->restart == CONFIG_RESTART_NO) {
                jail_give_up(j);
                return;
        }
        j->kept->restarts++;
        jail_log_failure(j);
        jail_tell(j, EVENT_UNHEALTHY, j->kept->last_failure);
        j->live_is_unhealthy = true;
        jail_dispatch(j, has_standby ? LIFECYCLE_UNHEALTHY_STANDBY : LIFECYCLE_UNHEALTHY);
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

void jail_health_begin(Jail *j) {
        size_t n;
        const ListenPair *pairs = listeners_pairs(instance_listeners(j->live), &n);

        j->live_is_unhealthy = false;
        health_begin(j->health, pairs, n);
}
