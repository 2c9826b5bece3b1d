#pragma once

/* The daemon's own log, one of two and never both: where standard error is the journal, each message is an entry of
 * its own with the fields of journal.h; elsewhere it is lines on standard error with the jail's name in front. */

#include <syslog.h>

#include "events.h"

/* Whose messages these are. */
void log_open(const char *jail_name);

/* What the messages to come are about: the state (a constant string, or NULL), and the generation or 0. */
void log_set_context(const char *state, unsigned generation);

void log_line(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What an administrator may have to act on; the level is the event's. */
void log_event(Event event, const char *format, ...) __attribute__((format(printf, 2, 3)));

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
