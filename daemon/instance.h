#pragma once

/* One httpd in its room: started, watched, signalled, and reaped. It knows nothing of states and policies: it
 * tells its owner what happens. */

#include <systemd/sd-event.h>

#include "broker.h"
#include "config.h"
#include "listeners.h"
#include "logs.h"
#include "store.h"

typedef struct Instance Instance;

typedef enum InstancePurpose {
        /* Serve. */
        INSTANCE_SERVE,
        /* httpd -t: look at the configuration and end. */
        INSTANCE_CONFIGTEST,
} InstancePurpose;

/* What it is for its owner. Kept, so that the owner's successor knows (store.h). */
typedef enum InstanceRole {
        /* It serves, and what it does not serve any more drains. */
        INSTANCE_OLD,
        INSTANCE_LIVE,
        /* On its way to serve. */
        INSTANCE_NEXT,
        /* Waits in the fork of its first worker for the live one to end. */
        INSTANCE_STANDBY,
        _INSTANCE_ROLE_MAX,
} InstanceRole;

typedef enum InstanceEvent {
        /* It has written its pid file: the configuration is in force, workers are being forked. */
        INSTANCE_READY,
        /* No worker survives; see workers.h. */
        INSTANCE_SICK,
        /* Its workers end again and again; see workers.h. */
        INSTANCE_DYING,
        /* Its master runs no more, and the kernel ends what is left: INSTANCE_EXITED comes when that is done, or with
         * instance_leave(). May be told several times. */
        INSTANCE_ENDING,
        /* It is gone, with all its processes. The owner may free it in the handler. */
        INSTANCE_EXITED,
} InstanceEvent;

typedef void (*InstanceHandler)(Instance *instance, InstanceEvent event, void *userdata);

/* An instance that is watched: a filter that notifies of more than the broker asks for, and who takes that. */
typedef struct InstanceWatch {
        const struct sock_fprog *filter;
        BrokerTap tap;
} InstanceWatch;

/* What one is made of. */
typedef struct InstanceSpec {
        /* Its room is by this; the instance has a reference of its own. */
        JailConfig *config;
        InstancePurpose purpose;
        InstanceRole role;
        /* Its number, which no other instance of this jail has had. */
        unsigned serial;
        unsigned generation;
        const char *root_path;
        /* These three become the instance's own, also when it cannot be made. Only who serves has the last two. */
        Launch *launch;
        Logs *logs;
        Listeners *listeners;
        /* NULL but for a diagnosis. */
        const InstanceWatch *watch;
} InstanceSpec;

/* Frees what would have become the instance's own. */
void instance_spec_done(const InstanceSpec *spec);

/* Start httpd. Returns 0, or an errno with one line in *reterr (caller frees); what fails in the room is
 * reported as an exit. */
int instance_new(sd_event *event, const InstanceSpec *spec, InstanceHandler handler, void *userdata,
                 Instance **ret, char **reterr);

/* Take over an instance that an earlier supervisor started: what it left in the store under the serial. Nothing is
 * told to handler before instance_resume(). Returns 0, or an errno with one line in *reterr (caller frees). */
int instance_adopt(sd_event *event, const InstanceSpec *spec, Inherited *in, InstanceHandler handler,
                   void *userdata, Instance **ret, char **reterr);
/* Answer what waited, and tell what happened meanwhile. */
void instance_resume(Instance *i);

/* What the store says of the instance of that serial. Returns 0, -ENOENT, or -EPROTO: of another layout. */
int instance_peek(const Inherited *in, unsigned serial, InstanceRole *ret_role, unsigned *ret_generation);

/* End it and forget what the store has of it. */
void instance_discard(Inherited *in, unsigned serial);

/* Kills and reaps what still runs, which ends every process of its pid namespace. */
Instance *instance_free(Instance *i);
DEFINE_CLEANUP(Instance *, instance_free)

/* Let a parked standby start its workers, on sockets that are as they were made, whatever the last server did to them. */
void instance_release(Instance *i);

/* After INSTANCE_ENDING, for who has no reason to wait for its last process: INSTANCE_EXITED comes now, if it can be told
 * how the master ended, and what is left is reaped later. */
void instance_leave(Instance *i);

/* Close the supervisor's copies of its sockets: it serves on, and what it no longer accepts is refused. */
void instance_close_sockets(Instance *i);

/* Its sockets, and its logs brought up to date. */
const Listeners *instance_listeners(const Instance *i);
void instance_drain_logs(Instance *i);

void instance_signal(Instance *i, int sig);

pid_t instance_pid(const Instance *i);
unsigned instance_generation(const Instance *i);
bool instance_is_ready(const Instance *i);
/* It is ready, and waits for instance_release(). */
bool instance_is_parked(const Instance *i);
bool instance_is_sick(const Instance *i);
unsigned instance_worker_deaths(const Instance *i);
/* How the last of them ended; see workers_last_death(). */
const char *instance_last_worker_death(const Instance *i);

/* After INSTANCE_EXITED. Whether it ended with status 0. */
bool instance_succeeded(const Instance *i);
/* Why it ended or is sick, in one line: "step 'root' failed: …", "master killed by SIGSEGV". Valid as long as
 * the instance. */
const char *instance_reason(const Instance *i);
/* The last that it wrote to standard error, cleaned for a terminal; "" for nothing. Apache's complaints about
 * its configuration are here. */
const char *instance_output(const Instance *i);

JailConfig *instance_config(const Instance *i);
void instance_set_role(Instance *i, InstanceRole role);
/* CLOCK_MONOTONIC, kept; 0 where it does not drain. */
void instance_set_drain_until(Instance *i, uint64_t usec);
uint64_t instance_drain_until(const Instance *i);
