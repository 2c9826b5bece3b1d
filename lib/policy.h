#pragma once

/* Which system calls the jail may make. The table is in policy-table.c; the filters are compiled from it by
 * libseccomp when jaild is built (policy-generate.c), one for each combination of opt-in groups, so that a
 * start costs one seccomp(2) and no compilation. */

#include <linux/filter.h>

#include "base.h"

typedef enum PolicyGroup {
        /* Opt-in, as SystemCallFilter=+NAME has them. */
        POLICY_CGI = 1 << 0,
        POLICY_PROXY = 1 << 1,
        POLICY_PHP = 1 << 2,
        POLICY_DAV = 1 << 3,

        /* What every Apache needs: always on. */
        POLICY_BASE = 1 << 4,
        POLICY_TLS = 1 << 5,
        POLICY_FILES = 1 << 6,
        POLICY_PROCESSES = 1 << 7,

        /* Knowingly excluded: refused by name, whatever is opted in. */
        POLICY_EXCLUDED = 1 << 8,
} PolicyGroup;

#define POLICY_OPT_IN       (POLICY_CGI | POLICY_PROXY | POLICY_PHP | POLICY_DAV)
#define POLICY_COMBINATIONS (POLICY_OPT_IN + 1)

typedef enum PolicyAction {
        POLICY_ALLOW,
        /* The supervisor answers (SECCOMP_RET_USER_NOTIF); see broker.c. */
        POLICY_NOTIFY,
        /* The call fails with PolicyRule.error. */
        POLICY_REFUSE,
} PolicyAction;

/* Matches where (argument & mask) == value. The kernel reads an int argument from the low 32 bits of its
 * register and ignores the rest, so a test of an int masks the rest away: neither dodged nor wrongly failed
 * by what is up there. */
typedef struct PolicyArgument {
        unsigned index;
        /* 0 in an entry that is not used. */
        uint64_t mask;
        uint64_t value;
} PolicyArgument;

#define POLICY_ARGUMENTS_MAX 3

/* A call that only opt-in groups have goes to the supervisor where none of them is on: it is refused there, and
 * whoever looks for the reason finds it in the log.
 *
 * Of the rules for one call that belong to a group that is on, the first whose arguments match decides; a
 * rule without arguments matches always, and is the last of every call that has rules with arguments. */
typedef struct PolicyRule {
        const char *syscall;
        /* Any of these groups turns it on. */
        unsigned groups;
        PolicyAction action;
        /* errno of POLICY_REFUSE. */
        int error;
        PolicyArgument arguments[POLICY_ARGUMENTS_MAX];
        /* NULL where policy_group_reason() says it all. */
        const char *reason;
} PolicyRule;

/* The errno for a call that no rule names: what an older kernel would say, so that the C library falls back.
 */
#define POLICY_UNKNOWN_CALL_ERROR ENOSYS

/* The filter for the opt-in groups (others are ignored). Static storage. Another architecture than jaild's
 * own, and on x86_64 the x32 numbers, end the process. */
const struct sock_fprog *policy_filter(unsigned groups);

/* The opt-in groups that allow a call which the others do not have, with its name; or -ENOENT. */
int policy_opt_in_call(int number, const char **ret_name);

/* The whole table, for listing. Returns the number of rules. */
size_t policy_rules(const PolicyRule **ret);

/* Returns the opt-in group of that name or -EINVAL. */
int policy_group_from_string(const char *s);
/* Of one group of any kind; NULL for anything else. */
const char *policy_group_to_string(PolicyGroup group);
/* What the group is for, in a sentence. */
const char *policy_group_reason(PolicyGroup group);

/* The supervisor's own filter, which all that it starts inherits: policy-supervisor.c. What is not allowed fails with
 * ENOSYS, what is knowingly excluded with EPERM; another architecture than its own ends the process. Static storage. */
const struct sock_fprog *policy_supervisor_filter(void);

typedef struct PolicySupervisorCalls {
        const char *reason;
        /* NULL at the end. */
        const char *const *syscalls;
} PolicySupervisorCalls;

/* What it allows beyond what the jail's table allows. Returns how many. */
size_t policy_supervisor_calls(const PolicySupervisorCalls **ret);

typedef struct PolicyNever {
        const char *syscall;
        const char *reason;
} PolicyNever;

/* What it excludes. Returns how many. */
size_t policy_never(const PolicyNever **ret);
