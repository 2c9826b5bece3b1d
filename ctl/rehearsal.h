#pragma once

/* Whether a generation serves, before it takes another one's place: a throw-away server of it, in the room that it will have
 * and a network of its own, is started and asked for the page of [Health], or the root of each listener. So the answer is
 * the new server's and no other's, and neither the old one nor a client notices. */

#include "config.h"

/* What the generation that runs does not answer either is no reason against the new one.
 * Returns 0; -EIO: it does not start, or answers worse; or an errno; with one line in *reterr (caller frees). */
int rehearsal_run(const JailConfig *config, unsigned generation, unsigned running, char **reterr);
