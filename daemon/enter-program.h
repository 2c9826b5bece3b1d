#pragma once

/* A program of the host's, and what it takes to run it where only the host's files, at another place, are: its loader and the
 * folders of its libraries. Found by reading the files. */

#include "strv.h"

typedef struct EnterProgram {
        /* The host's, without symbolic links; of a script: its interpreter's. */
        char *path;
        /* The ELF interpreter as the program names it; NULL for a static one. */
        char *loader;
        /* The host's folders of libraries. */
        char **library_folders;
        /* What comes behind argv[0] before the arguments: for a script its path at ENTER_HOST, after the argument of its
         * first line. */
        char **before;
} EnterProgram;

/* name: a path, or looked for in ENTER_PATHS. Returns 0 and a program that the caller frees, or an errno with one line in
 * *reterr (caller frees). */
int enter_program_find(const char *name, EnterProgram **ret, char **reterr);
EnterProgram *enter_program_free(EnterProgram *p);
DEFINE_CLEANUP(EnterProgram *, enter_program_free)

/* Where the visitor sees the host's files. */
#define ENTER_HOST "/run/host"

/* The folders of the host's programs, NULL-terminated. */
extern const char *const enter_paths[];
