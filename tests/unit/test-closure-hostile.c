#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "closure-check.h"
#include "elf-file.h"
#include "ld-cache.h"

#define LIB "/lib/x86_64-linux-gnu/"

/* Each test runs in a process of its own: one that hangs ends by this. */
#define SECONDS 20

/* A tree with a program that needs libx.so, which is yet to be made. */
static void make_program(Tree *t) {
        tree_open(t);
        tree_glibc(t);
        tree_elf(t, "/bin/p", TREE_PROGRAM("libx.so"));
}

Test(closure_hostile, what_is_no_file_is_refused, .timeout = SECONDS) {
        const struct {
                const char *text;
                int error;
        } cases[] = {
                { "a device, FIFO or socket where an ELF file should be", -ENXIO },
                { "a folder where an ELF file should be", -EISDIR },
                { "Too many levels of symbolic links", -ELOOP },
                { "not an ELF file", -EBADMSG },
                { "not an ELF file", -EBADMSG },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_tree_ Tree t = {};
                _cleanup_(closure_freep) Closure *c = NULL;
                const char *path = LIB "libx.so";

                make_program(&t);
                switch (i) {
                case 0:
                        tree_fifo(&t, path);
                        break;
                case 1:
                        tree_folder(&t, path);
                        break;
                case 2:
                        tree_link(&t, path, "libx.so");
                        break;
                case 3:
                        tree_text(&t, path, "");
                        break;
                default:
                        tree_text(&t, path, "INPUT ( libreal.so )\n");
                }
                c = closure_of(&t);
                check_refused(c, "/bin/p", cases[i].error, cases[i].text);
                check_refused(c, path, cases[i].error, cases[i].text);
        }
}

Test(closure_hostile, links_do_not_lead_out_of_the_tree) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;

        make_program(&t);
        tree_link(&t, LIB "libx.so", "/../../../../../../../opt/libx.so");
        tree_elf(&t, "/opt/libx.so", TREE_LIBRARY("libx.so"));
        tree_link(&t, "/bin/sh", "/bin/../../../../../../proc/self/exe");
        c = closure_of(&t);
        check_add(c, "/bin/p");
        CHECK_PATHS(c, "/bin/p", TREE_LD_SO, LIB "libx.so");
        check_refused(c, "/bin/sh", -ENOENT, "/bin/sh: No such file or directory");
}

Test(closure_hostile, a_bad_path_of_the_caller) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;
        char longest[5000] = "/";

        make_program(&t);
        memset(longest + 1, 'x', sizeof(longest) - 2);
        c = closure_of(&t);
        check_refused(c, "/bin/missing", -ENOENT, "/bin/missing: No such file or directory");
        check_refused(c, "bin/p", -EINVAL, "not an absolute path");
        check_refused(c, "", -EINVAL, "not an absolute path");
        check_refused(c, "/bin/\np", -EINVAL, "/bin/?p: control characters in a path");
        check_refused(c, longest, -ENAMETOOLONG, "File name too long");
}

Test(closure_hostile, names_in_a_file_that_could_forge_a_report) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;

        tree_open(&t);
        tree_glibc(&t);
        tree_elf(&t, "/need", TREE_PROGRAM("libx.so\n/etc/shadow: fine"));
        tree_elf(&t, "/interpreter", &(ElfSpec){ .interpreter = "/lib/ld\033[2J" });
        tree_elf(&t, "/runpath", &(ElfSpec){ .interpreter = TREE_LD_SO, .runpath = "/a\rb" });
        tree_elf(&t, "/empty", TREE_PROGRAM(""));
        tree_elf(&t, "/relative", TREE_PROGRAM("lib/x.so"));
        tree_elf(&t, "/nowhere", &(ElfSpec){ .interpreter = "ld.so" });
        tree_elf(&t, "/root", &(ElfSpec){ .interpreter = "/" });
        tree_elf(&t, "/none", &(ElfSpec){ .flags = DF_1_PIE, .needs = { "libx.so" } });
        tree_elf(&t, "/object", &(ElfSpec){ .type = ET_REL });
        c = closure_of(&t);
        check_refused(c, "/need", -EBADMSG, "/need: a name in it has control characters");
        check_refused(c, "/interpreter", -EBADMSG, "/interpreter: a name in it has control characters");
        check_refused(c, "/runpath", -EBADMSG, "/runpath: a name in it has control characters");
        check_refused(c, "/empty", -EBADMSG, "/empty: it needs a library without a name");
        check_refused(c, "/relative", -EBADMSG, "lib/x.so: a library relative to the working directory");
        check_refused(c, "/nowhere", -EBADMSG, "ld.so: an interpreter without an absolute path");
        check_refused(c, "/root", -EISDIR, "/: a folder where an ELF file should be");
        check_refused(c, "/none", -EBADMSG, "a program with libraries and without an interpreter");
        check_refused(c, "/object", -EBADMSG, "neither a program nor a shared object");
}

