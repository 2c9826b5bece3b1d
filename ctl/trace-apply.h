#pragma once

#include "base.h"

/* The drop-in of a jail that trace writes. */
#define TRACE_DROPIN "90-trace.conf"

/* Add lines to /etc/jaild/NAME.conf.d/90-trace.conf, which appears whole or not at all; it can be read by whoever can read
 * NAME.conf. Returns 0 and its path, or an errno with one line in *reterr; the caller frees either. */
int trace_apply(const char *jail_name, const char *lines, char **ret_path, char **reterr);
