#pragma once

/* A small '/' in a temporary folder, filled with ELF files that have the headers a test wants and no code. */

#include <elf.h>

#include "base.h"

typedef struct Tree {
        char folder[64];
        int fd;
} Tree;

/* Make an empty tree, and remove it with all that is in it. A failure ends the test. */
void tree_open(Tree *t);
void tree_close(Tree *t);
#define _cleanup_tree_ _cleanup_(tree_close)

/* The host's path of a path in the tree; static storage. */
const char *tree_host_path(const Tree *t, const char *path);

/* Each makes the parent folders, too. */
void tree_folder(const Tree *t, const char *path);
void tree_file(const Tree *t, const char *path, const void *data, size_t size);
void tree_text(const Tree *t, const char *path, const char *text);
void tree_link(const Tree *t, const char *path, const char *target);
void tree_fifo(const Tree *t, const char *path);

#define ELF_NEEDS_MAX 8

typedef struct ElfSpec {
        /* ELFCLASS64, EM_X86_64, ET_DYN when zero. */
        int class, machine, type;
        const char *interpreter, *soname, *rpath, *runpath, *auxiliary, *filter;
        const char *needs[ELF_NEEDS_MAX];
        /* DT_FLAGS_1 */
        uint64_t flags;
        /* A symbol version that the file defines beside its base version. */
        const char *defines;
        bool no_dynamic;
} ElfSpec;

void tree_elf(const Tree *t, const char *path, const ElfSpec *spec);

/* A program that asks for glibc's loader, which tree_glibc() puts into the tree. */
#define TREE_LD_SO "/lib64/ld-linux-x86-64.so.2"
#define TREE_PROGRAM(...)                                                                                   \
        (&(const ElfSpec){ .interpreter = TREE_LD_SO, .flags = DF_1_PIE, .needs = { __VA_ARGS__ } })
#define TREE_LIBRARY(name, ...) (&(const ElfSpec){ .soname = name, .needs = { __VA_ARGS__ } })

/* A loader in Debian's layout (/lib64/ld-linux-x86-64.so.2 leads to /lib/x86_64-linux-gnu) that is all there is of glibc. */
void tree_glibc(const Tree *t);

typedef struct CacheEntry {
        const char *name, *path;
        uint64_t hwcap;
} CacheEntry;

/* What ldconfig(8) would write of these, in the new format. Returns the size; the caller frees *ret. */
size_t cache_make(const CacheEntry *entries, size_t n_entries, char **ret);
void tree_cache(const Tree *t, const CacheEntry *entries, size_t n_entries);
