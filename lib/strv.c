#include "strv.h"

char **strv_free(char **v) {
        if (v)
                for (char **s = v; *s; s++)
                        free(*s);
        free(v);
        return NULL;
}

size_t strv_length(char *const *v) {
        size_t n = 0;

        while (v && v[n])
                n++;
        return n;
}

bool strv_contains(char *const *v, const char *s) {
        for (; v && *v; v++)
                if (streq(*v, s))
                        return true;
        return false;
}

int strv_extend(char ***v, const char *s) {
        _cleanup_free_ char *copy = strdup(s);
        size_t n = strv_length(*v);
        char **bigger;

        if (!copy)
                return -ENOMEM;
        bigger = reallocarray(*v, n + 2, sizeof(char *));
        if (!bigger)
                return -ENOMEM;
        bigger[n] = TAKE_PTR(copy);
        bigger[n + 1] = NULL;
        *v = bigger;
        return 0;
}

/* The index of NAME=…, or the length of the array. */
static size_t env_find(char *const *v, const char *name) {
        size_t n = strlen(name), i = 0;

        while (v && v[i] && !(strncmp(v[i], name, n) == 0 && v[i][n] == '='))
                i++;
        return i;
}

const char *strv_env_get(char *const *v, const char *name) {
        size_t i = env_find(v, name);

        return v && v[i] ? v[i] + strlen(name) + 1 : NULL;
}

int strv_env_set(char ***v, const char *name, const char *value) {
        _cleanup_free_ char *assignment = NULL;
        size_t i = env_find(*v, name);

        if (asprintf(&assignment, "%s=%s", name, value) < 0)
                return -ENOMEM;
        if (!*v || !(*v)[i])
                return strv_extend(v, assignment);
        free((*v)[i]);
        (*v)[i] = TAKE_PTR(assignment);
        return 0;
}

int strv_env_merge(char ***v, char *const *assignments) {
        int r = 0;

        for (; r >= 0 && assignments && *assignments; assignments++) {
                _cleanup_free_ char *name = strndup(*assignments, strcspn(*assignments, "="));

                if (!name)
                        return -ENOMEM;
                r = strv_env_set(v, name, *assignments + strlen(name) + 1);
        }
        return r;
}
