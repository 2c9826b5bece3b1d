#pragma once

/* How long to wait before the next start, and when to give up. Pure: time and chance are handed in.
 *
 * The first failure after a healthy period is answered at once: the listening sockets are held, so every
 * millisecond of delay is a client waiting. Each further one doubles the delay from min to max, spread by
 * +-25 % so that many jails felled together do not come back in step. More than burst failures within
 * interval without a healthy period between them is a loop, and the answer is to give up and say so. */

#include "base.h"

typedef struct BackoffLimits {
        uint64_t min_usec;
        uint64_t max_usec;
        unsigned burst;
        uint64_t interval_usec;
} BackoffLimits;

typedef struct Backoff {
        /* Failures in a row, the last healthy period before them. */
        unsigned failures;
        /* CLOCK_MONOTONIC of the first of them. */
        uint64_t first_usec;
} Backoff;

/* A failure at now_usec; chance is any random 32 bits. Returns true and the delay, or false: give up. */
bool backoff_failed(Backoff *b, const BackoffLimits *limits, uint64_t now_usec, uint32_t chance,
                    uint64_t *ret_delay_usec);

/* The server was healthy long enough: what comes next is a first failure again. */
void backoff_reset(Backoff *b);
