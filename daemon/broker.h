#pragma once

/* The broker answers the system calls that the filter hands to the supervisor. It only grants: what it would
 * not grant is impossible in the room anyhow (seccomp_unotify(2): a pointer argument can change after it was
 * read, so that a notification is no security boundary).
 *
 *   bind     of a configured address: the held socket takes the place of the caller's descriptor. Before
 *            broker_release() the caller waits in bind(): that is how an instance is parked.
 *   execve   once, for httpd itself, before it has run its first instruction; then what Exec= names.
 *   connect  with the proxy group: to what Connect= names, by a connection made outside (connector.h).
 *   fork     always; it is counted.
 *
 * One notification is answered per turn of the event loop, so that a storm of them cannot keep the loop from
 * its other work. */

#include <systemd/sd-event.h>

#include "config.h"
#include "listeners.h"

typedef struct Broker Broker;

typedef enum BrokerEvent {
        /* The instance is in its first bind(), waiting. */
        BROKER_PARKED,
        /* The master forks. */
        BROKER_FORKED,
} BrokerEvent;

typedef void (*BrokerNotify)(BrokerEvent event, void *userdata);

/* Consumes notify_fd. master is the instance's first process; config is kept by reference. */
int broker_new(sd_event *event, const JailConfig *config, int notify_fd, pid_t master, BrokerNotify notify,
               void *userdata, Broker **ret);
Broker *broker_free(Broker *b);
DEFINE_CLEANUP(Broker *, broker_free)

/* Answer bind() from these sockets, now and later. The listeners must outlive the broker or be replaced;
 * NULL: every later bind() is refused, and who is parked waits for its end. */
void broker_release(Broker *b, const Listeners *listeners);
