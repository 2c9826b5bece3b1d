#pragma once

/* All that there is to know of one jail, running or not, put together from its configuration, its supervisor and
 * what the last supervisor left. */

#include <json-c/json.h>

#include "output.h"
#include "strv.h"

typedef struct JailInfo {
        char *name;
        char *description;
        /* A state of lifecycle.h, "bad-config" where nothing runs and nothing could, or "no-answer" where a
         * supervisor lives and does not speak. */
        char *state;
        /* Why state is one of the latter two; or what is wrong with the configuration of a jail that runs. */
        char *problem;
        /* A server answers. */
        bool serves;
        /* A supervisor told us what follows; else only the last failure and what it concerns are known. */
        bool is_live;

        /* Times are CLOCK_REALTIME; 0 where there is none. */
        uint64_t since_usec;
        uint32_t main_pid;
        uint32_t standby_pid;
        uint32_t generation;
        /* What the next start takes. */
        uint32_t current_generation;
        uint32_t restarts;
        uint32_t worker_deaths;
        /* "" where none died. */
        char *last_worker_death;
        uint32_t n_processes;
        uint32_t n_tasks;
        uint64_t cpu_usec;
        /* By mod_status, where the health check asks for its page; else no worker. A negative rate is not known yet. */
        uint64_t requests;
        double request_rate;
        uint32_t busy_workers;
        uint32_t idle_workers;
        uint64_t memory_bytes;
        /* What the last health check found; "" where there are none. */
        char *health;
        uint64_t log_dropped_bytes;
        char *last_failure;
        uint64_t last_failure_usec;
        char *last_notice;
        uint64_t last_notice_usec;
        uint64_t next_start_usec;
        char **listens;
        char **layers;
} JailInfo;

JailInfo *jail_info_free(JailInfo *info);
DEFINE_CLEANUP(JailInfo *, jail_info_free)

/* Returns 0 and an info, -ENOENT where there is no such jail: neither configured nor running, or -ENOMEM. Everything
 * else that goes wrong is in the info. */
int jail_info_load(const char *name, JailInfo **ret);

/* All configured jails, NULL-terminated, without those that vanish meanwhile. Returns 0, -ENOMEM, or the errno of listing
 * them. */
int jail_infos_load(JailInfo ***ret);
JailInfo **jail_infos_free(JailInfo **infos);
DEFINE_CLEANUP(JailInfo **, jail_infos_free)

/* What the last supervisor of the jail left: its last failure, "" where there was none, and when its state last
 * changed. Returns 0, -ENOENT where nothing was left, or an errno. */
int jail_info_last_failure(const char *name, char **ret, uint64_t *ret_since_usec);

/* An object with the keys that jailctl(1) promises; null where there is nothing to say. The caller puts it. */
json_object *jail_info_to_json(const JailInfo *info);

/* CTL_EXIT_DONE, CTL_EXIT_NOT_RUNNING or CTL_EXIT_FAILED. */
int jail_info_exit_status(const JailInfo *info);

/* Whether mod_status has told of its load. */
bool jail_info_has_load(const JailInfo *info);

/* Of its state. */
Colour jail_info_colour(const JailInfo *info);
