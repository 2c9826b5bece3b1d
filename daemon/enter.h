#pragma once

/* To go in and look: a program of the host's in the room of a jail. */

#include "config.h"

typedef struct EnterSpec {
        const JailConfig *config;
        /* The generation to look at, 0: the current one. */
        unsigned generation;
        /* The master of the running instance, 0: a room is made. */
        pid_t master;
        bool writable;
        bool as_root;
        char *const *argv;
} EnterSpec;

/* Run it to its end. Returns its exit status (128 and the number for a signal), or an errno with one line in *reterr (caller
 * frees). */
int enter_run(const EnterSpec *spec, char **reterr);
