#pragma once

/* Whether anybody still comes. A server that waits makes no call to read or write, so what its processes have read and
 * written (proc(5), /proc/PID/io) tells: if the numbers stand still over IdleStopSec=, nobody came, and what is still
 * connected then is looked up. Two or three looks in that time; nothing is counted by request. */

#include <systemd/sd-event.h>

#include "address.h"

typedef struct Idle Idle;

typedef void (*IdleHandler)(void *userdata);

/* Returns 0, and NULL in *ret where after_usec is 0: never. The functions below take that NULL. */
int idle_new(sd_event *event, uint64_t after_usec, IdleHandler handler, void *userdata, Idle **ret);
Idle *idle_free(Idle *i);
DEFINE_CLEANUP(Idle *, idle_free)

/* A server with this master has begun to serve; the pairs are copied. The handler is called when it has been idle for so
 * long, and again each time that it has. */
void idle_begin(Idle *i, pid_t master, const ListenPair *pairs, size_t n);
void idle_end(Idle *i);
