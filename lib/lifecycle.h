#pragma once

/* The life of a jail as a pure table: (state, event) -> (state, actions). The daemon performs the actions and
 * turns what happens into events; nothing else changes the state.
 *
 * An *instance* is one httpd in its room. The live instance serves; the next one is being started beside it
 * and takes its place when it is ready; a standby waits in its bind() for the live one to die; old ones drain. */

#include "base.h"

typedef enum LifecycleState {
        /* No process, no listening socket. Left by a start request. */
        LIFECYCLE_STOPPED,
        /* The next instance is on its way; the start timer runs. Left by ready, its exit, the timer, stop. */
        LIFECYCLE_STARTING,
        /* The live instance serves; the healthy timer runs once. */
        LIFECYCLE_RUNNING,
        /* As running, and httpd -t looks at the configuration in a room of its own. */
        LIFECYCLE_RELOADING,
        /* As running, and the next instance is on its way; the start timer runs. */
        LIFECYCLE_REPLACING,
        /* Every instance is being ended: gracefully, then TERM, then KILL; the stop timer runs. */
        LIFECYCLE_STOPPING,
        /* No instance; the sockets are held, clients queue; the backoff timer runs. */
        LIFECYCLE_WAITING,
        /* Given up, no process, no socket. Left by a start request. */
        LIFECYCLE_FAILED,
        /* On demand: nobody serves, the sockets are held and watched; old instances may still drain. Left by a client,
         * start, stop. */
        LIFECYCLE_IDLE,
        _LIFECYCLE_STATE_MAX,
} LifecycleState;

typedef enum LifecycleEvent {
        LIFECYCLE_START_REQUEST,
        LIFECYCLE_STOP_REQUEST,
        LIFECYCLE_RESTART_REQUEST,
        LIFECYCLE_RELOAD_REQUEST,
        /* The next instance serves. */
        LIFECYCLE_NEXT_READY,
        /* The next instance ended before it was ready, or took too long and was killed. */
        LIFECYCLE_NEXT_FAILED,
        /* The live instance is gone. */
        LIFECYCLE_LIVE_EXITED,
        /* The same, and a standby waits. */
        LIFECYCLE_LIVE_EXITED_STANDBY,
        /* The live instance is there and does not answer as it should. */
        LIFECYCLE_UNHEALTHY,
        /* The same, and a standby waits. */
        LIFECYCLE_UNHEALTHY_STANDBY,
        /* As NEXT_FAILED, LIVE_EXITED and UNHEALTHY, where it happened so often that it is no use. */
        LIFECYCLE_GAVE_UP,
        LIFECYCLE_CONFIGTEST_PASSED,
        LIFECYCLE_CONFIGTEST_FAILED,
        LIFECYCLE_BACKOFF_ELAPSED,
        LIFECYCLE_STOP_ELAPSED,
        /* The last process of every instance is gone. */
        LIFECYCLE_ALL_EXITED,
        /* The sockets are held already, and nobody has asked for a server yet. */
        LIFECYCLE_WATCH,
        /* Somebody waits at a watched socket. */
        LIFECYCLE_CLIENT_CAME,
        /* Nobody came for IdleStopSec=. */
        LIFECYCLE_IDLE_ELAPSED,
        _LIFECYCLE_EVENT_MAX,
} LifecycleEvent;

typedef enum LifecycleAction {
        /* Open the listening sockets that are not open yet and start the next instance. */
        LIFECYCLE_SPAWN_NEXT = 1 << 0,
        /* The next instance becomes the live one. */
        LIFECYCLE_PROMOTE = 1 << 1,
        /* Let the standby bind: it is the next one now. */
        LIFECYCLE_RELEASE_STANDBY = 1 << 2,
        /* End the standby, which is not what the live instance is any more. */
        LIFECYCLE_DROP_STANDBY = 1 << 3,
        /* End the instance that was live before, gracefully. */
        LIFECYCLE_DRAIN_OLD = 1 << 4,
        /* Kill the next instance and forget it. */
        LIFECYCLE_DROP_NEXT = 1 << 5,
        /* Run httpd -t in a room of its own. */
        LIFECYCLE_CONFIGTEST = 1 << 6,
        /* End a configuration test that still runs. */
        LIFECYCLE_DROP_CONFIGTEST = 1 << 7,
        /* Begin to end every instance gracefully, with the stop timer. */
        LIFECYCLE_STOP_GRACEFULLY = 1 << 8,
        /* The stop timer ran out: the next harsher signal, and the timer again. */
        LIFECYCLE_STOP_HARDER = 1 << 9,
        LIFECYCLE_ARM_BACKOFF = 1 << 10,
        /* Close the listening sockets: from here on clients are refused, not queued. */
        LIFECYCLE_CLOSE_SOCKETS = 1 << 11,
        /* Forget earlier failures. */
        LIFECYCLE_RESET_BACKOFF = 1 << 12,
        /* Answer whoever asked: done. */
        LIFECYCLE_REPLY_DONE = 1 << 13,
        /* Answer whoever asked: failed, with the reason. */
        LIFECYCLE_REPLY_FAILED = 1 << 14,
        /* End every instance at once. */
        LIFECYCLE_KILL_ALL = 1 << 15,
} LifecycleAction;

typedef struct LifecycleStep {
        /* False: the event means nothing in this state, and for a request that it is refused. */
        bool valid;
        LifecycleState state;
        unsigned actions;
} LifecycleStep;

LifecycleStep lifecycle_step(LifecycleState state, LifecycleEvent event);

/* Never NULL for a valid value; the names are what status, logs and D-Bus show. */
const char *lifecycle_state_to_string(LifecycleState state);
const char *lifecycle_event_to_string(LifecycleEvent event);
/* Returns the state or -EINVAL. */
int lifecycle_state_from_string(const char *s);
/* A server answers in this state. */
bool lifecycle_state_serves(LifecycleState state);
