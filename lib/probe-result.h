#pragma once

/* What jaild-probe tells jaild: one structure of fixed size, written at once. All that the server sent stays behind in
 * the probe. */

#include "base.h"

typedef enum ProbeOutcome {
        PROBE_HEALTHY,
        /* Nobody accepts at the address. */
        PROBE_NOT_CONNECTED,
        /* Connected, or not even that, and no complete answer in time. */
        PROBE_TIMED_OUT,
        /* The connection was closed, or what came is no answer; see detail. */
        PROBE_NO_ANSWER,
        /* An answer, with another status than expected. */
        PROBE_WRONG_STATUS,
        /* The expected text is not in the body. */
        PROBE_WRONG_BODY,
        /* The probe itself could not work; see detail. No fault of the server's. */
        PROBE_BROKEN,
        _PROBE_OUTCOME_MAX,
} ProbeOutcome;

typedef struct ProbeResult {
        uint32_t outcome;
        /* HTTP status, or 0. */
        uint32_t status;
        /* From connecting to the last byte. */
        uint32_t msec;
        /* Of mod_status, where the page is its own for programs ("?auto"): what was answered since the server began, and
         * how many workers answer right now, or could. */
        uint32_t has_load;
        uint32_t busy_workers;
        uint32_t idle_workers;
        uint64_t requests;
        /* A phrase of libcurl or of the C library, NUL-terminated, or "". */
        char detail[116];
} ProbeResult;

/* The descriptors of the probe: a stream socket that is connected, or connecting and non-blocking; and where the result
 * goes. */
#define PROBE_SOCKET_FD STDIN_FILENO
#define PROBE_RESULT_FD STDOUT_FILENO

/* Its arguments are: the URL; the timeout in milliseconds; the first and the last status that is expected; and the text
 * expected in the body, which may be left out. */
#define PROBE_ARGUMENTS_MIN 4
#define PROBE_ARGUMENTS_MAX 5

/* So much of a body is looked at. */
#define PROBE_BODY_MAX (256 * 1024)
