#pragma once

/* Who asks the throw-away instance for pages: a process in the trace's network, which reads what comes from the jail and
 * is therefore nobody; or a program that the administrator names. */

#include <systemd/sd-event.h>

#include "listeners.h"
#include "trace.h"

typedef struct TraceClient TraceClient;

/* Called once, at its end; message: why it went wrong, or "". */
typedef void (*TraceClientDone)(const char *message, void *userdata);

typedef struct TraceClientSpec {
        int namespace_fd;
        const ListenPair *pairs;
        size_t n_pairs;
        /* Whatever host they name, it is the jail's listener of that port that is asked. */
        char *const *urls;
        /* Run instead of asking; NULL: none. Its output goes to standard error. */
        char *const *command;
} TraceClientSpec;

/* Answers to urls are added to the trace. */
int trace_client_start(sd_event *event, const TraceClientSpec *spec, Trace *trace, TraceClientDone done,
                       void *userdata, TraceClient **ret);
TraceClient *trace_client_free(TraceClient *c);
DEFINE_CLEANUP(TraceClient *, trace_client_free)