Test(closure_hostile, a_static_program_that_calls_itself_libc) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;
        _cleanup_free_ char *reason = NULL;
        char *services[] = { (char[]){ "compat" }, NULL };

        tree_open(&t);
        tree_elf(&t, "/bin/p", &(ElfSpec){ .type = ET_EXEC, .soname = "libc.so.6" });
        c = closure_of(&t);
        check_add(c, "/bin/p");
        cr_assert_eq(closure_add_nss(c, services, &reason), 0, "%s", reason);
        CHECK_PATHS(c, "/bin/p");
}

Test(closure_hostile, a_damaged_cache_is_named) {
        const CacheEntry entries[] = { { "libx.so", "/opt/libx.so" } };
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;

        make_program(&t);
        tree_cache(&t, entries, 1);
        c = closure_of(&t);
        cr_assert_eq(truncate(tree_host_path(&t, "/etc/ld.so.cache"), 60), 0);
        check_refused(c, "/bin/p", -EBADMSG,
                      "/etc/ld.so.cache: it is cut off within its entries; run ldconfig");
        cr_assert_eq(truncate(tree_host_path(&t, "/etc/ld.so.cache"), 1L << 32), 0);
        check_refused(c, "/bin/p", -EFBIG, "/etc/ld.so.cache: File too large");
}

/* A good cache, and what each change makes of it. */
Test(closure_hostile, a_cache_cut_or_changed_anywhere, .timeout = SECONDS) {
        const CacheEntry entries[] = { { "liba.so", "/opt/liba.so" }, { "libb.so", "/opt/libb.so" } };
        _cleanup_free_ char *data = NULL;
        size_t size = cache_make(entries, ELEMENTSOF(entries), &data), first = 0;

        for (size_t n = 0; n <= size; n++) {
                _cleanup_(ld_cache_freep) LdCache *cache = NULL;
                _cleanup_free_ char *exact = malloc(n ?: 1);
                const char *error = NULL;
                int r;

                memcpy(exact, data, n);
                r = ld_cache_parse(exact, n, &cache, &error);
                cr_assert_eq(r, n < size ? -EBADMSG : 0, "%zu bytes", n);
                cr_assert(r == 0 || error);
        }
        for (size_t i = 0; i < size; i++)
                for (int bit = 0; bit < 8; bit++) {
                        _cleanup_(ld_cache_freep) LdCache *cache = NULL;
                        _cleanup_free_ char *exact = malloc(size);
                        const char *error = NULL;

                        memcpy(exact, data, size);
                        exact[i] = (char) (exact[i] ^ (1 << bit));
                        if (ld_cache_parse(exact, size, &cache, &error) == 0)
                                (void) ld_cache_find(cache, "liba.so", &first);
                }
}

Test(closure_hostile, a_cache_behind_one_of_the_old_format) {
        const CacheEntry entries[] = { { "liba.so", "/opt/liba.so" } };
        _cleanup_(ld_cache_freep) LdCache *cache = NULL;
        _cleanup_free_ char *data = NULL;
        size_t size = cache_make(entries, 1, &data), first;
        char both[512] = "ld.so-1.7.0";
        const char *error = NULL;

        /* One entry of 12 bytes behind a header of 16, then alignment to 8. */
        memcpy(both + 12, &(uint32_t){ 1 }, 4);
        memcpy(both + 32, data, size);
        cr_assert_eq(ld_cache_parse(both, 32 + size, &cache, &error), 0, "%s", error);
        cr_assert_eq(ld_cache_find(cache, "liba.so", &first), 1);
        cr_assert_str_eq(ld_cache_path(cache, first), "/opt/liba.so");
        cr_assert_eq(ld_cache_find(cache, "libb.so", &first), 0);
        cr_assert_eq(ld_cache_find(cache, "", &first), 0);
}

/* Read a file of the tree and drop it: only that it ends, in a result or a reason, is asked. */
static int read_and_drop(const Tree *t, const char *path) {
        _cleanup_close_ int fd = open(tree_host_path(t, path), O_RDONLY | O_CLOEXEC);
        _cleanup_(elf_file_freep) ElfFile *f = NULL;
        const char *error = NULL;
        int r;

        cr_assert_geq(fd, 0);
        r = elf_file_read(fd, &f, &error);
        cr_assert(r == 0 ? f != NULL : r == -EBADMSG && error, "%d", r);
        error = NULL;
        if (elf_file_defines(fd, "X_1.0", &error) < 0)
                cr_assert_not_null(error);
        return r;
}

