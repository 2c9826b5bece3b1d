#pragma once

/* What the dynamic loader reads of one ELF file: its program headers and its dynamic segment. Section headers are not
 * trusted, because the loader does not look at them either and a stripped file need not have any. */

#include "base.h"

typedef struct ElfNeed {
        char *name;
        /* DT_AUXILIARY: used when it is there. */
        bool optional;
} ElfNeed;

typedef struct ElfFile {
        /* ELFCLASS32 or ELFCLASS64, EM_…: libraries must have those of their program. */
        unsigned char class;
        uint16_t machine;
        /* Something to execute; otherwise a shared object. */
        bool is_program;
        /* DF_1_NODEFLIB: the default folders are not for this file's needs. */
        bool no_default_libraries;
        /* Each NULL when the file has none. rpath is not set when there is a runpath, which makes it void. */
        char *interpreter;
        char *soname;
        char *rpath;
        char *runpath;
        ElfNeed *needs;
        size_t n_needs;
} ElfFile;

ElfFile *elf_file_free(ElfFile *f);
DEFINE_CLEANUP(ElfFile *, elf_file_free)

/* Read an open regular file; fd stays the caller's. Every string is bounds-checked and free of control characters.
 * Returns 0 and a file that the caller frees, -ENOMEM, or -EBADMSG with what is wrong with the file in *reterr, a
 * static phrase such as "not an ELF file". */
int elf_file_read(int fd, ElfFile **ret, const char **reterr);

/* Whether a program or shared object has a table of symbols that no loader reads, by its section headers. */
bool elf_file_has_symbols(int fd);

/* Whether a library defines a symbol version, e.g. "GLIBC_2.34". Returns 1 or 0; errors: elf_file_read(). */
int elf_file_defines(int fd, const char *version, const char **reterr);
