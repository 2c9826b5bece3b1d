#pragma once

/* What /proc says of processes, whoever they are. Whoever has gone while we look was not there. */

#include <sys/types.h>

#include "base.h"

/* Calls fn for each process until it returns a negative number, which is returned then. Returns 0 or an errno. */
int process_for_each(int (*fn)(pid_t pid, void *userdata), void *userdata);

/* The inode of a namespace, by its name in /proc/PID/ns; 0 where it cannot be told. */
ino_t process_namespace(pid_t pid, const char *type);

/* The path of its program. Returns 0 or an errno. */
int process_exe(pid_t pid, char *buf, size_t size);

/* Its effective user; (uid_t) -1 where it cannot be told. */
uid_t process_uid(pid_t pid);

/* 0 where it cannot be told. */
pid_t process_parent(pid_t pid);
bool process_parent_has_exe(pid_t pid, const char *exe);

/* "?" where it cannot be told. */
void process_name(pid_t pid, char buf[static 16]);

/* A word of a file of /proc, in which blanks, tabs, newlines and backslashes are three octal digits behind a backslash (proc(5)),
 * becomes what it stands for, in place. */
void process_unescape(char *s);

/* Calls fn with each line of a file of /proc/PID, without the newline, until it returns false. Returns 0, or an errno:
 * -ENOENT or -ESRCH where the process has gone. */
int process_read_lines(pid_t pid, const char *file, bool (*fn)(const char *line, void *userdata),
                       void *userdata);
