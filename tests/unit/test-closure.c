#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "closure-check.h"
#include "loader-trace.h"

#define LIB   "/lib/x86_64-linux-gnu/"
#define LD_SO TREE_LD_SO

Test(closure, takes_needs_level_by_level_and_ends_in_a_loop) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;
        _cleanup_free_ char *text = NULL;

        tree_open(&t);
        tree_glibc(&t);
        tree_elf(&t, "/usr/sbin/httpd", TREE_PROGRAM("liba.so.1", "libb.so.1"));
        tree_elf(&t, LIB "liba.so.1", TREE_LIBRARY("liba.so.1", "libdeep.so.1", "ld-linux-x86-64.so.2"));
        tree_elf(&t, "/usr" LIB "libb.so.1", TREE_LIBRARY("libb.so.1", "liba.so.1"));
        tree_elf(&t, "/usr/lib/libdeep.so.1", TREE_LIBRARY("libdeep.so.1", "libb.so.1", "libdeep.so.1"));
        c = closure_of(&t);
        check_add(c, "/usr/sbin/httpd");
        check_add(c, "/usr/sbin/httpd");
        CHECK_PATHS(c, "/usr/sbin/httpd", LD_SO, LIB "liba.so.1", "/usr" LIB "libb.so.1",
                    "/usr/lib/libdeep.so.1");

        cr_assert_eq(closure_get(c, 0)->kind, CLOSURE_PROGRAM);
        cr_assert_eq(closure_get(c, 1)->kind, CLOSURE_INTERPRETER);
        cr_assert_eq(closure_get(c, 4)->kind, CLOSURE_LIBRARY);
        cr_assert_str_eq(closure_get(c, 4)->soname, "libdeep.so.1");
        cr_assert_str_eq(closure_get(c, 4)->why, "library libdeep.so.1");
        cr_assert_eq(closure_get(c, 4)->needed_by, 2);
        cr_assert_eq(closure_get(c, 2)->needed_by, 0);
        cr_assert_str_eq(closure_get(c, 0)->why, "test");
        cr_assert_eq(closure_get(c, 0)->needed_by, -1);
}

Test(closure, rpath_is_inherited_and_runpath_is_not) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;

        tree_open(&t);
        tree_glibc(&t);
        tree_elf(&t, "/bin/rpath",
                 &(ElfSpec){ .interpreter = LD_SO, .rpath = "/opt/a:/opt/b", .needs = { "libx.so" } });
        tree_elf(&t, "/bin/runpath",
                 &(ElfSpec){ .interpreter = LD_SO,
                             .rpath = "/opt/a",
                             .runpath = "/opt/b",
                             .needs = { "libx.so" } });
        tree_elf(&t, "/opt/b/libx.so", TREE_LIBRARY("libx.so", "liby.so"));
        tree_elf(&t, "/opt/a/liby.so", TREE_LIBRARY("liby.so"));
        tree_elf(&t, "/opt/a/mod.so", TREE_LIBRARY(NULL, "liby.so"));
        c = closure_of(&t);
        check_add(c, "/bin/rpath");
        CHECK_PATHS(c, "/bin/rpath", LD_SO, "/opt/b/libx.so", "/opt/a/liby.so");

        check_refused(c, "/bin/runpath", -ENOENT,
                      "liby.so: not found where ld.so(8) looks; needed by /opt/b/libx.so");
        /* A program that was refused changes nothing for the modules of the one before. */
        check_add(c, "/opt/a/mod.so");
        cr_assert_eq(closure_get(c, 4)->kind, CLOSURE_MODULE);
        cr_assert_eq(closure_count(c), 5);
}

