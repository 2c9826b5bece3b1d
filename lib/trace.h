#pragma once

/* What a throw-away instance was seen to ask for: made by jaild-inspect, which watches it, and read by jailctl, which
 * explains it (diagnosis.h). It crosses a pipe as JSON. */

#include "policy.h"
#include "strv.h"

typedef enum TracePhase {
        /* httpd -t. */
        TRACE_CONFIGTEST,
        /* Until it has written its pid file. */
        TRACE_START,
        /* While it is asked for pages. */
        TRACE_REQUESTS,
        /* SIGUSR1, and the pages again. */
        TRACE_GRACEFUL,
        /* SIGWINCH, until it is gone. */
        TRACE_STOP,
        _TRACE_PHASE_MAX,
} TracePhase;

typedef struct TraceFile {
        /* As the jail names it: absolute. */
        char *path;
        /* The system call. */
        char *call;
        /* What a look at the path said just before the call went on: 0, or ENOENT, EACCES, EROFS … */
        int error;
        /* It was opened to be written. */
        bool writes;
        /* Not asked for by the jail, but by the kernel in its stead: the script whose interpreter this is. NULL
         * else. */
        char *by;
        unsigned count;
        /* Bits, by TracePhase. */
        unsigned phases;
} TraceFile;

/* A system call that the jail's filter refuses. */
typedef struct TraceCall {
        char *name;
        int error;
        /* The opt-in groups, each of which would let it pass. */
        unsigned groups;
        unsigned count;
        unsigned phases;
} TraceCall;

/* What the broker refused: "bind", "connect" or "execve", and its address or path. */
typedef struct TraceRefusal {
        char *call;
        char *what;
        unsigned count;
} TraceRefusal;

typedef struct TraceRequest {
        char *url;
        /* 0 where there was no answer; message says why. */
        long status;
        char *message;
} TraceRequest;

typedef struct TraceStep {
        TracePhase phase;
        bool done;
        /* Why not, with Apache's words; "" where it was. */
        char *message;
} TraceStep;

typedef struct Trace {
        unsigned generation;
        TraceStep *steps;
        size_t n_steps;
        TraceFile *files;
        size_t n_files;
        TraceCall *calls;
        size_t n_calls;
        TraceRefusal *refusals;
        size_t n_refusals;
        TraceRequest *requests;
        size_t n_requests;
        /* What Apache wrote to its error logs. */
        char *log;
} Trace;

Trace *trace_free(Trace *t);
DEFINE_CLEANUP(Trace *, trace_free)

/* Each copies its strings. The first three count what is there already. Return 0, -ENOMEM, or -E2BIG: nobody reads
 * so many. */
int trace_add_file(Trace *t, TracePhase phase, const char *path, const char *call, int error, bool writes,
                   const char *by);
int trace_add_call(Trace *t, TracePhase phase, const char *name, int error, unsigned groups);
int trace_add_refusal(Trace *t, const char *call, const char *what);
int trace_add_request(Trace *t, const char *url, long status, const char *message);
int trace_add_step(Trace *t, TracePhase phase, bool done, const char *message);

/* Returns 0, -ENOMEM, or the errno of writing. */
int trace_write(const Trace *t, FILE *f);

/* Returns 0 and a trace that the caller frees, -EBADMSG, or -ENOMEM. */
int trace_read(const char *text, Trace **ret);

const char *trace_phase_to_string(TracePhase phase);
