#pragma once

/* The one way a reason for a person is made: formatted where the facts are, next to the errno that is returned. */

#include "base.h"

/* Set *reterr to the formatted reason, which the caller frees. Returns error (negative), or -ENOMEM. */
int reterr_set(char **reterr, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));
