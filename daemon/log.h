#pragma once

/* The daemon's own log: standard error, one line a message, with the jail's name in front. Under systemd each
 * line carries its level as sd-daemon(3) has it. */

#include <syslog.h>

#include "base.h"

/* The name goes in front of every line. */
void log_open(const char *jail_name);

void log_line(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)  log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)

/* How many lines a source that the jail can provoke may still write: ten in ten seconds, then silence with a
 * count. The jail chooses how often it misbehaves; it must not choose how much we write. */
typedef struct LogLimit {
        uint64_t begin_usec;
        unsigned n;
        unsigned suppressed;
} LogLimit;

/* Returns whether this one may be written; says how many were not when silence ends. */
bool log_limit_pass(LogLimit *limit, uint64_t now_usec);

/* Make bytes that came from the jail fit for a terminal and a log: no control characters but newline and tab. */
void log_sanitize(char *s);
