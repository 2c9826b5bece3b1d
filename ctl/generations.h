#pragma once

/* What was built and is kept. */

#include "generation.h"
#include "origins.h"
#include "verbs.h"

/* The table or JSON of list --generations; name may be NULL: of all jails. Returns an exit status. */
int list_generations(const CtlOptions *options, const char *name);

/* A generation of a jail, opened to be looked at. */
typedef struct Generation {
        unsigned number;
        int root_fd;
        Origins *origins;
        /* CLOCK_REALTIME. */
        uint64_t built_usec;
} Generation;

/* Says what is wrong. Returns an exit status; CTL_EXIT_DONE with a generation for generation_done(). number: 0 for the current
 * one. */
int ctl_generation_open(const char *name, unsigned number, Generation *ret);
void generation_done(Generation *g);
