#pragma once

/* Apache's logs leave the jail through FIFOs that the supervisor drains: the jail can write a line, and neither read it
 * back nor change it. Both ends of each FIFO stay open here for as long as an instance might write: a FIFO without a
 * reader makes Apache's next graceful restart hang, and one whose reader stalls freezes the server. */

#include "launch.h"
#include "log-files.h"

/* The FIFOs of one generation. */
typedef struct Logs Logs;

/* Open the FIFOs below root_path. Returns 0, or an errno with one line in *reterr (caller frees). */
int logs_open(sd_event *event, LogFiles *files, const char *root_path, const Launch *launch, Logs **ret,
              char **reterr);
/* Keep the FIFOs under that name (store.h), so that they have a reader while there is no supervisor. */
void logs_put(const Logs *l, const char *name);
/* Drains what is left. */
Logs *logs_free(Logs *l);
DEFINE_CLEANUP(Logs *, logs_free)

/* Move what waits in the pipes to the files now. */
void logs_drain(Logs *l);
