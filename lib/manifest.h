#pragma once

/* The manifest of a root: mtree(5) with SHA-256, written by libarchive, so that bsdtar and mtree(8) read it as well. The
 * same tree gives the same bytes. */

#include "plan.h"

/* Describe what is in root_fd, which stage_write() made of the plan, to f.
 * Returns 0, -ENOMEM, or an errno; *reterr is set. */
int manifest_write(const Plan *plan, int root_fd, FILE *f, char **reterr);

#define MANIFEST_DIGEST_SIZE 32

typedef struct ManifestEntry {
        /* Absolute, inside: "/" or "/etc/passwd". */
        char *path;
        /* With the type. */
        mode_t mode;
        uid_t uid;
        gid_t gid;
        uint64_t size;
        dev_t rdev;
        /* Symbolic links. */
        char *target;
        bool is_immutable;
        /* Of regular files. */
        unsigned char digest[MANIFEST_DIGEST_SIZE];
} ManifestEntry;

typedef struct Manifest {
        /* By path, as strcmp(3) has it. */
        ManifestEntry *entries;
        size_t n_entries;
} Manifest;

/* Read what manifest_write() wrote. Returns 0 and a manifest that the caller frees; -EBADMSG; -ENOMEM; or an errno;
 * *reterr is set. */
int manifest_read(int fd, Manifest **ret, char **reterr);
Manifest *manifest_free(Manifest *m);
DEFINE_CLEANUP(Manifest *, manifest_free)

/* The entry of a path, or NULL. */
const ManifestEntry *manifest_find(const Manifest *m, const char *path);
