#pragma once

/* The jail, seen by the files that make it up: jail.c (states and requests), jail-adopt.c, jail-config.c, jail-failure.c,
 * jail-demand.c, jail-health.c, jail-instances.c, jail-reexec.c, jail-standby.c and jail-timers.c. Nobody else includes this. */

#include "backoff.h"
#include "clock.h"
#include "events.h"
#include "health.h"
#include "hook.h"
#include "idle.h"
#include "instance.h"
#include "jail.h"
#include "proc.h"

#define OLD_MAX     8
#define WAITERS_MAX 32
/* Serving for so long without a dead worker is healthy: what fails next fails for the first time. */
#define HEALTHY_USEC (1 * USEC_PER_SEC)

#define JAIL_STATE_NAME "jail.state"

typedef struct Waiter {
        JailRequestDone done;
        void *userdata;
} Waiter;

/* What the next supervisor must know, in kept memory: JAIL_STATE_NAME in the store (store.h). */
typedef struct JailKept {
        StoreHeader header;
        /* LifecycleState; nothing is known of it before the first event. */
        uint32_t state;
        uint32_t has_begun;
        /* Of the latest instance. */
        uint32_t serial;
        uint64_t since_usec;
        Backoff backoff;
        uint64_t backoff_usec;
        uint64_t next_start_usec;
        /* Since the last start request: a server was ready; one was healthy. */
        uint32_t has_served;
        uint32_t was_healthy;
        /* How far the current stop has gone: the index of its next signal. */
        uint32_t stop_phase;
        uint32_t restarts;
        /* Nobody has served since the last failure. */
        uint32_t is_down;
        /* In state replacing: the generation to replace by, 0 for the current one. */
        uint32_t replacement;
        uint64_t last_failure_usec;
        /* "" where there was none. */
        char last_failure[512];
        /* Replaced for their health, in a row. */
        uint32_t n_unhealthy;
        /* Nothing has begun, and nothing is to begin by itself. */
        uint32_t waits_for_request;
        uint64_t last_notice_usec;
        /* "" where there was none. */
        char last_notice[256];
} JailKept;

struct Jail {
        sd_event *event;
        /* As jaild found it when it started: what is about jaild itself. */
        JailConfig *config;
        /* What rooms are made by: that of the live instance. */
        JailConfig *room_config;
        /* In states reloading, replacing and starting: that of the next one, where somebody asked for it. */
        JailConfig *wanted_config;
        JailChanged changed;
        /* The state that was told by it last. */
        LifecycleState told;
        void *changed_userdata;

        JailKept *kept;
        Instance *live;
        Instance *next;
        Instance *standby;
        Instance *configtest;
        Instance *old[OLD_MAX];
        size_t n_old;

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

        /* Another generation becomes the current one. */
        sd_event_source *switch_source;

        /* At most WAITERS_MAX. */
        Waiter *waiter;
        size_t n_waiters;

        /* In state idle, one for each listening socket. */
        sd_event_source **watches;
        size_t n_watches;
        Idle *idle;
        Clock *clock;

        Health *health;
        Hook *hook;
        /* It is to be replaced for that. */
        bool live_is_unhealthy;
        /* CLOCK_MONOTONIC of the last replacement for the deaths of workers. */
        uint64_t dying_usec;

        char **layers;
        /* What kind it was, and what it put an end to: "cannot start". */
        Event failure_event;
        const char *failed_what;
        /* What the requester is told about the last failure: the reason and Apache's words. */
        char *message;

        /* Of measured_pid; looked at again from then on, CLOCK_MONOTONIC. */
        ProcUsage usage;
        pid_t measured_pid;
        uint64_t next_measure_usec;
};

/* jail.c */

/* Move the state by the table, and perform what the table says. */
void jail_dispatch(Jail *j, LifecycleEvent event);
uint64_t jail_now(const Jail *j, clockid_t clock);

