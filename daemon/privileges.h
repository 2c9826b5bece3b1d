#pragma once

/* What the supervisor itself may do. */

#include <sys/types.h>

#include "base.h"

/* Give up every capability but those that have a use here, for good (bounding set too), every way to gain
 * one by exec, and the system calls of policy-supervisor.c. Returns 0 or an errno. */
int privileges_drop(void);

/* In a child: become that user, for good: bounding set, groups, gid, uid, then no capability. Returns 0 or an errno; after
 * a failure the process is neither and must end. */
int privileges_become(uid_t uid, gid_t gid);