Test(closure, a_library_with_runpath_does_not_see_the_program_s_rpath) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;

        tree_open(&t);
        tree_glibc(&t);
        tree_elf(&t, "/bin/p",
                 &(ElfSpec){ .interpreter = LD_SO, .rpath = "/opt/a", .needs = { "libx.so" } });
        tree_elf(&t, "/opt/a/libx.so",
                 &(ElfSpec){ .soname = "libx.so", .runpath = "/opt/c", .needs = { "liby.so" } });
        tree_elf(&t, "/opt/a/liby.so", TREE_LIBRARY("liby.so"));
        tree_elf(&t, "/opt/c/liby.so", TREE_LIBRARY("liby.so"));
        c = closure_of(&t);
        check_add(c, "/bin/p");
        CHECK_PATHS(c, "/bin/p", LD_SO, "/opt/a/libx.so", "/opt/c/liby.so");
}

Test(closure, expands_the_variables_of_ld_so) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;

        tree_open(&t);
        tree_glibc(&t);
        tree_link(&t, "/usr/bin/p", "../../opt/app/bin/p");
        tree_elf(&t, "/opt/app/bin/p",
                 &(ElfSpec){ .interpreter = LD_SO,
                             .runpath = "$ORIGIN/../own:/opt/${LIB}:/opt/$PLATFORM/x::here",
                             .needs = { "liba.so", "libb.so", "libc.so", "$ORIGIN/libd.so" } });
        tree_elf(&t, "/opt/app/own/liba.so",
                 &(ElfSpec){ .soname = "liba.so", .runpath = "${ORIGIN}/sub", .needs = { "libe.so" } });
        tree_elf(&t, "/opt/lib/x86_64-linux-gnu/libb.so", TREE_LIBRARY("libb.so"));
        tree_elf(&t, "/opt/x86_64/x/libc.so", TREE_LIBRARY("libc.so"));
        tree_elf(&t, "/opt/haswell/x/libc.so", TREE_LIBRARY("libc.so"));
        tree_elf(&t, "/opt/app/bin/libd.so", TREE_LIBRARY("libd.so"));
        tree_elf(&t, "/opt/app/own/sub/libe.so", TREE_LIBRARY("libe.so"));
        c = closure_of(&t);
        /* Of a program, $ORIGIN is where the file really is. */
        check_add(c, "/usr/bin/p");
        CHECK_PATHS(c, "/usr/bin/p", LD_SO, "/opt/app/own/liba.so", "/opt/lib/x86_64-linux-gnu/libb.so",
                    "/opt/x86_64/x/libc.so", "/opt/haswell/x/libc.so", "/opt/app/bin/libd.so",
                    "/opt/app/own/sub/libe.so");
}

Test(closure, takes_the_baseline_and_the_better_ones_of_the_cache) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;
        const CacheEntry cache[] = {
                { "libx.so.1", "/opt/x/glibc-hwcaps/x86-64-v3/libx.so.1", UINT64_C(0x4000000000000000) },
                { "libx.so.1", "/opt/arm/libx.so.1" },
                { "libx.so.1", "/opt/x/libx.so.1" },
                { "libstale.so.1", "/opt/x/libstale.so.1" },
        };

        tree_open(&t);
        tree_glibc(&t);
        tree_cache(&t, cache, ELEMENTSOF(cache));
        tree_elf(&t, "/bin/p", TREE_PROGRAM("libx.so.1", "libstale.so.1", "liby.so.1"));
        tree_elf(&t, "/opt/x/libx.so.1", TREE_LIBRARY("libx.so.1"));
        tree_elf(&t, "/opt/arm/libx.so.1", &(ElfSpec){ .machine = EM_AARCH64, .soname = "libx.so.1" });
        tree_elf(&t, "/opt/x/glibc-hwcaps/x86-64-v3/libx.so.1", TREE_LIBRARY("libx.so.1"));
        tree_elf(&t, "/usr/lib/libx.so.1", TREE_LIBRARY("libx.so.1"));
        tree_elf(&t, "/usr/lib/libstale.so.1", TREE_LIBRARY("libstale.so.1"));
        tree_elf(&t, LIB "liby.so.1", TREE_LIBRARY("liby.so.1"));
        tree_elf(&t, LIB "glibc-hwcaps/x86-64-v2/liby.so.1", TREE_LIBRARY("liby.so.1"));
        c = closure_of(&t);
        check_add(c, "/bin/p");
        CHECK_PATHS(c, "/bin/p", LD_SO, "/opt/x/glibc-hwcaps/x86-64-v3/libx.so.1", "/etc/ld.so.cache",
                    "/opt/x/libx.so.1", "/usr/lib/libstale.so.1", LIB "liby.so.1",
                    LIB "glibc-hwcaps/x86-64-v2/liby.so.1");
}

