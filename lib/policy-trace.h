#pragma once

/* The jail's filter turned into one that tells instead of refusing, for a diagnosis: who takes the notifications learns
 * what the filter would have said, and decides. */

#include <linux/seccomp.h>

#include "policy.h"

/* The filter of these opt-in groups, in which each refusal is a notification; with files, so are the calls that name a
 * file, and connect(). Returns 0 and a program whose instructions the caller frees, or -ENOMEM. */
int policy_trace_filter(unsigned groups, bool files, struct sock_fprog *ret);

/* Whether the call is one of those that name a file. */
bool policy_call_names_file(int number);

/* What becomes of the call in the jail. Returns 0: it goes on, or the supervisor answers it; or the errno, positive,
 * that it fails with. */
int policy_refusal(unsigned groups, const struct seccomp_data *data);

/* The opt-in groups, each of which alone would let the call pass; 0 for none. */
unsigned policy_groups_for(unsigned groups, const struct seccomp_data *data);

/* NULL for a number that is none. */
const char *policy_call_name(int number);

/* Why the table refuses the call of that name, whatever is opted in; NULL where no rule names it. */
const char *policy_refusal_reason(const char *name);
