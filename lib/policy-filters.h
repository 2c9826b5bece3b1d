#pragma once

/* What policy-generate.c writes, for policy.c alone. */

#include "policy.h"

/* Indexed by the opt-in groups. */
extern const struct sock_fprog policy_filters[POLICY_COMBINATIONS];
extern const struct sock_fprog policy_supervisor_program;

typedef struct PolicyOptInCall {
        int number;
        /* NULL in the last entry. */
        const char *name;
        unsigned groups;
} PolicyOptInCall;

extern const PolicyOptInCall policy_opt_in_calls[];

/* By number; NULL for a number that libseccomp does not know. */
#define POLICY_CALL_NAMES 1024
extern const char *const policy_call_names[POLICY_CALL_NAMES];