Test(closure, the_cache_is_part_of_it_only_where_the_loader_needs_it) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;
        _cleanup_free_ char *text = NULL;
        const CacheEntry cache[] = {
                { "libx.so", LIB "libx.so" },
                { "libx.so", LIB "glibc-hwcaps/x86-64-v2/libx.so", UINT64_C(0x4000000000000000) },
                { "liby.so", "/usr/local/lib/liby.so" },
        };

        tree_open(&t);
        tree_glibc(&t);
        tree_cache(&t, cache, ELEMENTSOF(cache));
        tree_elf(&t, "/bin/p", TREE_PROGRAM("libx.so"));
        tree_elf(&t, "/bin/mod.so", TREE_LIBRARY("mod.so", "liby.so"));
        tree_elf(&t, LIB "libx.so", TREE_LIBRARY("libx.so"));
        tree_elf(&t, LIB "glibc-hwcaps/x86-64-v2/libx.so", TREE_LIBRARY("libx.so"));
        tree_elf(&t, "/usr/local/lib/liby.so", TREE_LIBRARY("liby.so"));
        c = closure_of(&t);
        check_add(c, "/bin/p");
        CHECK_PATHS(c, "/bin/p", LD_SO, LIB "libx.so", LIB "glibc-hwcaps/x86-64-v2/libx.so");
        check_add(c, "/bin/mod.so");
        cr_assert_eq(closure_count(c), 7);
        cr_assert_eq(closure_get(c, 6)->kind, CLOSURE_INDEX);
        cr_assert_str_eq(closure_get(c, 6)->path, "/etc/ld.so.cache");
        cr_assert_str_eq(closure_get(c, 6)->why, "where the loader learns of the folder of liby.so");
        cr_assert_str_eq(closure_get(c, (size_t) closure_get(c, 6)->needed_by)->path, "/bin/mod.so");
}

Test(closure, a_library_path_comes_after_rpath_and_before_runpath) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;

        tree_open(&t);
        tree_glibc(&t);
        tree_elf(&t, "/bin/p",
                 &(ElfSpec){ .interpreter = LD_SO, .runpath = "/opt/run", .needs = { "libx.so" } });
        tree_elf(&t, "/bin/q",
                 &(ElfSpec){ .interpreter = LD_SO, .rpath = "/opt/r", .needs = { "libx.so" } });
        tree_elf(&t, "/opt/r/libx.so", TREE_LIBRARY("libx.so"));
        tree_elf(&t, "/opt/run/libx.so", TREE_LIBRARY("libx.so"));
        tree_elf(&t, "/opt/env/libx.so", TREE_LIBRARY("libx.so"));
        c = closure_of(&t);
        cr_assert_eq(closure_set_library_path(c, "/nowhere;/opt/env:/opt/r"), 0);
        check_add(c, "/bin/p");
        check_add(c, "/bin/q");
        CHECK_PATHS(c, "/bin/p", LD_SO, "/opt/env/libx.so", "/bin/q", "/opt/r/libx.so");
}

