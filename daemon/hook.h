#pragma once

/* The command of Notify=: told what happened to the jail, as somebody without privileges. One after the other, in the
 * order of the events. */

#include <systemd/sd-event.h>

#include "config.h"
#include "events.h"

typedef struct Hook Hook;

/* Returns 0, and NULL in *ret where nobody is to be told; or an errno with one line in *reterr (caller frees). */
int hook_new(sd_event *event, const JailConfig *config, Hook **ret, char **reterr);
Hook *hook_free(Hook *h);
DEFINE_CLEANUP(Hook *, hook_free)

/* Tell of this event; message may have several lines, of which control characters are taken out. hook may be NULL. */
void hook_notify(Hook *h, Event event, const char *message);

/* Whether somebody is being told. */
bool hook_is_busy(const Hook *h);

/* Wait for who is still being told, and tell the rest, without the event loop. */
void hook_finish(Hook *h);
