#include "closure-check.h"

#include <criterion/criterion.h>

Closure *closure_of(const Tree *t) {
        Closure *c = NULL;

        cr_assert_eq(closure_new(t->fd, &c), 0);
        return c;
}

void check_add(Closure *c, const char *path) {
        _cleanup_free_ char *error = NULL;

        cr_assert_eq(closure_add(c, path, "test", &error), 0, "%s", error);
}

void check_paths(const Closure *c, const char *const *paths) {
        size_t i = 0;

        for (; paths[i]; i++) {
                cr_assert_lt(i, closure_count(c), "%s is missing", paths[i]);
                cr_assert_str_eq(closure_get(c, i)->path, paths[i]);
                cr_assert_lt(closure_get(c, i)->needed_by, (ssize_t) i);
        }
        cr_assert_eq(closure_count(c), i, "%s is too much",
                     i < closure_count(c) ? closure_get(c, i)->path : "");
}

void check_refused(Closure *c, const char *path, int error, const char *text) {
        _cleanup_free_ char *message = NULL;
        size_t n = closure_count(c);

        cr_assert_eq(closure_add(c, path, "asked for by a test", &message), error, "%s", message);
        cr_assert_not_null(message);
        cr_assert_not_null(strstr(message, text), "'%s' does not say '%s'", message, text);
        cr_assert_not_null(strstr(message, "asked for by a test"), "'%s' does not say who asked", message);
        for (const char *p = message; *p; p++)
                cr_assert_geq((unsigned char) *p, ' ');
        cr_assert_eq(closure_count(c), n);
}
