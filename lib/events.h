#pragma once

/* What an administrator may have to act on. Each has an identity for good: the MESSAGE_ID by which the journal finds
 * it, and its entry in units/jaild.catalog, which says in plain words what it means and what to do. */

#include "base.h"

typedef enum Event {
        /* The live server ended without being told to. */
        EVENT_SERVER_DIED,
        /* A server could not be started. */
        EVENT_START_FAILED,
        /* The live server answered its health checks no more. */
        EVENT_UNHEALTHY,
        /* It serves again after a failure. */
        EVENT_RECOVERED,
        /* No further attempt will be made. */
        EVENT_GAVE_UP,
        /* A server serves that was asked for: a start, a restart, a reload, an update. */
        EVENT_SERVING,
        /* Apache refused its configuration; the server goes on with the old one. */
        EVENT_CONFIG_REFUSED,
        /* jaild refused the jail's own configuration, or has nothing to start. */
        EVENT_JAIL_REFUSED,
        /* The standby ended, or there can be none. */
        EVENT_STANDBY_LOST,
        /* Something in the jail asked for what it is not given. */
        EVENT_ADDRESS_REFUSED,
        EVENT_EXEC_REFUSED,
        EVENT_CONNECT_REFUSED,
        /* Somebody who may not change the jail tried to. */
        EVENT_CONTROL_REFUSED,
        /* Apache's log could not be written. */
        EVENT_LOG_DROPPED,
        /* The room lacks a layer: the kernel has it not, or the configuration gave it away. */
        EVENT_LAYER_MISSING,
        /* A new supervisor took over the running server of the last one. */
        EVENT_ADOPTED,
        /* It found what it could not take over, and began anew. */
        EVENT_ADOPTION_REFUSED,
        /* jailctl verify found something. */
        EVENT_VERIFY_FINDINGS,
        /* The command of Notify= could not be run, or failed. */
        EVENT_HOOK_FAILED,
        /* Somebody looked at a jail from inside as root: jailctl enter --as-root. */
        EVENT_ENTERED_AS_ROOT,
        /* The machine's clock was set. */
        EVENT_CLOCK_STEPPED,
        _EVENT_MAX,
} Event;

/* 32 hexadecimal digits, as MESSAGE_ID= wants them. */
const char *event_message_id(Event event);

/* "server-died": what the command of Notify= is told. */
const char *event_name(Event event);

/* LOG_ERR, LOG_WARNING or LOG_NOTICE of syslog(3). */
int event_level(Event event);
