#pragma once

/* One jail: the instances of its httpd, and the life-cycle table (lifecycle.h) performed on them. */

#include <systemd/sd-event.h>

#include "config.h"
#include "launch.h"
#include "lifecycle.h"
#include "store.h"

typedef struct Jail Jail;

typedef enum JailRequest {
        JAIL_START,
        JAIL_STOP,
        JAIL_RESTART,
        JAIL_RELOAD,
        _JAIL_REQUEST_MAX,
} JailRequest;

/* Called once when a request is settled: r is 0, or negative with the reason in message (one line or more,
 * Apache's own words included; valid during the call). */
typedef void (*JailRequestDone)(int r, const char *message, void *userdata);

/* Called on every change of state, after it. */
typedef void (*JailChanged)(Jail *jail, void *userdata);

/* What status shows. Strings belong to the jail and live until the next return to the event loop. */
typedef struct JailStatus {
        const char *name;
        const char *description;
        LifecycleState state;
        /* CLOCK_REALTIME of the last change of state. */
        uint64_t since_usec;
        /* 0 where there is none. */
        pid_t main_pid;
        /* The master that waits to take over; 0 where there is none. */
        pid_t standby_pid;
        /* 0 where none is running. */
        unsigned generation;
        /* Restarts after a failure since jaild started. */
        unsigned restarts;
        /* Workers that ended by a signal or with a failure, in the life of the live master. */
        unsigned worker_deaths;
        /* How the last of them ended: "killed by SIGSEGV, core not kept"; "" where none did. */
        const char *last_worker_death;
        /* What the last health check found, in one line; "" where there are none. */
        const char *health;
        /* "" where there was none; else one line, e.g. "master killed by SIGSEGV". */
        const char *last_failure;
        /* CLOCK_REALTIME; 0 where there was none. */
        uint64_t last_failure_usec;
        /* What last went wrong that the server did not fail by: a log that cannot be written, a clock that was set; one line,
         * or "". */
        const char *last_notice;
        /* CLOCK_REALTIME; 0 where there was none. */
        uint64_t last_notice_usec;
        /* CLOCK_REALTIME of the next start in state waiting; else 0. */
        uint64_t next_start_usec;
        const ListenPair *listens;
        size_t n_listens;
        /* Of all processes in the jail, by looking: see proc_measure(). */
        unsigned n_processes;
        unsigned n_tasks;
        uint64_t memory_bytes;
        uint64_t cpu_usec;
        /* By mod_status, where the health check asks for its page: answered since the server began; and in a second,
         * negative where it is not known. */
        uint64_t requests;
        double request_rate;
        unsigned busy_workers;
        unsigned idle_workers;
        /* Of Apache's logs, since jaild started: a full disk, or RateLimit=. */
        uint64_t log_dropped_bytes;
        /* The protective layers that are on, NULL-terminated: "namespaces", "read-only root", … */
        const char *const *layers;
} JailStatus;

/* Takes a reference of config. Returns 0 and a jail in state stopped; or 1 and the jail that an earlier supervisor
 * left to us in what we inherited, which waits for jail_resume(); or an errno with one line in *reterr (caller
 * frees). */
int jail_new(sd_event *event, JailConfig *config, Inherited *in, Jail **ret, char **reterr);
/* Go on where the earlier supervisor was. */
void jail_resume(Jail *jail);
Jail *jail_free(Jail *jail);
DEFINE_CLEANUP(Jail *, jail_free)

/* Ask for something. Returns 0: done will be called, now or later, unless jail_forget_request() comes first.
 * Otherwise nothing is begun, done is not called, and *reterr (caller frees) says why:
 * -ENOTCONN: not running; -EBUSY: another request is under way. */
int jail_request(Jail *jail, JailRequest request, JailRequestDone done, void *userdata, char **reterr);
/* The same as JAIL_RESTART of a jail in state running, by an instance of that generation, whether or not it is current. */
int jail_request_replacement(Jail *jail, unsigned generation, JailRequestDone done, void *userdata,
                             char **reterr);

/* The same as JAIL_START of a jail in state stopped, on the sockets that another process listens on. */
int jail_request_take_over(Jail *jail, pid_t pid, JailRequestDone done, void *userdata, char **reterr);

/* Let root's other servers listen where the jail does, or no more. Returns 0 or an errno with one line in *reterr. */
int jail_share_sockets(Jail *jail, bool share, char **reterr);

/* Nobody has asked for a server yet; the first client at the sockets that systemd passed is to start it. */
void jail_wait_for_client(Jail *jail);

/* The same, and only a request is to start it; so it is for the next supervisor, too. */
void jail_wait_for_request(Jail *jail);
/* Whether the last supervisor waited so. */
bool jail_waits_for_request(const Jail *jail);

/* Whether systemd passed listening sockets. */
bool jail_is_passed_sockets(const Jail *jail);

/* Whether nothing is left to supervise and systemd watches the sockets: it would start us again. */
bool jail_is_dispensable(const Jail *jail);

/* Which program this is, before an upgrade puts another in its place. */
void jail_remember_program(void);
/* Where there is no systemd: become the program that is in this one's place now, which goes on with the jail as the next
 * supervisor would. Returns only where that cannot be: an errno with one line in *reterr, and nothing has changed. */
int jail_reexecute(Jail *jail, char **reterr);

/* Whoever asked is gone: do not call its done. */
void jail_forget_request(Jail *jail, void *userdata);

void jail_on_changed(Jail *jail, JailChanged changed, void *userdata);

/* All but what jail_measure() adds. */
void jail_get_status(Jail *jail, JailStatus *ret);
/* Look at the processes: for who asks how they are, and not at a change of the state, when the server's master has its
 * memory to copy for its workers and the look would be in its way. */
void jail_measure(Jail *jail, JailStatus *status);
