#pragma once

/* What the verbs of the measuring client share: time, addresses and one HTTP request over loopback. */

#include <netinet/in.h>

#include "base.h"

/* CLOCK_MONOTONIC in milliseconds. */
double clock_msec(void);
void sleep_usec(unsigned usec);

typedef struct Target {
        struct sockaddr_in address;
        /* A whole request, for a connection of its own and for one that is kept. */
        char request[512];
        char request_kept[512];
} Target;

/* PORT and PATH of the command line. Exits with 2 on nonsense. */
Target target_parse(const char *port, const char *path);

/* One request on a new connection, waiting at most so long. Returns 0 for a 200, or a negative errno: -ECONNREFUSED,
 * -ECONNRESET, -ETIMEDOUT, -EBADMSG for another answer. */
int target_get(const Target *t, int timeout_msec);

/* A non-blocking socket on its way to the target, or a negative errno. */
int target_connect(const Target *t);

/* Run argv in a process group of its own. Exits with 2 if it cannot. */
pid_t spawn(char *const *argv);

int verb_start(int argc, char **argv);
int verb_recover(int argc, char **argv);
int verb_load(int argc, char **argv);
int verb_respawn(int argc, char **argv);
