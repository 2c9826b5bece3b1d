#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "file.h"
#include "tree.h"

static int open_file(const Tree *t, const char *path) {
        int fd = open(tree_host_path(t, path), O_RDONLY | O_CLOEXEC);

        cr_assert_geq(fd, 0, "%s", path);
        return fd;
}

static void assert_content(const Tree *t, const char *path, const char *expected) {
        _cleanup_free_ char *text = NULL;

        cr_assert_eq(file_load(t->fd, path, 1024, &text, NULL), 0, "%s", path);
        cr_assert_str_eq(text, expected);
}

Test(file, reads_all_of_it_and_no_more_than_allowed) {
        _cleanup_tree_ Tree t = {};
        _cleanup_free_ char *text = NULL, *empty = NULL, *much = NULL;
        size_t size;

        tree_open(&t);
        tree_file(&t, "/bytes", "a\0b", 3);
        tree_file(&t, "/empty", "", 0);
        cr_assert_eq(file_load(t.fd, "/bytes", 3, &text, &size), 0);
        cr_assert_eq(size, 3);
        cr_assert_arr_eq(text, "a\0b", 4);
        cr_assert_eq(file_load(t.fd, "/empty", 0, &empty, &size), 0);
        cr_assert_eq(size, 0);
        cr_assert_str_empty(empty);
        cr_assert_eq(file_load(t.fd, "/bytes", 2, &much, NULL), -EFBIG);
        cr_assert_eq(file_load(t.fd, "/nothing", 2, &much, NULL), -ENOENT);
        cr_assert_null(much);
}

Test(file, equal_means_every_byte) {
        /* More than is looked at at once. */
        static char long_a[200000], long_b[200000], longer[200001];
        const struct {
                const char *a, *b;
                size_t n_a, n_b;
                bool equal;
        } cases[] = {
                { "", "", 0, 0, true },
                { "x", "", 1, 0, false },
                { "a\0b", "a\0c", 3, 3, false },
                { long_a, long_a, sizeof(long_a), sizeof(long_a), true },
                { long_a, long_b, sizeof(long_a), sizeof(long_b), false },
                { long_a, longer, sizeof(long_a), sizeof(longer), false },
        };
        _cleanup_tree_ Tree t = {};

        long_b[sizeof(long_b) - 1] = 1;
        tree_open(&t);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_close_ int a = -EBADF, b = -EBADF;
                char a_path[16], b_path[16];

                snprintf(a_path, sizeof(a_path), "/a%zu", i);
                snprintf(b_path, sizeof(b_path), "/b%zu", i);
                tree_file(&t, a_path, cases[i].a, cases[i].n_a);
                tree_file(&t, b_path, cases[i].b, cases[i].n_b);
                a = open_file(&t, a_path);
                b = open_file(&t, b_path);
                cr_assert_eq(file_equals(a, b), cases[i].equal, "case %zu", i);
        }
}

static int fill_new(FILE *f, void *userdata) {
        fputs("new", f);
        return *(int *) userdata;
}

Test(file, replaced_whole_or_not_at_all) {
        _cleanup_tree_ Tree t = {};
        int fails = -EIO, goes_well = 0;
        struct stat st;

        tree_open(&t);
        tree_text(&t, "/kept", "old");
        cr_assert_eq(file_replace(t.fd, "kept", 0640, fill_new, &fails), -EIO);
        assert_content(&t, "/kept", "old");
        cr_assert_eq(access(tree_host_path(&t, "/kept.new"), F_OK), -1);
        cr_assert_eq(file_replace(t.fd, "kept", 0640, fill_new, &goes_well), 0);
        assert_content(&t, "/kept", "new");
        cr_assert_eq(stat(tree_host_path(&t, "/kept"), &st), 0);
        cr_assert_eq(st.st_mode & 07777, 0640);
        cr_assert_eq(file_replace(AT_FDCWD, tree_host_path(&t, "/made"), 0600, fill_new, &goes_well), 0);
        assert_content(&t, "/made", "new");
}

/* Whoever may write in the folder knows the name that the file has at first. */
Test(file, does_not_write_where_a_link_leads) {
        _cleanup_tree_ Tree t = {};
        int goes_well = 0;

        tree_open(&t);
        tree_text(&t, "/victim", "untouched");
        tree_link(&t, "/kept.new", "victim");
        cr_assert_eq(file_replace(t.fd, "kept", 0644, fill_new, &goes_well), 0);
        assert_content(&t, "/victim", "untouched");
        assert_content(&t, "/kept", "new");
}
