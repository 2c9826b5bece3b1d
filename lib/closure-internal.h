#pragma once

/* What closure.c (the items), closure-scope.c (the search) and closure-hidden.c share. */

#include <sys/stat.h>

#include "closure.h"
#include "elf-file.h"
#include "loader.h"

typedef struct Object {
        ClosureItem item;
        dev_t device;
        ino_t inode;
        /* NULL for an alias and an index. */
        ElfFile *elf;
        /* The folder that $ORIGIN stands for. */
        char *origin;
        char *path;
        char *why;
} Object;

typedef struct Member {
        size_t object;
        /* The member whose need brought it, for the inheritance of DT_RPATH; -1 for the program. */
        ssize_t parent;
} Member;

/* What one process will have mapped: a program, its interpreter, its modules, and what they need. */
typedef struct Scope {
        size_t program;
        /* NULL for a static program. */
        Loader *loader;
        Member *members;
        size_t n_members;
        /* Names that need no search any more: those found before, and each member's DT_SONAME. */
        char **names;
        size_t n_names;
} Scope;

/* What is being added: for the text of an error, and for its end. */
typedef struct Addition {
        /* The caller's string. */
        const char *why;
        /* The scope that it goes into, NULL as long as there is none; not owned. */
        const Scope *scope;
        /* The member that the caller named. */
        size_t member;
        unsigned n_tries;
} Addition;

struct Closure {
        int root_fd;
        char *library_path;
        Object *objects;
        size_t n_objects;
        /* Of the program added last. */
        Scope *scope;
        Addition adding;
};

/* A file that is asked for. */
typedef struct Request {
        const char *path;
        ClosureKind kind;
        const char *why;
        /* The object that needs it, or -1. */
        ssize_t needed_by;
        /* The object whose machine it must be for, or -1. */
        ssize_t like;
} Request;

/* Read a file, unless it is known, and make it an item. Returns 1 with the index of its object; 0 when the loader would
 * look elsewhere, and *ret_absent is -ENOENT, -ENOTDIR, -EACCES, or -ENOEXEC for a file of another machine; or an error. */
int closure_read_object(Closure *c, const Request *q, size_t *ret, int *ret_absent, char **reterr);

/* Make the file that leads the loader to a library an item. Returns 0 or -ENOMEM. */
int closure_add_index(Closure *c, const char *path, size_t needed_by, const char *library);

/* Set *reterr to the formatted reason and, from object needed_by (-1: none) up to what is being added, who needs it.
 * Returns error, or -ENOMEM. */
int closure_refuse(const Closure *c, int error, ssize_t needed_by, char **reterr, const char *format, ...)
                __attribute__((format(printf, 5, 6)));

/* Begin the scope of a program, with its interpreter. */
int scope_new(Closure *c, size_t program, Scope **ret, char **reterr);
Scope *scope_free(Scope *s);
DEFINE_CLEANUP(Scope *, scope_free)

/* Make an object a member, once. parent: see Member. */
int scope_join(const Closure *c, Scope *s, size_t object, ssize_t parent);
void scope_truncate(Scope *s, size_t n_members, size_t n_names);

/* Find one library that a member needs and make it a member, too. Returns 1, or 0 when it is optional and absent. */
int scope_resolve(Closure *c, Scope *s, ssize_t parent, const char *need, ClosureKind kind, const char *why,
                  bool is_optional, char **reterr);

/* Find what a member opens with dlopen(), as far as it is known (closure-hidden.c). */
int scope_resolve_hidden(Closure *c, Scope *s, ssize_t member, char **reterr);

/* The first member with this DT_SONAME, or -1. */
ssize_t scope_find_soname(const Closure *c, const Scope *s, const char *soname);

/* Find what the members need, from the given one to the last, which moves as more join. */
int scope_resolve_all(Closure *c, Scope *s, size_t from, char **reterr);

/* What an addition may take back. */
typedef struct Mark {
        size_t n_objects, n_members, n_names;
} Mark;

Mark closure_mark(const Closure *c);

/* End an addition with the result r: on failure take back what was appended since, and hand over the text or, where the
 * failure has none, make one of its errno. Consumes text. Returns 0, or r. */
int closure_settle(Closure *c, const Mark *since, int r, const char *path, char *text, char **reterr);
