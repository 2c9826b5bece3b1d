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

/* By number; "" for a number that libseccomp does not know. Without pointers, which each process would have its own copy of. */
#define POLICY_CALL_NAMES     1024
#define POLICY_CALL_NAME_SIZE 32
extern const char policy_call_names[POLICY_CALL_NAMES][POLICY_CALL_NAME_SIZE];
