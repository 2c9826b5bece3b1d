#pragma once

/* Apache's lines as entries of the journal, with JAIL=, LOG= and PRIORITY= (journald's native protocol). It never waits
 * for the journal: jaild's own messages may (journal.h), but a line of the jail must not hold up the supervisor. */

#include "base.h"

typedef struct LogJournal LogJournal;

/* Returns 0 or an errno. */
int log_journal_new(LogJournal **ret);
LogJournal *log_journal_free(LogJournal *j);
DEFINE_CLEANUP(LogJournal *, log_journal_free)

/* What each line is sent with from now on: once at least, before the first one. level is one of syslog(3). Returns 0 or
 * -ENOMEM. */
int log_journal_set_fields(LogJournal *j, const char *jail_name, const char *log_name, int level);

/* Read what waits in the pipe, *n bytes, and send each line; the piece of a line that has no end yet is kept for the next
 * time. *n becomes what is still in the pipe. Returns 1 where all were read and sent, 0 where the journal is busy and
 * some wait, or the errno of sending: then *ret_dropped is how many bytes of what was read are lost. */
int log_journal_take(LogJournal *j, int pipe_fd, size_t *n, uint64_t *ret_dropped);

/* Forget what was read so far, and: the last of what was read since, at most n bytes. Returns how many there are. */
void log_journal_mark(LogJournal *j);
size_t log_journal_tail(const LogJournal *j, char *buf, size_t n);
