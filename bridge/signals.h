#pragma once

/* The signal StateChanged of every jail, on the system bus.
 *
 * A supervisor tells those who are connected to it, so the bridge stays connected to each one that lives, and to no other:
 * to connect where systemd holds the socket would start a supervisor. That one has begun is seen by its lock, which it
 * makes anew and shows when it holds it (inotify). What happened before the connection stood is made up for by asking for
 * the state. */

#include <systemd/sd-bus.h>

typedef struct Signals Signals;

/* Both are kept by reference. Returns 0 or an errno. */
int signals_new(sd_event *event, sd_bus *bus, Signals **ret);
Signals *signals_free(Signals *s);
