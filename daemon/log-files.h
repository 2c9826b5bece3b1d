#pragma once

/* Where Apache's logs go outside the jail: files in /var/log/jaild/NAME that are rotated by size and age, or the journal.
 *
 * What waits in a FIFO is taken as a whole, and everything that Apache writes in one write(2) of at most PIPE_BUF (4096)
 * bytes goes into a FIFO as a whole (pipe(7)). So what was taken ends where a line ends, and between two such takes a file
 * may be exchanged for a new one: Apache needs no signal, and no line is cut in two. To files the bytes go by splice(2):
 * nothing looks at them but at the last one before a rotation, because a longer line may be there in half.
 *
 * What cannot be written (a full disk) or is too much (RateLimit=) is dropped as a whole and counted, never waited for: a
 * reader that stalls freezes the server. */

#include <systemd/sd-event.h>

#include "config.h"
#include "launch.h"

/* All logs of one jail. A file has one end, so that the FIFOs of all generations share it. */
typedef struct LogFiles LogFiles;

/* One of them. */
typedef struct LogFile LogFile;

/* config is kept by reference. Returns 0, or an errno with one line in *reterr (caller frees). */
int log_files_new(sd_event *event, const JailConfig *config, LogFiles **ret, char **reterr);
LogFiles *log_files_free(LogFiles *f);
DEFINE_CLEANUP(LogFiles *, log_files_free)

/* The log of that name, opened the first time; it stays as long as f, of the kind that the latest generation gives it.
 * Returns 0 or an errno. */
int log_files_get(LogFiles *f, const LaunchLog *log, LogFile **ret);

/* Take n bytes, which wait in the pipe. Returns 1 where all were dealt with, and 0 where some still wait, here or in the
 * pipe, and should be tried again soon. */
int log_file_take(LogFile *file, int pipe_fd, size_t n);

/* Called when a log is in trouble, with the line that was logged about it; once until it is well again. */
typedef void (*LogFilesTrouble)(const char *text, void *userdata);
void log_files_on_trouble(LogFiles *f, LogFilesTrouble handler, void *userdata);

/* How many bytes were dropped since jaild started. */
uint64_t log_files_dropped(const LogFiles *f);

/* Where the files end now, for log_files_tail() later. */
void log_files_mark(LogFiles *f);

/* The last that was written to the error logs since the mark, cleaned for a terminal; "" for nothing. The caller
 * frees it; NULL when out of memory. */
char *log_files_tail(LogFiles *f);
