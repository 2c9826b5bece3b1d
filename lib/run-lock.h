#pragma once

/* Whether a jail has a living supervisor: who holds JAIL_RUN_LOCK (bus.h). */

#include "base.h"

/* Look at the lock without taking it, so that nobody who only asks stands in the way of a supervisor that begins. Returns
 * 1 with the process that holds it, 0 where nobody does, or an errno. */
int run_lock_holder(const char *jail_name, pid_t *ret);
