#pragma once

/* Sees what a watched instance asks for, and writes it into a trace. A call that names a file goes on as it would have
 * gone; what is noted is what a look at the same path says, with the rights of the jail's user, just before. A call that the
 * jail's filter refuses is refused with the same error. So it is a diagnosis, and no wall: the room is the wall. */

#include "config.h"
#include "instance.h"
#include "trace.h"

typedef struct Tracer Tracer;

typedef struct TracerHandlers {
        /* The process makes another one. */
        void (*forked)(pid_t pid, void *userdata);
        /* The process connects to an address. Returns a connection that is to take the place of its own, which is closed then;
         * or an errno: the broker is to answer. */
        int (*connects)(pid_t pid, const Address *a, void *userdata);
        void *userdata;
} TracerHandlers;

/* config and trace are kept by reference; uid and gid are the jail's user's. The process must have no supplementary group:
 * it looks as that user by setfsuid(2). Returns 0 or -ENOMEM. */
int tracer_new(const JailConfig *config, uid_t uid, gid_t gid, Trace *trace, const TracerHandlers *handlers,
               Tracer **ret);
Tracer *tracer_free(Tracer *t);
DEFINE_CLEANUP(Tracer *, tracer_free)

/* For the next instance; valid as long as the tracer. */
const InstanceWatch *tracer_watch(Tracer *t);

/* What is seen from now on belongs to this phase. */
void tracer_set_phase(Tracer *t, TracePhase phase);

/* 0, or the errno of the first thing that could not be noted. */
int tracer_error(const Tracer *t);
