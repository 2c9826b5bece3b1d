#pragma once

/* Whether the live server answers: asks it for the page of [Health], through the listening sockets that its clients
 * use, by jaild-probe (../probe/main.c), and counts. Nothing of an answer is looked at here. */

#include <systemd/sd-event.h>

#include "config.h"

typedef struct Health Health;

typedef enum HealthVerdict {
        /* A check passed. */
        HEALTH_GOOD,
        /* Failures= checks in a row failed. */
        HEALTH_BAD,
} HealthVerdict;

/* reason is one line, and valid during the call. After a bad verdict the counting begins anew. */
typedef void (*HealthHandler)(HealthVerdict verdict, const char *reason, void *userdata);

/* Returns 0, and NULL in *ret where no checks are wanted. */
int health_new(sd_event *event, const JailConfig *config, HealthHandler handler, void *userdata,
               Health **ret);
Health *health_free(Health *h);
DEFINE_CLEANUP(Health *, health_free)

/* A server has begun to serve on these: count from nothing, with the grace of a start. h may be NULL, here and below. */
void health_begin(Health *h, const ListenPair *pairs, size_t n);
/* None serves. */
void health_end(Health *h);

/* What mod_status said in the last check. */
typedef struct HealthLoad {
        /* Since the server began. */
        uint64_t requests;
        uint32_t busy_workers;
        uint32_t idle_workers;
        /* In a second, between the last two checks; negative where there was but one. */
        double request_rate;
} HealthLoad;

/* Returns whether there is anything: where Url= is the page of mod_status for programs. */
bool health_load(const Health *h, HealthLoad *ret);

/* For status, in one line: "200 in 3 ms", "2 failures in a row: no answer within 5 s"; "" where there was no check. */
const char *health_summary(const Health *h);
