#pragma once

/* The journal's own protocol, for what its text form cannot carry: fields. Used by whoever owns the log of a program
 * (daemon/log.c; jailctl where a timer runs it). */

#include "events.h"

/* Standard error is the journal's stream (JOURNAL_STREAM of systemd.exec(5) names it): what is sent natively is then
 * not to be written there as well. */
bool journal_is_stderr(void);

typedef struct JournalContext {
        /* SYSLOG_IDENTIFIER=: the program. */
        const char *program;
        /* JAIL= */
        const char *jail;
        /* JAIL_STATE=, or NULL. */
        const char *state;
        /* JAIL_GENERATION=, or 0. */
        unsigned generation;
} JournalContext;

/* A message of one line or more, of a level of syslog(3); event is negative where it is none. Returns 0 or an errno:
 * then the journal does not have it. */
int journal_send(const JournalContext *context, int event, int level, const char *message);
