#pragma once

/* The broker answers the system calls that the filter hands to the supervisor. It only grants: what it would
 * not grant is impossible in the room anyhow (seccomp_unotify(2): a pointer argument can change after it was
 * read, so that a notification is no security boundary).
 *
 *   bind     of a configured address: the held socket takes the place of the caller's descriptor.
 *   execve   once, for httpd itself, before it has run its first instruction; then what Exec= names. With
 *            Launcher=apachectl that one is the script's, which may run its programs until it has come to httpd.
 *   connect  to what Connect= names, by a connection made outside (connector.h); UNIX sockets are the jail's own.
 *   fork     always; it is counted. A standby's first after its pid file is there, which is that of its first worker,
 *            waits for broker_release(): that is how an instance is parked, with all behind it but its workers.
 *   others   which only an opt-in group has that is off: refused, and the log says which group.
 *
 * One notification is answered per turn of the event loop, and all that the loop watches has one priority, so that a
 * storm of them cannot keep it from its other work: what waits longest is next (sd_event_source_set_priority(3)). */

#include <systemd/sd-event.h>

#include <linux/seccomp.h>

#include "config.h"
#include "connector.h"
#include "launch.h"
#include "listeners.h"

typedef struct Broker Broker;

/* What the next supervisor must know to go on answering; in kept memory (store.h), zeroed at first. */
typedef struct BrokerKept {
        /* The notification that is being answered. The kernel writes it here, so that there is no instant at which
         * a call has been taken and nobody knows of it. */
        struct seccomp_notif current;
        /* The notification of the one execve() that was granted; 0: none yet. */
        uint64_t exec_id;
        /* The notification of the execve() by which httpd took the place of its launcher; 0: none yet. */
        uint64_t launched_id;
        /* Set before the first call of a standby; cleared by broker_release(). */
        uint32_t holds_forks;
        /* The notification of the fork that waits; 0: none. */
        uint64_t parked_id;
        ConnectorCall connects[CONNECTOR_PENDING_MAX];
} BrokerKept;

/* The master has forked; or is parked, and will when it is let go. The broker is there when this returns. */
typedef void (*BrokerForks)(bool is_parked, void *userdata);

/* Somebody who listens in, for a diagnosis. */
typedef struct BrokerTap {
        /* Sees each notification first. Returns whether it has answered. */
        bool (*notified)(int notify_fd, const struct seccomp_notif *n, void *userdata);
        /* Told what the broker refuses, instead of the log: "bind", "connect" or "execve", and the address or path. */
        void (*refused)(const char *call, const char *what, void *userdata);
        void *userdata;
} BrokerTap;

/* Consumes notify_fd. master is the instance's first process; config, launch, kept and listeners are kept by
 * reference. bind() is answered from listeners; NULL: each is refused. */
int broker_new(sd_event *event, const JailConfig *config, const Launch *launch, int notify_fd, pid_t master,
               BrokerKept *kept, const Listeners *listeners, BrokerForks forks, void *userdata,
               Broker **ret);
Broker *broker_free(Broker *b);
DEFINE_CLEANUP(Broker *, broker_free)

/* tap is kept by reference; NULL: nobody listens in, as after broker_new(). */
void broker_set_tap(Broker *b, const BrokerTap *tap);

/* Refuse every later bind(). */
void broker_forget_listeners(Broker *b);

/* Let a standby fork its workers, now and later. */
void broker_release(Broker *b);

/* Answer, or park, what an earlier broker took and did not answer. */
void broker_resume(Broker *b);

/* A standby has come as far as its first worker. */
bool broker_is_parked(const Broker *b);
