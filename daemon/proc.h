#pragma once

/* What /proc says of the processes of a jail, seen from outside. The kernel's own words, bounded reads; nothing
 * that the jail chose is parsed. */

#include <sys/types.h>

#include "base.h"

/* Calls fn for each direct child of pid. Returns 0 or an errno (-ENOENT: pid is gone). */
int proc_for_each_child(pid_t pid, void (*fn)(pid_t child, void *userdata), void *userdata);

/* Whether it is process 1 of a pid namespace below ours, as the master of a jail is. */
bool proc_is_namespace_init(pid_t pid);

/* Whether there is something at that path of its root; links lead nowhere else. A boolean or an errno. */
int proc_has_path(pid_t pid, const char *path);

/* The wait status of a process that nobody has reaped, or a negative errno. */
int proc_zombie_status(pid_t pid);

/* The wait status of a process that runs no more, also where the kernel has not done with it: the first of a pid namespace
 * is a zombie only when all others of it are gone, but the first thing that an end takes is the memory. -ESRCH where it
 * lives, or an errno. */
int proc_ending_status(pid_t pid);

/* The wait status of a process that has ended and was another's child: while nobody has reaped it, and after that
 * where the kernel remembers (6.15). A negative errno otherwise. */
int proc_exit_status(pid_t pid, int pidfd);

typedef struct ProcUsage {
        unsigned n_processes;
        /* Processes and threads. */
        unsigned n_tasks;
        /* Proportional: what is shared is divided among those who share it. Of the first processes alone, where they have
         * so many mappings that a fifth of a second is not enough. */
        uint64_t memory_bytes;
        /* CPU time; of those that have ended, too. */
        uint64_t cpu_usec;
} ProcUsage;

/* What root and all its descendants take. Processes that go while we look are left out. */
void proc_measure(pid_t root, ProcUsage *ret);

/* How often root and all its descendants have called read and write, all together. */
uint64_t proc_io_calls(pid_t root);

/* Whether a TCP connection to that local port is open. */
bool proc_is_connected(uint16_t port);