/* jail-instances.c */

/* All that an instance of that generation is made of, but its sockets. */
int jail_make_spec(Jail *j, JailConfig *config, InstancePurpose purpose, unsigned generation,
                   InstanceSpec *ret, char **ret_root_path, char **reterr);
/* The jail's own copy of an instance's sockets, kept over its death. */
int jail_hold(Jail *j, const Instance *i, char **reterr);
/* The sockets that the next instance needs, as far as it is possible those that a process has. */
int jail_take_over(Jail *j, pid_t pid, Listeners **ret, char **reterr);
/* What the instances tell. */
void jail_on_instance(Instance *i, InstanceEvent event, void *userdata);
void jail_add_old(Jail *j, Instance *i);

/* Start the next instance, or bring LIFECYCLE_NEXT_FAILED about. */
void jail_spawn_next(Jail *j);
/* The number that the current link names. */
int jail_current_generation(const Jail *j, unsigned *ret);
int jail_spawn(Jail *j, InstancePurpose purpose, InstanceRole role, Instance **ret, char **reterr);
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

/* jail-config.c */

/* The layers of the rooms, in status and in the log. */
int jail_say_layers(Jail *j);
/* Read the configuration for a server that is asked for. Returns 0, or an errno with one line in *reterr. */
int jail_want_config(Jail *j, char **reterr);
void jail_forget_wanted_config(Jail *j);
/* It is that of the live instance now. */
void jail_take_config(Jail *j, JailConfig *config);

/* jail-standby.c */

/* Start a standby if one is wanted and not there. */
void jail_spawn_standby(Jail *j);
/* Another one in its place, if it is not of the current generation. */
void jail_renew_standby(Jail *j);
/* It is parked: have it serve. */
void jail_release_standby(Jail *j);
/* It ended, or there can be none, for that reason: say so and try again later. */
void jail_standby_lost(Jail *j, const char *reason);

/* jail-adopt.c */

/* Take over what the last supervisor left. Returns 1, and jail_resume() follows; 0 where nothing had begun (j->kept is NULL
 * then, unless it waited for a request); or an errno. */
int jail_adopt(Jail *j, Inherited *in);

/* jail-failure.c */

/* Keep why what (a constant string) failed; words are Apache's own or "". Whoever asked gets them all. */
void jail_record_failure(Jail *j, Event event, const char *what, const char *reason, const char *words);
/* The same for an instance that ended. */
void jail_record_end(Jail *j, Event event, const char *what, Instance *i);
/* Keep what went wrong and is no failure of the server; whoever calls has logged it. */
void jail_record_notice(const char *text, void *userdata);
/* Log what was recorded, in short. */
void jail_log_failure(const Jail *j);
/* Say the recorded failure as the last, and end all. */
void jail_give_up(Jail *j);
/* The instance that was to serve, or did, is gone: event, or what is to be done instead. Logs the recorded failure,
 * or that it was the last. */
void jail_failed(Jail *j, LifecycleEvent event);

/* jail-health.c */

/* Tell the command of Notify=. */
void jail_tell(Jail *j, Event event, const char *message);
void jail_on_health(HealthVerdict verdict, const char *reason, void *userdata);
/* Workers of the live instance end again and again. */
void jail_on_dying(Jail *j);
/* The live instance has begun to serve. */
void jail_attend_live(Jail *j);

/* jail-demand.c */

/* Have the first client at the held sockets start the server, and no longer. */
void jail_watch(Jail *j);
void jail_unwatch(Jail *j);
void jail_on_idle(void *userdata);

/* jail-timers.c */

int jail_timers_new(Jail *j);
/* For the old instance whose time to drain is up first, if there is one. */
void jail_arm_drain(Jail *j);
void jail_timers_free(Jail *j);
void timer_arm(sd_event_source *timer, uint64_t delay_usec);
void timer_disarm(sd_event_source *timer);
