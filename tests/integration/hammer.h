#pragma once

/* A crowd of clients: a new connection to 127.0.0.1 every so often, each asking for one page, from a thread of its own. */

#include <stdint.h>

typedef struct Hammer Hammer;

typedef struct HammerCount {
        /* Answered with 200. */
        unsigned ok;
        /* Nobody listened: what must never happen. */
        unsigned refused;
        /* The connection was accepted and broke: whom the killed process was serving. */
        unsigned reset;
        /* Any other answer, or none within ten seconds. */
        unsigned bad;
        /* The longest time from connect() to the answer. */
        uint64_t worst_usec;
} HammerCount;

Hammer *hammer_start(uint16_t port, uint64_t interval_usec);

/* No more new connections; wait for the open ones. Frees it. */
HammerCount hammer_stop(Hammer *hammer);

/* Somebody asked, and everybody was answered. */
void hammer_assert_lost_nobody(HammerCount count);
