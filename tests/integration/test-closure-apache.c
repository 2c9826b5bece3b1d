#include <criterion/criterion.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>

#include "closure-check.h"
#include "loader-trace.h"

/* Debian's apache2 with every module that is installed, against what the machine's own loader says. */

#define HTTPD   "/usr/sbin/apache2"
#define MODULES "/usr/lib/apache2/modules/*.so"

typedef struct File {
        dev_t device;
        ino_t inode;
        const char *path;
} File;

static int file_compare(const void *a, const void *b) {
        const File *x = a, *y = b;

        if (x->device != y->device)
                return x->device < y->device ? -1 : 1;
        return (x->inode > y->inode) - (x->inode < y->inode);
}

static File file_of(const char *path) {
        struct stat st;

        cr_assert_eq(stat(path, &st), 0, "%s: %m", path);
        return (File){ .device = st.st_dev, .inode = st.st_ino, .path = path };
}

/* Sort, and drop all but the first of each. Returns how many are left. */
static size_t make_set(File *files, size_t n) {
        size_t kept = 0;

        qsort(files, n, sizeof(File), file_compare);
        for (size_t i = 0; i < n; i++)
                if (kept == 0 || file_compare(files + kept - 1, files + i) != 0)
                        files[kept++] = files[i];
        return kept;
}

static bool has_path(char *const *paths, const char *path) {
        for (; *paths; paths++)
                if (streq(*paths, path))
                        return true;
        return false;
}

Test(closure_apache, is_what_the_loader_maps_and_what_is_opened_in_secret) {
        _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_(closure_freep) Closure *c = NULL;
        _cleanup_strv_free_ char **paths = NULL, **hidden = NULL;
        _cleanup_free_ File *expected = NULL, *got = NULL;
        size_t n_expected, n_got = 0;
        const char *interpreter;
        glob_t modules = {};

        if (access(HTTPD, X_OK) < 0)
                cr_skip_test("needs the package apache2-bin: " HTTPD " is not there");
        cr_assert_eq(glob(MODULES, 0, NULL, &modules), 0);
        cr_assert_geq(modules.gl_pathc, 100);

        cr_assert_eq(closure_new(root, &c), 0);
        check_add(c, HTTPD);
        cr_assert_eq(closure_get(c, 1)->kind, CLOSURE_INTERPRETER);
        interpreter = closure_get(c, 1)->path;
        loader_trace(interpreter, HTTPD, &paths);
        cr_assert_eq(strv_extend(&paths, HTTPD), 0);
        for (size_t i = 0; i < modules.gl_pathc; i++) {
                check_add(c, modules.gl_pathv[i]);
                loader_trace(interpreter, modules.gl_pathv[i], &paths);
                cr_assert_eq(strv_extend(&paths, modules.gl_pathv[i]), 0);
        }

        got = calloc(closure_count(c), sizeof(File));
        cr_assert_not_null(got);
        for (size_t i = 0; i < closure_count(c); i++) {
                const ClosureItem *item = closure_get(c, i);

                if (item->kind == CLOSURE_INDEX)
                        continue;
                got[n_got++] = file_of(item->path);
                if (item->kind != CLOSURE_HIDDEN)
                        continue;
                cr_assert_eq(strv_extend(&hidden, item->soname), 0);
                cr_assert_eq(strv_extend(&paths, item->path), 0);
                loader_trace(interpreter, item->path, &paths);
        }
        /* mod_ldap and mod_dav_fs are of the same package as httpd, and so are their drivers among its dependencies. */
        cr_assert(has_path(hidden, "libgcc_s.so.1"));
        cr_assert(has_path(hidden, "apr_ldap-1.so"));
        cr_assert(has_path(hidden, "apr_dbm_db-1.so"));

        n_expected = strv_length(paths);
        expected = calloc(n_expected, sizeof(File));
        cr_assert_not_null(expected);
        for (size_t i = 0; i < n_expected; i++)
                expected[i] = file_of(paths[i]);
        n_expected = make_set(expected, n_expected);
        n_got = make_set(got, n_got);
        for (size_t i = 0; i < n_expected && i < n_got; i++)
                cr_assert_eq(file_compare(expected + i, got + i), 0, "the loader has %s, the closure has %s",
                             expected[i].path, got[i].path);
        cr_assert_eq(n_got, n_expected);
        globfree(&modules);
}
