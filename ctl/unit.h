#pragma once

/* systemd's units, over its own interface on the system bus. */

#include <sys/types.h>

#include "base.h"

/* Have systemd do a job on a unit (StartUnit, StopUnit) and wait for its end; label is what to show meanwhile. Returns 0;
 * -ENOENT where there is no such unit, and -EIO where it failed, both with *reterr NULL; or an errno with the reason. */
int unit_do(const char *method, const char *unit, const char *label, char **reterr);

/* The main process of a unit that is active, or 0. Returns 0 or an errno with the reason. */
int unit_get_main_pid(const char *unit, pid_t *ret, char **reterr);

/* Whether a service's unit sets an environment variable (Environment=). Returns a boolean or an errno with the reason. */
int unit_sets_variable(const char *unit, const char *variable, char **reterr);

/* Have systemd read all units again. Returns 0 or an errno with the reason. */
int unit_read_all(char **reterr);

/* Whether a unit is started at boot. Returns a boolean, -ENOENT where there is no such unit, or an errno with the reason. */
int unit_is_enabled(const char *unit, char **reterr);

/* Have units (NULL-terminated) started at boot, or not. Returns 0 or an errno with the reason. */
int unit_enable(const char *const *units, bool enable, char **reterr);
