#include <malloc.h>
#include <signal.h>

#include "jail-internal.h"
#include "log.h"

void timer_arm(sd_event_source *timer, uint64_t delay_usec) {
        (void) sd_event_source_set_time_relative(timer, delay_usec);
        (void) sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

void timer_disarm(sd_event_source *timer) {
        (void) sd_event_source_set_enabled(timer, SD_EVENT_OFF);
}

static int on_start_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        Jail *j = userdata;

        jail_record_failure(j, EVENT_START_FAILED, "cannot start", "not ready in time (StartTimeoutSec=)",
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
                backoff_reset(&j->kept->backoff);
                j->kept->was_healthy = true;
        }
        jail_spawn_standby(j);
        /* What it took to start is not needed while the server runs, which may be for months. */
        (void) malloc_trim(0);
        return 0;
}

static int on_standby_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        jail_spawn_standby(userdata);
        return 0;
}

static int on_drain_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        Jail *j = userdata;
        uint64_t now = jail_now(j, CLOCK_MONOTONIC);

        for (size_t i = 0; i < j->n_old; i++) {
                if (instance_drain_until(j->old[i]) > now)
                        continue;
                log_notice("old master %d still had requests: ended", instance_pid(j->old[i]));
                instance_signal(j->old[i], SIGKILL);
                /* Its end is near, and not waited for here. */
                instance_set_drain_until(j->old[i], UINT64_MAX);
        }
        jail_arm_drain(j);
        return 0;
}

void jail_arm_drain(Jail *j) {
        uint64_t first = UINT64_MAX;

        for (size_t i = 0; i < j->n_old; i++)
                if (instance_drain_until(j->old[i]) < first)
                        first = instance_drain_until(j->old[i]);
        (void) sd_event_source_set_time(j->drain_timer, first);
        (void) sd_event_source_set_enabled(j->drain_timer,
                                           first < UINT64_MAX ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

/* To the microsecond: clients wait for the one without delay, and none of them is armed often. */
static int add_timer(Jail *j, sd_event_source **ret, sd_event_time_handler_t handler) {
        int r = sd_event_add_time(j->event, ret, CLOCK_MONOTONIC, 0, 1, handler, j);

        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int jail_timers_new(Jail *j) {
        int r;

        if ((r = add_timer(j, &j->start_timer, on_start_timer)) < 0 ||
            (r = add_timer(j, &j->stop_timer, on_stop_timer)) < 0 ||
            (r = add_timer(j, &j->backoff_timer, on_backoff_timer)) < 0 ||
            (r = add_timer(j, &j->healthy_timer, on_healthy_timer)) < 0 ||
            (j->config->standby && (r = add_timer(j, &j->standby_timer, on_standby_timer)) < 0) ||
            (r = add_timer(j, &j->drain_timer, on_drain_timer)) < 0)
                return r;
        return 0;
}

void jail_timers_free(Jail *j) {
        sd_event_source_disable_unref(j->start_timer);
        sd_event_source_disable_unref(j->stop_timer);
        sd_event_source_disable_unref(j->backoff_timer);
        sd_event_source_disable_unref(j->healthy_timer);
        sd_event_source_disable_unref(j->standby_timer);
        sd_event_source_disable_unref(j->drain_timer);
}
