#pragma once

/* Which system calls a visitor may make: those of the jail, and what looking takes beyond. It is the jail's own filter,
 * made to tell instead of refusing (policy-trace.h): so what was let through, and would not be for Apache, can be said. */

#include <linux/seccomp.h>

#include "config.h"
#include "trace.h"

/* Answer one notification. What the jail's filter refuses is noted in the trace: in phase TRACE_START what was let
 * through, in phase TRACE_STOP what was not. */
void enter_filter_answer(const JailConfig *config, int notify_fd, Trace *trace);

/* Say what was noted, on standard error. */
void enter_filter_report(const JailConfig *config, const Trace *trace);
