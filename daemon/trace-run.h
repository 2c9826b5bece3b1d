#pragma once

/* The life of a throw-away instance: configtest, start, requests, graceful, requests again, stop. It has the generation,
 * the room and the addresses of the jail, but a network and logs of its own, so that a jail that runs is not touched. */

#include "config.h"
#include "trace.h"

typedef enum TraceRunPurpose {
        /* All of that, watched. */
        TRACE_RUN_WATCH,
        /* Start and requests, by the jail's own filter: does this generation serve? */
        TRACE_RUN_REHEARSE,
        /* Nothing is started: the jail that runs is asked, in the network where it is. */
        TRACE_RUN_ASK,
} TraceRunPurpose;

typedef struct TraceRunSpec {
        JailConfig *config;
        TraceRunPurpose purpose;
        /* 0: the current one. */
        unsigned generation;
        /* See TraceClientSpec; no URL: the root of each listener. */
        char **urls;
        char *const *command;
} TraceRunSpec;

/* An empty folder, for the instance's logs; the mount namespace is the caller's own. */
#define TRACE_SCRATCH JAILD_RUN_DIR "/.trace"

/* Returns 0 and what was seen, which the caller frees, whatever went wrong in the jail; or an errno with one line in
 * *reterr (caller frees): there was nothing to watch. */
int trace_run(const TraceRunSpec *spec, Trace **ret, char **reterr);
