#pragma once

/* What policy-generate.c writes, for policy.c alone. */

#include "policy.h"

/* Indexed by the opt-in groups. */
extern const struct sock_fprog policy_filters[POLICY_COMBINATIONS];
