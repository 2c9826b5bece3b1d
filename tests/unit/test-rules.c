/* The table of rules as data, and the manifest that it compares with. */

#include <criterion/criterion.h>
#include <ctype.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "manifest.h"
#include "rules.h"

static bool is_id(const char *s) {
        for (const char *c = s; *c; c++)
                if (!islower(*c) && *c != '-')
                        return false;
        return strchr(s, '-');
}

static bool is_sentence(const char *s) {
        return s && *s && !strchr(s, '\n');
}

Test(rules, each_is_complete_and_unlike_the_others) {
        _cleanup_free_ const Rule *const *rules = NULL;
        int n = rules_list(&rules);

        cr_assert_geq(n, 45);
        for (int i = 0; i < n; i++) {
                const Rule *r = rules[i];

                cr_assert(is_id(r->id), "%s", r->id);
                cr_assert(is_sentence(r->title) && is_sentence(r->why) && is_sentence(r->action), "%s",
                          r->id);
                cr_assert_eq(!!r->check + !!r->check_node + !!r->check_process, 1, "%s", r->id);
                /* A process is in no tree, and a file of the tree does not run. */
                cr_assert(!r->check_process || r->part == RULE_LIVE, "%s", r->id);
                cr_assert(!r->check_node || r->part == RULE_TREE, "%s", r->id);
                for (int k = 0; k < i; k++)
                        cr_assert_str_neq(r->id, rules[k]->id);
        }
}

static int memory_file(const char *text) {
        int fd = memfd_create("manifest", MFD_CLOEXEC);

        cr_assert_eq(write(fd, text, strlen(text)), (ssize_t) strlen(text));
        cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
        return fd;
}

Test(manifest, reads_every_type_and_field) {
        static const char text[] =
                        "#mtree\n"
                        ". mode=755 gid=0 uid=0 type=dir\n"
                        "./lib mode=777 gid=0 uid=0 type=link link=usr/lib\n"
                        "./dev/null mode=666 gid=0 uid=0 type=char device=native,1,3\n"
                        "./etc/two\\040words mode=4755 gid=7 uid=33 type=file size=3 flags=schg "
                        "sha256digest=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";
        static const unsigned char digest[] = { 0xba, 0x78, 0x16, 0xbf };
        _cleanup_(manifest_freep) Manifest *m = NULL;
        _cleanup_close_ int fd = memory_file(text);
        _cleanup_free_ char *reason = NULL;
        const ManifestEntry *e;

        cr_assert_eq(manifest_read(fd, &m, &reason), 0, "%s", reason);
        cr_assert_eq(m->n_entries, 4);
        e = manifest_find(m, "/");
        cr_assert(e && e->mode == (S_IFDIR | 0755));
        e = manifest_find(m, "/lib");
        cr_assert(e && S_ISLNK(e->mode) && streq(e->target, "usr/lib"));
        e = manifest_find(m, "/dev/null");
        cr_assert(e && e->mode == (S_IFCHR | 0666) && e->rdev == makedev(1, 3));
        e = manifest_find(m, "/etc/two words");
        cr_assert(e && e->mode == (S_IFREG | 04755) && e->uid == 33 && e->gid == 7 && e->size == 3);
        cr_assert(e->is_immutable && memcmp(e->digest, digest, sizeof(digest)) == 0);
        cr_assert_null(manifest_find(m, "/etc"));
}

Test(manifest, refuses_what_is_none) {
        static const char *const texts[] = { "", "{\"json\":1}\n", "\177ELF" };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(manifest_freep) Manifest *m = NULL;
                _cleanup_close_ int fd = memory_file(texts[i]);
                _cleanup_free_ char *reason = NULL;

                cr_assert_eq(manifest_read(fd, &m, &reason), -EBADMSG, "%zu", i);
                cr_assert(reason && !m);
        }
}
