#pragma once

/* The conventions of one dynamic loader (the PT_INTERP of a program): where it looks for a library that only has a name,
 * and what the variables in a search path mean to it. See ld.so(8); musl's is told by its file name, ld-musl-ARCH. */

#include "base.h"
#include "ld-cache.h"

typedef struct Loader {
        bool is_musl;
        uint16_t machine;
        /* What $LIB stands for, e.g. "lib/x86_64-linux-gnu". */
        char *lib;
        /* Searched last, in this order. */
        char **default_folders;
        /* The file that names more folders or libraries: /etc/ld.so.cache, or musl's list. NULL when the tree has none. */
        char *index;
        /* What is in it, with glibc. */
        LdCache *cache;
} Loader;

/* interpreter: absolute path inside of the root. The layout is taken from where it really is. Returns 0 and a loader that
 * the caller frees; -EBADMSG a damaged ld.so.cache, with *reterr (caller frees); -ENOMEM, or the errno of reading. */
int loader_new(int root_fd, const char *interpreter, uint16_t machine, Loader **ret, char **reterr);
Loader *loader_free(Loader *l);
DEFINE_CLEANUP(Loader *, loader_free)

/* Whether the loader itself is the library of this name (musl: libc, libpthread, libm …). */
bool loader_provides(const Loader *l, const char *name);

/* Expand the variables of a DT_NEEDED with a slash. origin: the folder of the file that has it.
 * Returns 0 and a string that the caller frees, -ENAMETOOLONG or -ENOMEM. */
int loader_expand(const Loader *l, const char *text, const char *origin, char **ret);

/* The folders that one element (text, length bytes) of a search path stands for: itself and its subfolders for better
 * processors; on one machine the loader picks one of them, so a library is taken from each. A relative element
 * stands for none. Returns 0 and a strv that the caller frees (NULL when empty), -ENAMETOOLONG or -ENOMEM. */
int loader_folders(const Loader *l, const char *text, size_t length, const char *origin, char ***ret);
