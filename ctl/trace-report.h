#pragma once

/* What trace tells a person, or a program. */

#include "config.h"
#include "diagnosis.h"

/* Whether every phase went through. */
bool trace_succeeded(const Trace *trace);

/* dropin: the lines to add, or "". */
void trace_print(const char *name, const JailConfig *config, const Trace *trace, const Diagnosis *diagnosis,
                 const char *dropin);
void trace_print_json(const char *name, const Trace *trace, const Diagnosis *diagnosis, const char *dropin);