Test(closure, default_folders_follow_the_interpreter) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;

        tree_open(&t);
        tree_link(&t, "/lib64", "usr/lib64");
        tree_elf(&t, "/usr/lib64/ld-linux-x86-64.so.2", TREE_LIBRARY("ld-linux-x86-64.so.2"));
        tree_elf(&t, "/usr/lib64/libx.so", TREE_LIBRARY("libx.so"));
        tree_elf(&t, "/usr/lib/liby.so", TREE_LIBRARY("liby.so"));
        tree_elf(&t, "/bin/p", TREE_PROGRAM("libx.so"));
        tree_elf(&t, "/bin/q", TREE_PROGRAM("liby.so"));
        tree_elf(&t, "/bin/r", &(ElfSpec){ .interpreter = "/opt/libc/lib/ld.so.1", .needs = { "libz.so" } });
        tree_elf(&t, "/opt/libc/lib/ld.so.1", TREE_LIBRARY("ld.so.1"));
        tree_elf(&t, "/opt/libc/lib/libz.so", TREE_LIBRARY("libz.so"));
        c = closure_of(&t);
        check_add(c, "/bin/p");
        check_refused(c, "/bin/q", -ENOENT, "liby.so");
        check_add(c, "/bin/r");
        CHECK_PATHS(c, "/bin/p", LD_SO, "/lib64/libx.so", "/bin/r", "/opt/libc/lib/ld.so.1",
                    "/opt/libc/lib/libz.so");
}

Test(closure, nodeflib_keeps_out_of_the_default_folders) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;
        const CacheEntry cache[] = { { "libx.so", LIB "libx.so" }, { "liby.so", "/opt/liby.so" } };
        const ElfSpec p = { .interpreter = LD_SO, .flags = DF_1_NODEFLIB, .needs = { "liby.so" } };
        const ElfSpec q = { .interpreter = LD_SO, .flags = DF_1_NODEFLIB, .needs = { "libx.so" } };

        tree_open(&t);
        tree_glibc(&t);
        tree_cache(&t, cache, ELEMENTSOF(cache));
        tree_elf(&t, LIB "libx.so", TREE_LIBRARY("libx.so"));
        tree_elf(&t, "/opt/liby.so", TREE_LIBRARY("liby.so"));
        tree_elf(&t, "/bin/p", &p);
        tree_elf(&t, "/bin/q", &q);
        c = closure_of(&t);
        check_add(c, "/bin/p");
        check_refused(c, "/bin/q", -ENOENT, "libx.so");
        CHECK_PATHS(c, "/bin/p", LD_SO, "/opt/liby.so", "/etc/ld.so.cache");
}

Test(closure, a_filter_is_needed_and_an_auxiliary_is_not) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;

        tree_open(&t);
        tree_glibc(&t);
        tree_elf(&t, "/bin/p", TREE_PROGRAM("libx.so"));
        tree_elf(&t, LIB "libx.so",
                 &(ElfSpec){ .soname = "libx.so", .auxiliary = "libaux.so", .filter = "libf.so" });
        tree_elf(&t, LIB "libf.so", TREE_LIBRARY("libf.so"));
        c = closure_of(&t);
        check_add(c, "/bin/p");
        CHECK_PATHS(c, "/bin/p", LD_SO, LIB "libx.so", LIB "libf.so");
}

Test(closure, libraries_are_of_the_program_s_machine) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;
        const ElfSpec narrow = { .class = ELFCLASS32, .machine = EM_386, .soname = "libx.so" };
        const ElfSpec p = { .interpreter = LD_SO, .runpath = "/opt/32:/opt/64", .needs = { "libx.so" } };

        tree_open(&t);
        tree_glibc(&t);
        tree_elf(&t, "/bin/p", &p);
        tree_elf(&t, "/bin/q", TREE_PROGRAM("liby.so"));
        tree_elf(&t, "/opt/32/libx.so", &narrow);
        tree_elf(&t, "/opt/64/libx.so", TREE_LIBRARY("libx.so"));
        tree_elf(&t, LIB "liby.so", &narrow);
        c = closure_of(&t);
        check_add(c, "/bin/p");
        CHECK_PATHS(c, "/bin/p", LD_SO, "/opt/64/libx.so");
        check_refused(c, "/bin/q", -ENOENT, "(" LIB "liby.so: for another machine)");
        check_refused(c, "/opt/32/libx.so", -EBADMSG, "/bin/p cannot open it, being for another machine");
}

