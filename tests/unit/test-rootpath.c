#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "rootpath.h"
#include "tree.h"

/* /etc/conf -> /usr/conf (absolute, inside), /usr/out -> ../../../.., /a -> b, b -> a */
static void make_tree(Tree *t) {
        tree_open(t);
        tree_text(t, "/usr/conf/file", "inside");
        tree_link(t, "/etc/conf", "/usr/conf");
        tree_link(t, "/usr/out", "../../../..");
        tree_link(t, "/a", "b");
        tree_link(t, "/b", "a");
        tree_link(t, "/dangling", "usr/nothing");
}

Test(rootpath, resolves_inside_of_the_tree) {
        const struct {
                const char *path, *real;
                int error;
        } cases[] = {
                { "/", "/" },
                { "", "/" },
                { "/..", "/" },
                { "//etc/.//conf/file/", "/usr/conf/file" },
                { "/etc/conf/../conf/file", "/usr/conf/file" },
                { "/usr/out/usr/out/etc", "/etc" },
                { "/a", .error = -ELOOP },
                { "/dangling", .error = -ENOENT },
                { "/etc/conf/file/x", .error = -ENOTDIR },
        };
        _cleanup_tree_ Tree t = {};

        make_tree(&t);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *real = NULL;

                cr_assert_eq(rootpath_resolve(t.fd, cases[i].path, &real), cases[i].error, "%s",
                             cases[i].path);
                if (cases[i].real)
                        cr_assert_str_eq(real, cases[i].real);
        }
}

Test(rootpath, normalises_without_following_more_than_it_must) {
        const struct {
                const char *path, *normal;
        } cases[] = {
                { "/", "/" },
                { "/etc/conf/file", "/etc/conf/file" },
                { "/etc//./conf/", "/etc/conf" },
                { "/etc/conf/../conf/missing", "/usr/conf/missing" },
                { "/../../etc", "/etc" },
                { "/dangling", "/dangling" },
        };
        _cleanup_tree_ Tree t = {};

        make_tree(&t);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *normal = NULL;

                cr_assert_eq(rootpath_normalise(t.fd, cases[i].path, &normal), 0, "%s", cases[i].path);
                cr_assert_str_eq(normal, cases[i].normal);
        }
}

Test(rootpath, opens_what_is_a_file_and_nothing_else, .timeout = 10) {
        const struct {
                const char *path;
                int error;
        } cases[] = {
                { "/etc/conf/file", 0 },    { "/usr/out/usr/conf/file", 0 },
                { "/etc/conf", -EISDIR },   { "/fifo", -ENXIO },
                { "/a", -ELOOP },           { "/dangling", -ENOENT },
                { "/etc/passwd", -ENOENT },
        };
        _cleanup_tree_ Tree t = {};

        make_tree(&t);
        tree_fifo(&t, "/fifo");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_close_ int fd = -EBADF;
                struct stat st;
                int r = fd = rootpath_open_regular(t.fd, cases[i].path, &st);

                cr_assert_eq(r < 0 ? r : 0, cases[i].error, "%s: %d", cases[i].path, r);
                if (r >= 0)
                        cr_assert_eq(st.st_size, 6);
        }
}

Test(rootpath, a_path_that_is_too_long) {
        _cleanup_tree_ Tree t = {};
        _cleanup_free_ char *result = NULL;
        char longest[10000] = "/";

        make_tree(&t);
        memset(longest + 1, 'x', sizeof(longest) - 2);
        cr_assert_eq(rootpath_resolve(t.fd, longest, &result), -ENAMETOOLONG);
        cr_assert_eq(rootpath_normalise(t.fd, longest, &result), -ENAMETOOLONG);
}

Test(rootpath, what_lies_in_a_folder) {
        cr_assert(path_is_beneath("/srv/www", "/srv") && path_is_beneath("/srv/www", "/srv/") &&
                  path_is_beneath("/srv", "/"));
        cr_assert_not(path_is_beneath("/srv", "/srv") || path_is_beneath("/srv-2", "/srv") ||
                      path_is_beneath("/", "/"));
        cr_assert(path_is_at_or_beneath("/srv", "/srv") && path_is_at_or_beneath("/srv/www", "/srv/") &&
                  path_is_at_or_beneath("/", "/") && path_is_at_or_beneath("/srv", "/"));
        cr_assert_not(path_is_at_or_beneath("/srv-2", "/srv") || path_is_at_or_beneath("/", "/srv"));
}
