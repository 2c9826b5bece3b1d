#pragma once

/* Which system calls the jail may make. The table is in policy.c; the filters are compiled from it by libseccomp
 * when jaild is built (policy-generate.c), one for each combination of opt-in groups, so that a start costs one
 * seccomp(2) and no compilation. */

#include <linux/filter.h>

#include "base.h"

/* Opt-in groups, as SystemCallFilter=+NAME has them. What every Apache needs is always on. */
typedef enum PolicyGroup {
        POLICY_CGI = 1 << 0,
        POLICY_PROXY = 1 << 1,
        POLICY_PHP = 1 << 2,
        POLICY_DAV = 1 << 3,
        _POLICY_GROUP_MAX = 1 << 4,
} PolicyGroup;

/* The filter for a combination of groups. Calls that the supervisor answers (bind, execve, fork) return
 * SECCOMP_RET_USER_NOTIF; see broker.c. Static storage. */
const struct sock_fprog *policy_filter(unsigned groups);

/* Returns the group or -EINVAL. */
int policy_group_from_string(const char *s);
const char *policy_group_to_string(PolicyGroup group);
