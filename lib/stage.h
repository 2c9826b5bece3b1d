#pragma once

/* A plan becomes files: everything root's, with exactly the mode of the plan whatever the umask, copied and never
 * linked, without set-id bits, extended attributes or file capabilities. */

#include "plan.h"

typedef struct StageStats {
        /* Regular files, and their bytes. */
        size_t n_files;
        uint64_t bytes;
        /* Of those, how many share their blocks with the source or with the generation before. */
        uint64_t shared_bytes;
} StageStats;

typedef struct StageOptions {
        /* The root of another generation, or negative: a file with the same content shares its blocks where the file
         * system can (ioctl_fideduperange(2): the kernel compares, and a change of one never reaches the other). */
        int previous_fd;
        /* NULL, or called after each entry. */
        void (*progress)(size_t done, size_t total, void *userdata);
        void *userdata;
        /* NULL, or asked now and then: whether to give up. */
        bool (*is_cancelled)(void);
} StageOptions;

/* root_fd: an empty folder that nobody else can reach, which becomes the root. Nothing in it is followed, nothing
 * that is there already is written to. Returns 0; -ECANCELED; -EIO a source changed while it was read; -ENOMEM; or an errno;
 * *reterr is set, with the path and why it was wanted. What was written is the caller's to remove. */
int stage_write(const Plan *plan, int root_fd, const StageOptions *options, StageStats *ret, char **reterr);
