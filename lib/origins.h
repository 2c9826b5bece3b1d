#pragma once

/* Where everything in a generation came from: who asked for it, the file it was copied from, and the package that file
 * was of. Written beside the root when it is built (generations/N/origins, JSON); read by whoever explains (why), compares
 * (diff) or looks for what is newer on the host (outdated). */

#include "packages.h"
#include "plan.h"
#include "stage.h"

typedef struct Origin {
        char *path;
        PlanType type;
        char *why;
        /* The path of the entry that needs this one; NULL where the configuration does. */
        char *needed_by;
        /* Where it was copied from; NULL for what was made. */
        char *source;
        /* Of the source when it was copied: its size in bytes and its time of change, in nanoseconds. */
        uint64_t size;
        int64_t mtime_nsec;
        /* NULL where no package is known to own the source. */
        const Package *package;
} Origin;

typedef struct Origins {
        /* Sorted by path. */
        Origin *entries;
        size_t n_entries;
        Package *packages;
        size_t n_packages;
        StageStats stats;
} Origins;

Origins *origins_free(Origins *o);
DEFINE_CLEANUP(Origins *, origins_free)

/* Ask for the packages of all that the plan copies. Errors: packages_begin(). */
int origins_begin(const Plan *plan, PackageSearch **ret, char **reterr);

/* Write what the plan says, of the files that were staged in root_fd, with the answer to origins_begin().
 * Returns 0, -ENOMEM, or an errno with *reterr set. */
int origins_write(const Plan *plan, PackageSearch *search, const StageStats *stats, int root_fd, FILE *f,
                  char **reterr);

/* Read what origins_write() wrote. Returns 0 and origins that the caller frees, or -EBADMSG with the key at fault in
 * *reterr (caller frees). */
int origins_read(int fd, Origins **ret, char **reterr);

/* The entry of exactly this path, or NULL. */
const Origin *origins_find(const Origins *o, const char *path);
