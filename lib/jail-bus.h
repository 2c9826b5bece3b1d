#pragma once

/* A connection to the control socket of one jail (bus.h). */

#include <systemd/sd-bus.h>

/* Connect, and attach it to the event loop; NULL: the caller waits by itself. This wakes a supervisor where systemd holds the
 * socket for one. Returns 0 and a connection, -ENOENT or -ECONNREFUSED where there is nobody, or another errno. */
int jail_bus_open(sd_event *event, const char *jail, sd_bus **ret);
