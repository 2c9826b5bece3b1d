#include "lifecycle.h"

#define STEP(s, a)                                                                                          \
        { .valid = true, .state = LIFECYCLE_##s, .actions = (a) }

static const LifecycleStep table[_LIFECYCLE_STATE_MAX][_LIFECYCLE_EVENT_MAX] = {
        [LIFECYCLE_STOPPED] = {
                [LIFECYCLE_START_REQUEST]      = STEP(STARTING, LIFECYCLE_RESET_BACKOFF | LIFECYCLE_SPAWN_NEXT),
                [LIFECYCLE_RESTART_REQUEST]    = STEP(STARTING, LIFECYCLE_RESET_BACKOFF | LIFECYCLE_SPAWN_NEXT),
                [LIFECYCLE_STOP_REQUEST]       = STEP(STOPPED, LIFECYCLE_REPLY_DONE),
                [LIFECYCLE_WATCH]              = STEP(IDLE, 0),
        },
        [LIFECYCLE_STARTING] = {
                [LIFECYCLE_START_REQUEST]      = STEP(STARTING, 0),
                [LIFECYCLE_RESTART_REQUEST]    = STEP(STARTING, LIFECYCLE_DROP_NEXT | LIFECYCLE_SPAWN_NEXT),
                [LIFECYCLE_STOP_REQUEST]       = STEP(STOPPING, LIFECYCLE_CLOSE_SOCKETS | LIFECYCLE_STOP_GRACEFULLY),
                [LIFECYCLE_NEXT_READY]         = STEP(RUNNING, LIFECYCLE_PROMOTE | LIFECYCLE_REPLY_DONE),
                [LIFECYCLE_NEXT_FAILED]        = STEP(WAITING, LIFECYCLE_DROP_NEXT | LIFECYCLE_ARM_BACKOFF),
                [LIFECYCLE_GAVE_UP]            = STEP(FAILED, LIFECYCLE_KILL_ALL | LIFECYCLE_CLOSE_SOCKETS |
                                                                      LIFECYCLE_REPLY_FAILED),
        },
        [LIFECYCLE_RUNNING] = {
                [LIFECYCLE_START_REQUEST]      = STEP(RUNNING, LIFECYCLE_REPLY_DONE),
                [LIFECYCLE_RESTART_REQUEST]    = STEP(REPLACING, LIFECYCLE_SPAWN_NEXT),
                [LIFECYCLE_RELOAD_REQUEST]     = STEP(RELOADING, LIFECYCLE_CONFIGTEST),
                [LIFECYCLE_STOP_REQUEST]       = STEP(STOPPING, LIFECYCLE_CLOSE_SOCKETS | LIFECYCLE_STOP_GRACEFULLY),
                [LIFECYCLE_LIVE_EXITED]        = STEP(WAITING, LIFECYCLE_ARM_BACKOFF),
                [LIFECYCLE_LIVE_EXITED_STANDBY] = STEP(STARTING, LIFECYCLE_RELEASE_STANDBY),
                [LIFECYCLE_UNHEALTHY]          = STEP(REPLACING, LIFECYCLE_SPAWN_NEXT),
                [LIFECYCLE_UNHEALTHY_STANDBY]  = STEP(REPLACING, LIFECYCLE_RELEASE_STANDBY),
                [LIFECYCLE_GAVE_UP]            = STEP(FAILED, LIFECYCLE_KILL_ALL | LIFECYCLE_CLOSE_SOCKETS),
                [LIFECYCLE_IDLE_ELAPSED]       = STEP(IDLE, LIFECYCLE_DRAIN_OLD | LIFECYCLE_DROP_STANDBY),
        },
        [LIFECYCLE_RELOADING] = {
                [LIFECYCLE_START_REQUEST]      = STEP(RELOADING, 0),
                [LIFECYCLE_STOP_REQUEST]       = STEP(STOPPING, LIFECYCLE_DROP_CONFIGTEST |
                                                                        LIFECYCLE_CLOSE_SOCKETS |
                                                                        LIFECYCLE_STOP_GRACEFULLY),
                [LIFECYCLE_CONFIGTEST_PASSED]  = STEP(REPLACING, LIFECYCLE_SPAWN_NEXT),
                [LIFECYCLE_CONFIGTEST_FAILED]  = STEP(RUNNING, LIFECYCLE_REPLY_FAILED),
                [LIFECYCLE_LIVE_EXITED]        = STEP(WAITING, LIFECYCLE_DROP_CONFIGTEST | LIFECYCLE_ARM_BACKOFF |
                                                                       LIFECYCLE_REPLY_FAILED),
                [LIFECYCLE_LIVE_EXITED_STANDBY] = STEP(STARTING, LIFECYCLE_DROP_CONFIGTEST | LIFECYCLE_RELEASE_STANDBY |
                                                                         LIFECYCLE_REPLY_FAILED),
                [LIFECYCLE_GAVE_UP]            = STEP(FAILED, LIFECYCLE_DROP_CONFIGTEST | LIFECYCLE_KILL_ALL |
                                                                      LIFECYCLE_CLOSE_SOCKETS |
                                                                      LIFECYCLE_REPLY_FAILED),
        },
        [LIFECYCLE_REPLACING] = {
                [LIFECYCLE_START_REQUEST]      = STEP(REPLACING, 0),
                [LIFECYCLE_RESTART_REQUEST]    = STEP(REPLACING, LIFECYCLE_DROP_NEXT | LIFECYCLE_SPAWN_NEXT),
                [LIFECYCLE_STOP_REQUEST]       = STEP(STOPPING, LIFECYCLE_CLOSE_SOCKETS | LIFECYCLE_STOP_GRACEFULLY),
                [LIFECYCLE_NEXT_READY]         = STEP(RUNNING, LIFECYCLE_DRAIN_OLD | LIFECYCLE_PROMOTE |
                                                                       LIFECYCLE_DROP_STANDBY |
                                                                       LIFECYCLE_REPLY_DONE),
                /* The old one never noticed. */
                [LIFECYCLE_NEXT_FAILED]        = STEP(RUNNING, LIFECYCLE_DROP_NEXT | LIFECYCLE_REPLY_FAILED),
                /* The next one is nearest to serving: let it come. */
                [LIFECYCLE_LIVE_EXITED]        = STEP(STARTING, 0),
                [LIFECYCLE_GAVE_UP]            = STEP(FAILED, LIFECYCLE_KILL_ALL | LIFECYCLE_CLOSE_SOCKETS |
                                                                      LIFECYCLE_REPLY_FAILED),
        },
        [LIFECYCLE_STOPPING] = {
                [LIFECYCLE_STOP_REQUEST]       = STEP(STOPPING, 0),
                [LIFECYCLE_STOP_ELAPSED]       = STEP(STOPPING, LIFECYCLE_STOP_HARDER),
                [LIFECYCLE_ALL_EXITED]         = STEP(STOPPED, LIFECYCLE_REPLY_DONE),
        },
        [LIFECYCLE_WAITING] = {
                [LIFECYCLE_START_REQUEST]      = STEP(STARTING, LIFECYCLE_SPAWN_NEXT),
                [LIFECYCLE_RESTART_REQUEST]    = STEP(STARTING, LIFECYCLE_SPAWN_NEXT),
                /* Old instances may still drain. */
                [LIFECYCLE_STOP_REQUEST]       = STEP(STOPPING, LIFECYCLE_CLOSE_SOCKETS | LIFECYCLE_STOP_GRACEFULLY),
                [LIFECYCLE_BACKOFF_ELAPSED]    = STEP(STARTING, LIFECYCLE_SPAWN_NEXT),
        },
        [LIFECYCLE_FAILED] = {
                [LIFECYCLE_START_REQUEST]      = STEP(STARTING, LIFECYCLE_RESET_BACKOFF | LIFECYCLE_SPAWN_NEXT),
                [LIFECYCLE_RESTART_REQUEST]    = STEP(STARTING, LIFECYCLE_RESET_BACKOFF | LIFECYCLE_SPAWN_NEXT),
                [LIFECYCLE_STOP_REQUEST]       = STEP(STOPPED, LIFECYCLE_REPLY_DONE),
        },
        [LIFECYCLE_IDLE] = {
                [LIFECYCLE_START_REQUEST]      = STEP(STARTING, LIFECYCLE_RESET_BACKOFF | LIFECYCLE_SPAWN_NEXT),
                [LIFECYCLE_RESTART_REQUEST]    = STEP(STARTING, LIFECYCLE_RESET_BACKOFF | LIFECYCLE_SPAWN_NEXT),
                /* What is started next reads its configuration anew. */
                [LIFECYCLE_RELOAD_REQUEST]     = STEP(IDLE, LIFECYCLE_REPLY_DONE),
                [LIFECYCLE_STOP_REQUEST]       = STEP(STOPPING, LIFECYCLE_CLOSE_SOCKETS | LIFECYCLE_STOP_GRACEFULLY),
                [LIFECYCLE_CLIENT_CAME]        = STEP(STARTING, LIFECYCLE_RESET_BACKOFF | LIFECYCLE_SPAWN_NEXT),
        },
};

static const char *const state_names[_LIFECYCLE_STATE_MAX] = {
        [LIFECYCLE_STOPPED] = "stopped",     [LIFECYCLE_STARTING] = "starting",
        [LIFECYCLE_RUNNING] = "running",     [LIFECYCLE_RELOADING] = "reloading",
        [LIFECYCLE_REPLACING] = "replacing", [LIFECYCLE_STOPPING] = "stopping",
        [LIFECYCLE_WAITING] = "waiting",     [LIFECYCLE_FAILED] = "failed",
        [LIFECYCLE_IDLE] = "idle",
};

static const char *const event_names[_LIFECYCLE_EVENT_MAX] = {
        [LIFECYCLE_START_REQUEST] = "start-request",
        [LIFECYCLE_STOP_REQUEST] = "stop-request",
        [LIFECYCLE_RESTART_REQUEST] = "restart-request",
        [LIFECYCLE_RELOAD_REQUEST] = "reload-request",
        [LIFECYCLE_NEXT_READY] = "next-ready",
        [LIFECYCLE_NEXT_FAILED] = "next-failed",
        [LIFECYCLE_LIVE_EXITED] = "live-exited",
        [LIFECYCLE_LIVE_EXITED_STANDBY] = "live-exited-standby",
        [LIFECYCLE_UNHEALTHY] = "unhealthy",
        [LIFECYCLE_UNHEALTHY_STANDBY] = "unhealthy-standby",
        [LIFECYCLE_GAVE_UP] = "gave-up",
        [LIFECYCLE_CONFIGTEST_PASSED] = "configtest-passed",
        [LIFECYCLE_CONFIGTEST_FAILED] = "configtest-failed",
        [LIFECYCLE_BACKOFF_ELAPSED] = "backoff-elapsed",
        [LIFECYCLE_STOP_ELAPSED] = "stop-elapsed",
        [LIFECYCLE_ALL_EXITED] = "all-exited",
        [LIFECYCLE_WATCH] = "watch",
        [LIFECYCLE_CLIENT_CAME] = "client-came",
        [LIFECYCLE_IDLE_ELAPSED] = "idle-elapsed",
};

LifecycleStep lifecycle_step(LifecycleState state, LifecycleEvent event) {
        return table[state][event];
}

const char *lifecycle_state_to_string(LifecycleState state) {
        return state_names[state];
}

const char *lifecycle_event_to_string(LifecycleEvent event) {
        return event_names[event];
}

int lifecycle_state_from_string(const char *s) {
        for (LifecycleState state = 0; state < _LIFECYCLE_STATE_MAX; state++)
                if (streq(state_names[state], s))
                        return (int) state;
        return -EINVAL;
}

bool lifecycle_state_serves(LifecycleState state) {
        return state == LIFECYCLE_RUNNING || state == LIFECYCLE_RELOADING || state == LIFECYCLE_REPLACING;
}