Test(closure, a_32_bit_program_has_32_bit_libraries) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;
        const ElfSpec p = { .class = ELFCLASS32,
                            .machine = EM_386,
                            .type = ET_EXEC,
                            .interpreter = "/lib/ld-linux.so.2",
                            .needs = { "libx.so" } };

        tree_open(&t);
        tree_elf(&t, "/bin/p", &p);
        tree_elf(&t, "/lib/ld-linux.so.2", &(ElfSpec){ .class = ELFCLASS32, .machine = EM_386 });
        tree_elf(&t, "/usr/lib/libx.so",
                 &(ElfSpec){ .class = ELFCLASS32, .machine = EM_386, .soname = "libx.so" });
        c = closure_of(&t);
        check_add(c, "/bin/p");
        CHECK_PATHS(c, "/bin/p", "/lib/ld-linux.so.2", "/usr/lib/libx.so");
}

Test(closure, a_static_program_is_alone) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;

        tree_open(&t);
        tree_elf(&t, "/bin/static", &(ElfSpec){ .type = ET_EXEC, .no_dynamic = true });
        tree_elf(&t, "/bin/static-pie", &(ElfSpec){ .flags = DF_1_PIE });
        tree_elf(&t, "/lib/mod.so", TREE_LIBRARY("mod.so"));
        c = closure_of(&t);
        check_refused(c, "/lib/mod.so", -EINVAL, "no program to open it");
        check_add(c, "/bin/static");
        check_refused(c, "/lib/mod.so", -EBADMSG, "/bin/static cannot open it, being static");
        check_add(c, "/bin/static-pie");
        CHECK_PATHS(c, "/bin/static", "/bin/static-pie");
}

Test(closure, musl_searches_its_own_way) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;
        const ElfSpec p = { .interpreter = "/lib/ld-musl-x86_64.so.1",
                            .runpath = "/opt/lib",
                            .needs = { "libc.musl-x86_64.so.1", "liba.so" } };

        tree_open(&t);
        tree_elf(&t, "/bin/p", &p);
        tree_elf(&t, "/lib/ld-musl-x86_64.so.1", TREE_LIBRARY(NULL));
        tree_elf(&t, "/opt/lib/liba.so", TREE_LIBRARY("liba.so", "libb.so", "libc.so", "libpthread.so.0"));
        tree_elf(&t, "/opt/lib/libb.so", TREE_LIBRARY("libb.so", "libd.so"));
        tree_elf(&t, "/usr/local/lib/libd.so", TREE_LIBRARY("libd.so"));
        c = closure_of(&t);
        check_add(c, "/bin/p");
        CHECK_PATHS(c, "/bin/p", "/lib/ld-musl-x86_64.so.1", "/opt/lib/liba.so", "/opt/lib/libb.so",
                    "/usr/local/lib/libd.so");
        closure_free(TAKE_PTR(c));

        tree_text(&t, "/etc/ld-musl-x86_64.path", "/srv/lib\n/usr/lib\n");
        c = closure_of(&t);
        check_refused(c, "/bin/p", -ENOENT, "libd.so: not found");
        tree_elf(&t, "/srv/lib/libd.so", TREE_LIBRARY("libd.so"));
        check_add(c, "/bin/p");
        CHECK_PATHS(c, "/bin/p", "/lib/ld-musl-x86_64.so.1", "/etc/ld-musl-x86_64.path", "/opt/lib/liba.so",
                    "/opt/lib/libb.so", "/srv/lib/libd.so");
}

