#pragma once

/* Which package of the distribution a file came from, asked of dpkg-query(1). Where there is no dpkg, or it does not
 * know a file, there is simply no answer: a source build is as good. */

#include "base.h"

typedef struct Package {
        /* As dpkg names it: "apache2-bin", "libc6:amd64". */
        char *name;
        char *version;
} Package;

typedef struct Packages {
        Package *packages;
        size_t n_packages;
        /* For each path that was asked for: the index of its package, or -1. */
        ssize_t *owners;
} Packages;

/* root: the tree that the paths are in, "/" or that of Source=; paths: absolute in there and without symbolic links.
 * Returns 0 and what is known, for packages_done(); -ENOMEM; or an errno with *reterr set. */
int packages_find(const char *root, const char *const *paths, size_t n, Packages *ret, char **reterr);
void packages_done(Packages *p);