Test(closure_hostile, an_elf_file_cut_or_changed_anywhere, .timeout = SECONDS) {
        for (int class = ELFCLASS32; class <= ELFCLASS64; class ++) {
                const ElfSpec spec = { .class = class,
                                       .interpreter = TREE_LD_SO,
                                       .soname = "libx.so",
                                       .rpath = "/opt",
                                       .needs = { "liba.so", "libb.so" },
                                       .defines = "X_1.0" };
                _cleanup_tree_ Tree t = {};
                _cleanup_close_ int fd = -EBADF;
                char data[4096];
                ssize_t size;

                tree_open(&t);
                tree_elf(&t, "/x", &spec);
                fd = open(tree_host_path(&t, "/x"), O_RDWR | O_CLOEXEC);
                size = read(fd, data, sizeof(data));
                cr_assert(size > 0 && (size_t) size < sizeof(data));
                cr_assert_eq(read_and_drop(&t, "/x"), 0);

                for (ssize_t i = 0; i < size; i++)
                        for (int value = 0; data[i] && value < 256; value += 51) {
                                char changed = (char) value;

                                cr_assert_eq(pwrite(fd, &changed, 1, i), 1);
                                (void) read_and_drop(&t, "/x");
                                cr_assert_eq(pwrite(fd, data + i, 1, i), 1);
                        }
                for (ssize_t n = size - 1; n >= 0; n--) {
                        cr_assert_eq(ftruncate(fd, n), 0);
                        (void) read_and_drop(&t, "/x");
                }
                cr_assert_eq(read_and_drop(&t, "/x"), -EBADMSG);
        }
}

Test(closure_hostile, a_header_that_claims_the_world_costs_nothing, .timeout = SECONDS) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;
        _cleanup_close_ int fd = -EBADF;
        Elf64_Ehdr good, h;

        make_program(&t);
        tree_elf(&t, LIB "libx.so", TREE_LIBRARY("libx.so"));
        fd = open(tree_host_path(&t, LIB "libx.so"), O_RDWR | O_CLOEXEC);
        cr_assert_eq(pread(fd, &good, sizeof(good), 0), sizeof(good));
        c = closure_of(&t);

        /* The numbers are in a section header, which a sparse file would make as large as one likes. */
        h = good;
        h.e_phnum = PN_XNUM;
        cr_assert_eq(pwrite(fd, &h, sizeof(h), 0), sizeof(h));
        check_refused(c, "/bin/p", -EBADMSG, "more sections or segments");
        h = good;
        h.e_shnum = 0;
        cr_assert_eq(pwrite(fd, &h, sizeof(h), 0), sizeof(h));
        cr_assert_eq(ftruncate(fd, (off_t) 1 << 40), 0);
        check_refused(c, "/bin/p", -EBADMSG, "more sections or segments");
        h = good;
        h.e_ident[EI_DATA] = ELFDATA2MSB;
        cr_assert_eq(pwrite(fd, &h, sizeof(h), 0), sizeof(h));
        check_refused(c, "/bin/p", -EBADMSG, "byte order");
        cr_assert_eq(pwrite(fd, &good, sizeof(good), 0), sizeof(good));
        check_add(c, "/bin/p");
}

Test(closure_hostile, a_chain_of_a_thousand_libraries, .timeout = SECONDS) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;
        char path[64], name[32], next[32];

        make_program(&t);
        tree_elf(&t, LIB "libx.so", TREE_LIBRARY("libx.so", "lib0.so"));
        for (int i = 0; i < 1000; i++) {
                snprintf(path, sizeof(path), LIB "lib%d.so", i);
                snprintf(name, sizeof(name), "lib%d.so", i);
                snprintf(next, sizeof(next), "lib%d.so", (i + 1) % 1000);
                tree_elf(&t, path, TREE_LIBRARY(name, next, "libx.so"));
        }
        c = closure_of(&t);
        check_add(c, "/bin/p");
        cr_assert_eq(closure_count(c), 1003);
}

Test(closure_hostile, search_paths_made_to_multiply, .timeout = SECONDS) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;
        char path[64], name[32], next[32], rpath[1500] = "";

        tree_open(&t);
        tree_glibc(&t);
        for (size_t n = 0; n + 10 < sizeof(rpath); n += 3)
                strcpy(rpath + n, "/a:");
        strcat(rpath, "/b");
        tree_elf(&t, "/bin/p",
                 &(ElfSpec){ .interpreter = TREE_LD_SO, .rpath = rpath, .needs = { "lib0.so" } });
        for (int i = 0; i < 100; i++) {
                snprintf(path, sizeof(path), "/usr/lib/lib%d.so", i);
                snprintf(name, sizeof(name), "lib%d.so", i);
                snprintf(next, sizeof(next), "lib%d.so", i + 1);
                tree_elf(&t, path, &(ElfSpec){ .soname = name, .rpath = rpath, .needs = { next } });
        }
        c = closure_of(&t);
        check_refused(c, "/bin/p", -E2BIG, "given up after looking in more than");
}

Test(closure_hostile, a_library_that_may_not_be_read) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;

        /* root may read everything. */
        if (geteuid() == 0)
                cr_assert_eq(setresuid(65534, 65534, 65534), 0);
        make_program(&t);
        tree_elf(&t, LIB "libx.so", TREE_LIBRARY("libx.so"));
        cr_assert_eq(chmod(tree_host_path(&t, LIB "libx.so"), 0), 0);
        c = closure_of(&t);
        check_refused(c, "/bin/p", -ENOENT, "(" LIB "libx.so: Permission denied)");
        check_refused(c, LIB "libx.so", -EACCES, LIB "libx.so: Permission denied");
}
