#pragma once

/* /run/jaild/NAME: who supervises a jail, and what the last who did left to say. */

#include "jail.h"

/* Make the folder and take the lock that says "this jail has a living supervisor"; it is held until the
 * descriptor is closed, which is the caller's. It may be ours from before store_execute(). Returns the descriptor, -EBUSY where
 * another holds it, or an errno. */
int record_lock(const char *jail_name, Inherited *in);

/* The control socket of a supervisor that was not handed one. Returns the listening descriptor or an errno. */
int record_open_control(const char *jail_name);
void record_remove_control(const char *jail_name);

/* Leave the state and the last failure for `jailctl status` (JAIL_RUN_LAST in bus.h). Complete or absent. */
int record_write_last(Jail *jail);
void record_remove_last(const char *jail_name);
