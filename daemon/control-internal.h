#pragma once

/* What the two halves of the control interface share: control.c has the connections, control-object.c what is served on
 * each. */

#include <sys/queue.h>
#include <systemd/sd-bus.h>

#include "control.h"
#include "log.h"
#include "peer.h"

typedef struct Connection Connection;

struct Control {
        sd_event *event;
        Jail *jail;
        /* (gid_t) -1 where there is no such group. Looked up for the first who connects: the name service loads libraries
         * and may ask a server, and a start shall wait for neither. */
        gid_t group;
        bool group_is_known;
        sd_event_source *listen_source;
        sd_event_source *pause_source;
        LifecycleState state;
        LogLimit refusals;

        /* Oldest first. */
        TAILQ_HEAD(, Connection) connections;
        size_t n_connections;
};

struct Connection {
        Control *control;
        TAILQ_ENTRY(Connection) siblings;

        sd_bus *bus;
        Peer peer;
        /* Runs until the peer has authenticated, then again when the connection is doomed. */
        sd_event_source *end_source;
        /* A second look at the bus's socket. */
        int watch_fd;
        sd_event_source *watch_source;
        unsigned n_reads;
        /* The method call that waits for jail_request() to settle. */
        sd_bus_message *pending;

        /* Taken anew for each message that reads properties; the strings as D-Bus wants them. */
        JailStatus status;
        char *description;
        char *last_failure;
        char *health;
};

/* Have the event loop free it: where its fault is found may be deep inside its own bus or inside the jail's callbacks. */
void connection_doom(Connection *c);

/* What the peer may ask: methods, properties and the signal of lib/bus.h. For sd_bus_add_object_vtable() with the connection as
 * userdata. */
extern const sd_bus_vtable control_object[];

/* Before properties are read. Returns 0 or -ENOMEM. */
int control_object_refresh(Connection *c);

/* Of what control_object_refresh() keeps. */
void control_object_done(Connection *c);
