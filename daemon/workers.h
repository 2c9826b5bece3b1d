#pragma once

/* How the workers of one master fare. jaild is not their parent, so it learns of them in two halves: each fork
 * of the master is a notification that the broker answers (workers_forked), and a moment later the new child is
 * looked up in /proc and watched by a pidfd. A worker that is gone before that died young.
 *
 * A server whose workers all die at once looks alive to whoever watches the master alone: it listens, it forks,
 * it answers now and then. Some workers dying is Apache's own business; none surviving is a failure, and so is a
 * steady loss of those that had served. */

#include <systemd/sd-event.h>

#include "base.h"

typedef struct Workers Workers;

typedef enum WorkersFault {
        /* At most once. */
        WORKERS_NONE_SURVIVES,
        /* Twenty that had served ended within a minute. */
        WORKERS_KEEP_DYING,
        /* Their master runs no more, and the kernel ends them. Told for each; whoever is told may free them. */
        WORKERS_END_WITH_MASTER,
} WorkersFault;

typedef void (*WorkersSick)(const Workers *workers, WorkersFault fault, void *userdata);

int workers_new(sd_event *event, pid_t master, WorkersSick sick, void *userdata, Workers **ret);
Workers *workers_free(Workers *w);
DEFINE_CLEANUP(Workers *, workers_free)

/* The master has children already: watch them, none of them young. */
void workers_adopt(Workers *w);

/* The master has forked, or is about to. */
void workers_forked(Workers *w);

/* How many ended by a signal, with a failure, or before they could be seen. */
unsigned workers_deaths(const Workers *w);

/* How the last of them ended, in the words of death.h; "" where none did. */
const char *workers_last_death(const Workers *w);
