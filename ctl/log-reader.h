#pragma once

/* One log of a jail, read across its rotated files: NAME is the newest, NAME.1 the one before it, and so on, as jaild
 * (daemon/log-files.c) renames them. */

#include "base.h"

typedef struct LogReader LogReader;

/* Find the place from which n_lines are left. dir_fd is kept by reference, name is copied. Returns 0 or an errno. */
int log_reader_open(int dir_fd, const char *name, unsigned n_lines, LogReader **ret);
LogReader *log_reader_free(LogReader *r);
DEFINE_CLEANUP(LogReader *, log_reader_free)

const char *log_reader_name(const LogReader *r);

/* What comes next, at most size bytes, going on to the newer file where one is at its end. Returns how many, 0 where there
 * is no more for now, or an errno. */
ssize_t log_reader_read(LogReader *r, char *buf, size_t size);