static void make_libc(const Tree *t, const char *version) {
        tree_glibc(t);
        tree_elf(t, LIB "libc.so.6",
                 &(ElfSpec){ .soname = "libc.so.6", .defines = version, .interpreter = LD_SO });
        tree_elf(t, "/bin/p", TREE_PROGRAM("libc.so.6"));
}

Test(closure, libgcc_comes_with_glibc) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;

        tree_open(&t);
        make_libc(&t, "GLIBC_2.34");
        c = closure_of(&t);
        check_refused(c, "/bin/p", -ENOENT,
                      "libgcc_s.so.1: not found where ld.so(8) looks; needed by " LIB "libc.so.6");
        tree_elf(&t, LIB "libgcc_s.so.1", TREE_LIBRARY("libgcc_s.so.1", "libc.so.6"));
        check_add(c, "/bin/p");
        CHECK_PATHS(c, "/bin/p", LD_SO, LIB "libc.so.6", LIB "libgcc_s.so.1");
        cr_assert_eq(closure_get(c, 3)->kind, CLOSURE_HIDDEN);
        cr_assert_eq(closure_get(c, 3)->needed_by, 2);
}

Test(closure, name_services_that_the_c_library_has_not_got_built_in) {
        const char *const services[] = { "files", "dns", "db", NULL };
        char *const *names = (char *const *) (uintptr_t) services;

        for (int is_new = 0; is_new < 2; is_new++) {
                _cleanup_tree_ Tree t = {};
                _cleanup_(closure_freep) Closure *c = NULL;
                _cleanup_free_ char *error = NULL;

                tree_open(&t);
                make_libc(&t, is_new ? "GLIBC_2.34" : "GLIBC_2.31");
                tree_elf(&t, LIB "libgcc_s.so.1", TREE_LIBRARY("libgcc_s.so.1"));
                tree_elf(&t, LIB "libnss_files.so.2", TREE_LIBRARY("libnss_files.so.2"));
                tree_elf(&t, LIB "libnss_dns.so.2", TREE_LIBRARY("libnss_dns.so.2", "libresolv.so.2"));
                tree_elf(&t, LIB "libresolv.so.2", TREE_LIBRARY("libresolv.so.2"));
                c = closure_of(&t);
                cr_assert_eq(closure_add_nss(c, names, &error), 0);
                check_add(c, "/bin/p");
                cr_assert_eq(closure_add_nss(c, names, &error), -ENOENT);
                cr_assert_not_null(strstr(error, "libnss_db.so.2: not found"), "%s", error);
                cr_assert_eq(closure_count(c), 4);

                tree_elf(&t, LIB "libnss_db.so.2", TREE_LIBRARY("libnss_db.so.2"));
                cr_assert_eq(closure_add_nss(c, names, &error), 0);
                if (is_new)
                        CHECK_PATHS(c, "/bin/p", LD_SO, LIB "libc.so.6", LIB "libgcc_s.so.1",
                                    LIB "libnss_db.so.2");
                else
                        CHECK_PATHS(c, "/bin/p", LD_SO, LIB "libc.so.6", LIB "libgcc_s.so.1",
                                    LIB "libnss_files.so.2", LIB "libnss_dns.so.2", LIB "libnss_db.so.2",
                                    LIB "libresolv.so.2");
        }
}

