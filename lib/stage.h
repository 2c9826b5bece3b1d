#pragma once

/* A plan becomes files: everything root's, with exactly the mode of the plan whatever the umask, copied and never
 * linked, without set-id bits, extended attributes or file capabilities. */

#include "plan.h"

typedef struct StageStats {
        /* Regular files, and their bytes. */
        size_t n_files;
        uint64_t bytes;
} StageStats;

/* root_fd: an empty folder that nobody else can reach, which becomes the root. Nothing in it is followed, nothing
 * that is there already is written to. Returns 0; -EIO a source changed while it was read; -ENOMEM; or an errno; *reterr is
 * set, with the path and why it was wanted. What was written is the caller's to remove. */
int stage_write(const Plan *plan, int root_fd, StageStats *ret, char **reterr);
