#pragma once

/* Which package of the distribution a file came from, asked of its package manager: dpkg-query(1) or rpm(8), whichever has
 * a database in the tree. Where there is none, or it does not know a file, there is simply no answer: a source build is as
 * good. */

#include "base.h"

typedef struct Package {
        /* As the package manager names it: "apache2-bin", "libc6:amd64"; "httpd". */
        char *name;
        char *version;
} Package;

typedef struct Packages {
        Package *packages;
        size_t n_packages;
        /* For each path that was asked for: the index of its package, or -1. */
        ssize_t *owners;
} Packages;

void packages_done(Packages *p);

/* A question whose answer is not there yet. */
typedef struct PackageSearch PackageSearch;

/* Ask, and go on meanwhile: to read its database takes dpkg longer than to copy a jail.
 * root: the tree that the paths are in, "/" or that of Source=; paths: absolute in there and without symbolic links; both
 * stay as they are until the answer. Returns 0 and a search for packages_end() or package_search_free(); -ENOMEM; or an
 * errno with *reterr set. */
int packages_begin(const char *root, const char *const *paths, size_t n, PackageSearch **ret, char **reterr);
PackageSearch *package_search_free(PackageSearch *s);
DEFINE_CLEANUP(PackageSearch *, package_search_free)

/* Returns 0 and what is known, for packages_done(); -ENOMEM; or an errno with *reterr set. */
int packages_end(PackageSearch *s, Packages *ret, char **reterr);

/* Both, one after the other. */
int packages_find(const char *root, const char *const *paths, size_t n, Packages *ret, char **reterr);
