#pragma once

/* What the room must deny, each tried for real by whoever calls: a worker of a jailed httpd (mod_probe.c), or a
 * process without a room, which shows that the attempts are worth something. */

#include "base.h"

typedef struct Probe {
        /* "files", "processes", "privileges", "namespaces", "kernel", "network", "resources", "leaks" */
        const char *area;
        /* Unique. */
        const char *name;
        /* Returns 0 where it worked, or why not: a negative errno. NULL: the system call below. */
        int (*run)(void);
        long number;
        long args[6];
        /* What would change the caller, if it worked, or return twice: a child makes the call. */
        bool in_child;
} Probe;

/* Each area is a table of its own, ended by an entry without a name. */
extern const Probe probe_files[], probe_processes[], probe_privileges[], probe_namespaces[], probe_kernel[],
                probe_network[], probe_resources[], probe_leaks[];

/* Not for probe_each(): what works, and what nobody must suffer from. */
extern const Probe probe_storms[];
/* Nor these, which shut the door on everybody. The test program listens on 127.0.0.1, this port, and has a connection
 * to the jail from that one. */
extern const Probe probe_doors[];
#define PROBE_TARGET_PORT  8099
#define PROBE_VISITOR_PORT 8098

/* Calls fn for each probe of all tables. */
void probe_each(void (*fn)(const Probe *probe, void *userdata), void *userdata);

/* In all tables, or among the storms and doors; NULL where there is none of that name. */
const Probe *probe_find(const char *name);

/* 0: it worked, which it must not; a negative errno: refused. A call that failed for what it was given
 * (-EFAULT, -EBADF, -EINVAL, ...) got as far as the kernel's own code, and has worked as well. */
int probe_run(const Probe *probe);

/* Shorthands of the tables. */
#define PROBE(a, n, fn)                                                                                     \
        { .area = (a), .name = (n), .run = (fn) }
#define PROBE_CALL(a, call, ...)                                                                            \
        {                                                                                                   \
                .area = (a), .name = #call, .number = SYS_##call, .args = { __VA_ARGS__ }                   \
        }
#define PROBE_CALL_AS(a, n, call, ...)                                                                      \
        {                                                                                                   \
                .area = (a), .name = (n), .number = SYS_##call, .args = { __VA_ARGS__ }                     \
        }
#define PROBE_CALL_IN_CHILD(a, n, call, ...)                                                                \
        { .area = (a), .name = (n), .number = SYS_##call, .args = { __VA_ARGS__ }, .in_child = true }
/* By the number that all architectures have in common, where the headers do not know it yet. */
#define PROBE_NUMBER(a, n, nr, ...)                                                                         \
        {                                                                                                   \
                .area = (a), .name = (n), .number = (nr), .args = { __VA_ARGS__ }                           \
        }
