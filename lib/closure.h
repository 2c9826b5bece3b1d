#pragma once

/* The ELF closure: every file that the dynamic loader must open to run a program and its modules, found as ld.so(8)
 * (glibc's, or musl's where the program asks for that) would find it, by reading the files. Nothing is executed and
 * no loader is asked, so a hostile file in a Source= tree can do no more than be refused. */

#include "base.h"

typedef struct Closure Closure;

typedef enum ClosureKind {
        /* What the caller added: an executable, or a shared object that is opened with dlopen(). */
        CLOSURE_PROGRAM,
        CLOSURE_MODULE,
        /* PT_INTERP of a program. */
        CLOSURE_INTERPRETER,
        CLOSURE_LIBRARY,
        /* Opened in secret, and named in no header: libgcc_s.so.1 and NSS modules by glibc, drivers by apr-util. */
        CLOSURE_HIDDEN,
        /* One more path by which the loader opens the file of an earlier item. The path must exist, too. */
        CLOSURE_ALIAS,
        /* /etc/ld.so.cache (or musl's ld-musl-ARCH.path), where a library is in a folder that only it names. */
        CLOSURE_INDEX,
        _CLOSURE_KIND_MAX,
} ClosureKind;

typedef struct ClosureItem {
        ClosureKind kind;
        /* What the loader will open, as seen inside of the root: absolute, without "." or ".." or "//"; symbolic links
         * in it are not followed yet. */
        const char *path;
        /* DT_SONAME, or NULL. */
        const char *soname;
        /* One phrase: the caller's for what it added, otherwise e.g. "library libc.so.6". */
        const char *why;
        /* Index of the item that asked for this one; -1 for what the caller added. Always less than its own index. */
        ssize_t needed_by;
} ClosureItem;

/* root_fd: a directory that is '/' of the tree to read; duplicated. Every path is resolved beneath it.
 * Returns 0 and a closure that the caller frees, -ENOMEM, or the errno of fcntl(2). */
int closure_new(int root_fd, Closure **ret);
Closure *closure_free(Closure *c);
DEFINE_CLEANUP(Closure *, closure_free)

/* LD_LIBRARY_PATH for what is added from now on (bin/envvars of a source build sets one); NULL for none. Copied. */
int closure_set_library_path(Closure *c, const char *list);

/* Add an ELF file by its absolute path inside of the root, with all that it needs. A shared object belongs to the program
 * added last before it, as if that program opened it with dlopen(). Adding a file twice is no error.
 * why: who asked for it, e.g. "LoadModule ssl_module (/etc/apache2/mods-enabled/ssl.load:2)"; copied.
 * On failure the closure is as before and *reterr (caller frees) says which file, what is wrong with it and who needs it.
 * Returns 0; -ENOENT a file or library is not there; -EBADMSG not ELF, damaged, or for another machine; -EINVAL a path
 * that is not absolute or has control characters, or a shared object before any program; -E2BIG a search without end;
 * -ENOMEM; or the errno of open(2). */
int closure_add(Closure *c, const char *path, const char *why, char **reterr);

/* Add the modules that the C library of the last program opens for the services of nsswitch.conf(5), e.g. "files",
 * "dns" (NULL-terminated). Nothing is added for services that this C library has built in. Errors: closure_add(). */
int closure_add_nss(Closure *c, char *const *services, char **reterr);

/* The items in a deterministic order: what was added first comes first, then level by level what it needs. An item stays
 * where it is in memory until the next addition. */
size_t closure_count(const Closure *c);
const ClosureItem *closure_get(const Closure *c, size_t i);
