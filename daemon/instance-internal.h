#pragma once

/* An instance, seen by the files that make it up: instance.c (its life), instance-start.c and instance-adopt.c (its
 * two beginnings). Nobody else includes this. */

#include "broker.h"
#include "instance.h"
#include "store.h"
#include "workers.h"

#define INSTANCE_OUTPUT_MAX 4096

/* What the next supervisor must know, in kept memory (store.h). In the store it has these names, each after
 * "instance" and the serial: .state (this), .master (the pidfd), .calls (notifications), .output (standard error),
 * .logs (FIFOs). */
typedef struct InstanceKept {
        StoreHeader header;
        uint32_t generation;
        int32_t pid;
        /* InstanceRole. */
        uint32_t role;
        uint32_t is_ready;
        /* CLOCK_MONOTONIC; 0: it does not drain. */
        uint64_t drain_until_usec;
        uint64_t reserved[8];
        BrokerKept broker;
} InstanceKept;

struct Instance {
        sd_event *event;
        JailConfig *config;
        InstancePurpose purpose;
        unsigned serial;
        Launch *launch;
        Logs *logs;
        Listeners *listeners;
        const InstanceWatch *watch;
        InstanceHandler handler;
        void *userdata;

        pid_t pid;
        int pidfd;
        /* Started by an earlier supervisor: it may be no child of ours. */
        bool is_adopted;
        sd_event_source *exit_source;
        sd_event_source *report_source;
        sd_event_source *output_source;
        Broker *broker;
        Workers *workers;
        InstanceKept *kept;

        bool exited;
        /* A wait status, or negative: nobody knows. */
        int status;
        bool sick;
        char reason[384];
        /* The end of what it wrote, NUL-terminated in INSTANCE_OUTPUT_MAX bytes; NULL as long as that is nothing. */
        char *output;
        size_t n_output;
};

/* instance.c */

int instance_alloc(sd_event *event, const InstanceSpec *spec, InstanceHandler handler, void *userdata,
                   Instance **ret);
/* Consumes notify_fd. */
int instance_take_calls(Instance *i, int notify_fd);
/* Consumes fd, the read end of its standard error. */
int instance_take_output(Instance *i, int fd);
int instance_watch_workers(Instance *i);
/* Whether it has written its pid file. */
bool instance_has_pid_file(const Instance *i);
/* It has, and forks its workers. */
void instance_ready(Instance *i);
/* It is gone; status as waitpid(2) has it, or negative where nobody knows. */
void instance_exited(Instance *i, int status);

/* Leave no zombie of one that is gone and was not started by this program. */
void instance_reap_adopted(int pidfd);

/* The name in the store of one of its things. */
const char *instance_store_name(unsigned serial, const char *what, char buf[static STORE_NAME_MAX]);
