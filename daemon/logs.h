#pragma once

/* Apache's logs leave the jail through FIFOs that the supervisor drains into /var/log/jaild/NAME: the jail can
 * write a line, and neither read it back nor change it. Both ends of each FIFO stay open here for as long as an
 * instance might write: a FIFO without a reader makes Apache's next graceful restart hang, and one whose reader
 * stalls freezes the server. So what cannot be written (a full disk) is dropped and counted, never waited for.
 * The bytes go from the pipe to the file by splice(2): nothing looks at them. */

#include <systemd/sd-event.h>

#include "launch.h"

/* The files outside, by name; shared by the FIFOs of every generation, because a file has one end. */
typedef struct LogFiles LogFiles;

/* The FIFOs of one generation. */
typedef struct Logs Logs;

int log_files_new(const char *jail_name, LogFiles **ret, char **reterr);
LogFiles *log_files_free(LogFiles *f);
DEFINE_CLEANUP(LogFiles *, log_files_free)

/* How many bytes were dropped because they could not be written. */
uint64_t log_files_dropped(const LogFiles *f);

/* Where the files end now, for log_files_tail() later. */
void log_files_mark(LogFiles *f);

/* The last that was written to the error logs since the mark, cleaned for a terminal; "" for nothing. The caller
 * frees it; NULL when out of memory. */
char *log_files_tail(LogFiles *f);

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
