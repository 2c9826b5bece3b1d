#pragma once

/* The supervisor of one jail, as seen from outside: whether it lives, and how to speak with it. Nothing here wakes a
 * supervisor: who connects to a control socket that systemd holds would start one. So ask first whether it lives. */

#include <systemd/sd-bus.h>

#include "base.h"

/* Whether a living jaild holds the jail's lock. Returns a boolean or an errno. */
int client_is_alive(const char *name);

/* Wait until nobody holds the lock. Returns 0, or -ETIMEDOUT, or an errno. */
int client_wait_for_end(const char *name, unsigned timeout_seconds);

/* Call a method of lib/bus.h and wait until it is settled, however long; label is what to show meanwhile.
 * Returns 0; -ENOTCONN: the jail is not running; -EBUSY; -EACCES; or another errno. The reason is in *reterr. */
int client_call(const char *name, const char *method, const char *label, char **reterr);

/* Have the supervisor become the program that is installed now, and wait until that one answers. Returns as client_call(). */
int client_reexecute(const char *name, const char *label, char **reterr);

/* The same for JAIL_BUS_REPLACE with a generation. */
int client_replace(const char *name, unsigned generation, const char *label, char **reterr);

/* The same for JAIL_BUS_TAKE_OVER with a process. This wakes a supervisor. */
int client_take_over(const char *name, pid_t pid, const char *label, char **reterr);

/* Call JAIL_BUS_SHARE. */
int client_share(const char *name, bool share, const char *label, char **reterr);

/* Read all properties: the reply, positioned in its a{sv}. Returns 0, or an errno with the reason. */
int client_get_properties(const char *name, sd_bus_message **ret, char **reterr);
