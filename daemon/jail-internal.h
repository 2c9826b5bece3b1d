#pragma once

/* The jail, seen by the files that make it up: jail.c (states and requests), jail-instances.c, jail-failure.c and
 * jail-timers.c. Nobody else includes this. */

#include "backoff.h"
#include "events.h"
#include "instance.h"
#include "jail.h"

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
        /* In state replacing: the generation to replace by, 0 for the current one. */
        unsigned replacement;
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

        sd_event_source *inotify_source;

        Waiter waiter[WAITERS_MAX];
        size_t n_waiters;

        char **layers;
        unsigned restarts;
        char *last_failure;
        uint64_t last_failure_usec;
        /* What kind it was, and what it put an end to: "cannot start". */
        Event failure_event;
        const char *failed_what;
        /* Nobody has served since. */
        bool is_down;
        uint64_t next_start_usec;
        /* What the requester is told about the last failure: the reason and Apache's words. */
        char *message;

        uint64_t measured_usec;
        unsigned n_processes;
        uint64_t memory_bytes;
};

/* jail.c */

/* Move the state by the table, and perform what the table says. */
void jail_dispatch(Jail *j, LifecycleEvent event);
uint64_t jail_now(const Jail *j, clockid_t clock);

/* jail-instances.c */

/* Start the next instance, or bring LIFECYCLE_NEXT_FAILED about. */
void jail_spawn_next(Jail *j);
/* Start a standby if one is wanted and not there. */
void jail_spawn_standby(Jail *j);
void jail_configtest(Jail *j);
/* The next instance becomes the live one. */
void jail_promote(Jail *j);
/* The live instance becomes an old one, which ends when its last request is answered. */
void jail_drain_live(Jail *j);
/* From here on clients are refused. */
void jail_close_sockets(Jail *j);
/* The next harsher way to end every instance. */
void jail_stop(Jail *j);
void jail_kill_all(Jail *j);

/* jail-failure.c */

/* Keep why what (a constant string) failed; words are Apache's own or "". Whoever asked gets them all. */
void jail_record_failure(Jail *j, Event event, const char *what, const char *reason, const char *words);
/* The same for an instance that ended. */
void jail_record_end(Jail *j, Event event, const char *what, Instance *i);
/* Log what was recorded, in short. */
void jail_log_failure(const Jail *j);
/* The instance that was to serve, or did, is gone: event, or what is to be done instead. Logs the recorded failure,
 * or that it was the last. */
void jail_failed(Jail *j, LifecycleEvent event);

/* jail-timers.c */

int jail_timers_new(Jail *j);
void jail_timers_free(Jail *j);
void timer_arm(sd_event_source *timer, uint64_t delay_usec);
void timer_disarm(sd_event_source *timer);
