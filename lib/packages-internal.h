#pragma once

/* What packages.c and the package managers share. Each function returns 0, -ENOMEM, or an errno with *reterr set. */

#include "capture.h"
#include "packages.h"

/* A path that was asked for, and where its answer goes. */
typedef struct PackagePath {
        const char *path;
        size_t index;
} PackagePath;

typedef struct PackageManager {
        /* Of the host; the first that is there. */
        const char *programs[2];
        /* Beneath the tree, where it is; the option names its folder to the program. */
        const char *databases[4];
        const char *option;
        /* Start what can run already. */
        int (*begin)(PackageSearch *s, char **reterr);
        /* Take its answers, and ask for the rest. */
        int (*end)(PackageSearch *s, char **reterr);
} PackageManager;

extern const PackageManager package_manager_dpkg, package_manager_rpm;

struct PackageSearch {
        /* The tree that all paths are in. */
        const char *root;
        /* NULL where none has a database. */
        const PackageManager *manager;
        const char *program;
        /* PackageManager.option with the folder. */
        char *database;
        /* Sorted by path. */
        PackagePath *paths;
        size_t n_paths;
        CaptureChild *children;
        size_t n_children;
        /* Of one answer, for the next question. */
        char **words;
        Packages found;
};

/* Start the program with its database, and these words. */
int package_search_ask(PackageSearch *s, char *const *words, char **reterr);
/* The same with "words -- PATH…" until all paths are asked for. patterns: characters that the program would take as more
 * than themselves; a path with one of them is left out. merged: ask for "/lib" as well where "/usr/lib" is wanted. */
int package_search_ask_paths(PackageSearch *s, const char *const *words, const char *patterns, bool merged,
                             char **reterr);
/* Wait for the children from first to before end, and call take for each line of their output. That some names are
 * unknown to a program is no failure. */
int package_search_take(PackageSearch *s, size_t first, size_t end,
                        int (*take)(PackageSearch *s, char *line), char **reterr);
/* The package of this name owns the path, where that was asked for and is not known to be another's. Returns 1 when it was
 * asked for, 0 when not, or -ENOMEM. */
int package_search_set_owner(PackageSearch *s, const char *path, const char *name, size_t length);
/* Where the version is not known yet. */
int package_search_set_version(PackageSearch *s, const char *name, size_t length, const char *version);