Test(closure, drivers_of_apr_util_come_with_the_module_that_needs_them) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;
        const ElfSpec p = { .interpreter = LD_SO, .rpath = "/opt/apr", .needs = { "libaprutil-1.so.0" } };

        tree_open(&t);
        tree_glibc(&t);
        tree_elf(&t, "/bin/p", &p);
        tree_link(&t, "/opt/apr", "/srv/apr/lib");
        tree_elf(&t, "/srv/apr/lib/libaprutil-1.so.0", TREE_LIBRARY("libaprutil-1.so.0"));
        tree_elf(&t, "/srv/apr/lib/apr-util-1/apr_ldap-1.so", TREE_LIBRARY("apr_ldap-1.so", "libldap.so"));
        tree_elf(&t, "/usr/lib/libldap.so", TREE_LIBRARY("libldap.so"));
        tree_elf(&t, "/m/mod_dav_fs.so", TREE_LIBRARY("mod_dav_fs.so"));
        tree_elf(&t, "/m/mod_ldap.so", TREE_LIBRARY("mod_ldap.so"));
        c = closure_of(&t);
        check_add(c, "/bin/p");
        check_add(c, "/m/mod_dav_fs.so");
        check_add(c, "/m/mod_ldap.so");
        CHECK_PATHS(c, "/bin/p", LD_SO, "/opt/apr/libaprutil-1.so.0", "/m/mod_dav_fs.so", "/m/mod_ldap.so",
                    "/srv/apr/lib/apr-util-1/apr_ldap-1.so", "/usr/lib/libldap.so");
        cr_assert_eq(closure_get(c, 5)->kind, CLOSURE_HIDDEN);
        cr_assert_eq(closure_get(c, 5)->needed_by, 4);
}

Test(closure, one_file_by_two_paths_is_read_once_and_listed_by_both) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(closure_freep) Closure *c = NULL;

        tree_open(&t);
        tree_glibc(&t);
        tree_elf(&t, "/bin/p",
                 &(ElfSpec){ .interpreter = LD_SO, .runpath = "/opt/lib", .needs = { "libx.so" } });
        tree_elf(&t, "/bin/q", TREE_PROGRAM("libx.so"));
        tree_elf(&t, LIB "libx.so.1.2", TREE_LIBRARY("libx.so"));
        tree_link(&t, LIB "libx.so", "libx.so.1.2");
        tree_link(&t, "/opt/lib/libx.so", LIB "libx.so.1.2");
        c = closure_of(&t);
        check_add(c, "/bin/p");
        check_add(c, "/bin/q");
        CHECK_PATHS(c, "/bin/p", LD_SO, "/opt/lib/libx.so", "/bin/q", LIB "libx.so");
        cr_assert_eq(closure_get(c, 4)->kind, CLOSURE_ALIAS);
}

static bool has_file(const Closure *c, const char *path) {
        struct stat wanted, st;

        cr_assert_eq(stat(path, &wanted), 0, "%s: %m", path);
        for (size_t i = 0; i < closure_count(c); i++)
                if (stat(closure_get(c, i)->path, &st) == 0 && st.st_dev == wanted.st_dev &&
                    st.st_ino == wanted.st_ino)
                        return true;
        return false;
}

Test(closure, agrees_with_the_loader_of_this_machine) {
        _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_(closure_freep) Closure *c = NULL;
        _cleanup_strv_free_ char **paths = NULL;
        const char *interpreter = NULL;
        char self[4096] = "";

        cr_assert_gt(readlink("/proc/self/exe", self, sizeof(self) - 1), 0);
        cr_assert_eq(closure_new(root, &c), 0);
        check_add(c, self);
        for (size_t i = 0; i < closure_count(c); i++)
                if (closure_get(c, i)->kind == CLOSURE_INTERPRETER)
                        interpreter = closure_get(c, i)->path;
        cr_assert_not_null(interpreter);

        loader_trace(interpreter, self, &paths);
        cr_assert_geq(strv_length(paths), 3);
        for (char **path = paths; *path; path++)
                cr_assert(has_file(c, *path), "%s is missing", *path);
        for (size_t i = 0; i < closure_count(c); i++) {
                const ClosureItem *item = closure_get(c, i);
                bool is_listed = item->kind == CLOSURE_HIDDEN || item->kind == CLOSURE_PROGRAM ||
                                 strstr(item->path, "glibc-hwcaps");

                for (char **path = paths; *path; path++)
                        is_listed = is_listed || streq(*path, item->path);
                cr_assert(is_listed, "%s is too much", item->path);
        }
}
