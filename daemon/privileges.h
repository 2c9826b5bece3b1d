#pragma once

/* What the supervisor itself may do. */

#include <sys/types.h>

#include "base.h"

/* Give up every capability but those that have a use here, for good (bounding set too), and every way to gain one by exec.
 * Returns 0 or an errno. */
int privileges_drop(void);

/* After it: no system calls but those of policy-supervisor.c, for this process and all that it starts. Not for the
 * inspector, whose copy of the jail tells of each refusal. Returns 0 or an errno. */
int privileges_confine(void);

/* In a child: become that user, for good: bounding set, groups, gid, uid, then no capability. Returns 0 or an errno; after
 * a failure the process is neither and must end. */
int privileges_become(uid_t uid, gid_t gid);
