#pragma once

/* A program that runs for a moment beside the jail, as nobody in particular: the health probe, the command of Notify=.
 * It gets a user and no capability, two descriptors and the log, and a time after which it is killed with all that it
 * started. It does not outlive the supervisor. */

#include <sys/types.h>
#include <systemd/sd-event.h>

#include "base.h"

typedef struct Helper Helper;

typedef struct HelperSpec {
        /* argv[0] is an absolute path. */
        char *const *argv;
        char *const *environment;
        uid_t uid;
        gid_t gid;
        /* Standard input and output; negative: /dev/null. They stay the caller's. */
        int in_fd;
        int out_fd;
        uint64_t timeout_usec;
        /* Of its address space; 0: no limit of ours. */
        uint64_t limit_memory_bytes;
} HelperSpec;

/* Called once, unless helper_free() comes first; the helper may be freed in it. status is as waitpid(2) has it;
 * timed_out: we killed it. */
typedef void (*HelperDone)(int status, bool timed_out, void *userdata);

/* What a helper that could not become its program exits with; see env(1). */
#define HELPER_EXIT_CANNOT_RUN 126

/* event may be NULL, for who has no event loop and waits by helper_wait() alone. Returns 0 or an errno. */
int helper_start(sd_event *event, const HelperSpec *spec, HelperDone done, void *userdata, Helper **ret);
/* Kills and reaps it. */
Helper *helper_free(Helper *h);
DEFINE_CLEANUP(Helper *, helper_free)

/* Wait for its end without the event loop, at most until its time is up; done is not called. */
void helper_wait(Helper *h);

/* The ids of a user of the host. Returns 0, -ENOENT, or -EPERM for root. */
int helper_user(const char *name, uid_t *ret_uid, gid_t *ret_gid);
