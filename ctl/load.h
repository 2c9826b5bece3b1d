#pragma once

/* What most verbs begin with. */

#include "config.h"

/* Load the jail's configuration. Says on standard error what is wrong with it. Returns an exit status; CTL_EXIT_DONE
 * with a config that the caller frees. */
int ctl_load_config(const char *name, JailConfig **ret);

/* Say so. Returns the exit status for it. */
int ctl_no_such_jail(const char *name);
