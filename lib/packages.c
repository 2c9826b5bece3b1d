#include "packages-internal.h"

#include "reterr.h"
#include "strv.h"

/* Two names each, well below what execve(2) takes. */
#define PATHS_MAX 2000

static char *const environment[] = { (char[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" },
                                     (char[]){ "LC_ALL=C" }, NULL };

static const PackageManager *const managers[] = { &package_manager_dpkg, &package_manager_rpm };

void packages_done(Packages *p) {
        for (size_t i = 0; i < p->n_packages; i++) {
                free(p->packages[i].name);
                free(p->packages[i].version);
        }
        free(p->packages);
        free(p->owners);
        *p = (Packages){};
}

PackageSearch *package_search_free(PackageSearch *s) {
        if (!s)
                return NULL;
        for (size_t i = 0; i < s->n_children; i++)
                capture_abandon(&s->children[i]);
        free(s->children);
        free(s->database);
        free(s->paths);
        strv_free(s->words);
        packages_done(&s->found);
        free(s);
        return NULL;
}

static int path_compare(const void *a, const void *b) {
        return strcmp(((const PackagePath *) a)->path, ((const PackagePath *) b)->path);
}

/* The index of a package by name, which is added where it is new; or -ENOMEM. */
static ssize_t intern(Packages *p, const char *name, size_t length) {
        Package *bigger;

        for (size_t i = 0; i < p->n_packages; i++)
                if (strlen(p->packages[i].name) == length && memcmp(p->packages[i].name, name, length) == 0)
                        return (ssize_t) i;
        bigger = reallocarray(p->packages, p->n_packages + 1, sizeof(Package));
        if (!bigger)
                return -ENOMEM;
        p->packages = bigger;
        bigger[p->n_packages] = (Package){ .name = strndup(name, length) };
        return bigger[p->n_packages].name ? (ssize_t) p->n_packages++ : -ENOMEM;
}

static const PackagePath *find_path(const PackageSearch *s, const char *path) {
        const PackagePath key = { .path = path };

        return bsearch(&key, s->paths, s->n_paths, sizeof(PackagePath), path_compare);
}

int package_search_set_owner(PackageSearch *s, const char *path, const char *name, size_t length) {
        const PackagePath *asked = find_path(s, path);
        _cleanup_free_ char *merged = NULL;
        ssize_t package;

        if (!asked) {
                /* From before /lib became a link to /usr/lib. */
                if (asprintf(&merged, "/usr%s", path) < 0)
                        return -ENOMEM;
                asked = find_path(s, merged);
        }
        if (!asked)
                return 0;
        if (s->found.owners[asked->index] >= 0)
                return 1;
        package = intern(&s->found, name, length);
        if (package < 0)
                return (int) package;
        s->found.owners[asked->index] = package;
        return 1;
}

int package_search_set_version(PackageSearch *s, const char *name, size_t length, const char *version) {
        for (size_t i = 0; i < s->found.n_packages; i++) {
                Package *p = s->found.packages + i;

                if (p->version || strlen(p->name) != length || memcmp(p->name, name, length) != 0)
                        continue;
                p->version = strdup(version);
                return p->version ? 0 : -ENOMEM;
        }
        return 0;
}

int package_search_ask(PackageSearch *s, char *const *words, char **reterr) {
        CaptureChild *bigger = reallocarray(s->children, s->n_children + 1, sizeof(CaptureChild));
        _cleanup_strv_free_ char **argv = NULL;
        int r;

        if (!bigger)
                return -ENOMEM;
        s->children = bigger;
        if ((r = strv_extend(&argv, s->program)) < 0 || (r = strv_extend(&argv, s->database)) < 0)
                return r;
        for (; r >= 0 && *words; words++)
                r = strv_extend(&argv, *words);
        if (r >= 0)
                r = capture_begin(argv, environment, &(CaptureOptions){}, &bigger[s->n_children], reterr);
        if (r >= 0)
                s->n_children++;
        return r;
}

int package_search_ask_paths(PackageSearch *s, const char *const *words, const char *patterns, bool merged,
                             char **reterr) {
        static const char usr[] = "/usr/";
        int r = 0;

        for (size_t i = 0; r >= 0 && i < s->n_paths;) {
                _cleanup_strv_free_ char **more = NULL;

                for (const char *const *word = words; r >= 0 && *word; word++)
                        r = strv_extend(&more, *word);
                if (r >= 0)
                        r = strv_extend(&more, "--");
                for (size_t end = i + PATHS_MAX; r >= 0 && i < s->n_paths && i < end; i++) {
                        const char *path = s->paths[i].path;

                        if (strpbrk(path, patterns))
                                continue;
                        r = strv_extend(&more, path);
                        if (r >= 0 && merged && strncmp(path, usr, strlen(usr)) == 0)
                                r = strv_extend(&more, path + strlen(usr) - 1);
                }
                if (r >= 0)
                        r = package_search_ask(s, more, reterr);
        }
        return r;
}

int package_search_take(PackageSearch *s, size_t first, size_t end,
                        int (*take)(PackageSearch *s, char *line), char **reterr) {
        for (size_t i = first; i < end; i++) {
                _cleanup_(capture_done) Capture c = {};
                int r = capture_end(&s->children[i], &c, reterr);

                for (char *save, *line = r < 0 ? NULL : strtok_r(c.out, "\n", &save); r >= 0 && line;
                     line = strtok_r(NULL, "\n", &save))
                        r = take(s, line);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Returns 1 where the manager is there and its database, too; 0; or -ENOMEM. */
static int try_manager(PackageSearch *s, const PackageManager *m, const char *root) {
        for (size_t i = 0; i < ELEMENTSOF(m->databases) && m->databases[i]; i++) {
                _cleanup_free_ char *file = NULL;

                if (asprintf(&file, "%s%s", streq(root, "/") ? "" : root, m->databases[i]) < 0)
                        return -ENOMEM;
                if (access(file, R_OK) < 0)
                        continue;
                for (size_t k = 0; k < ELEMENTSOF(m->programs); k++) {
                        if (access(m->programs[k], X_OK) < 0)
                                continue;
                        s->manager = m;
                        s->program = m->programs[k];
                        return asprintf(&s->database, "%s=%.*s", m->option,
                                        (int) (strrchr(file, '/') - file), file) < 0
                                               ? -ENOMEM
                                               : 1;
                }
        }
        return 0;
}

int packages_begin(const char *root, const char *const *paths, size_t n, PackageSearch **ret,
                   char **reterr) {
        _cleanup_(package_search_freep) PackageSearch *s = calloc(1, sizeof(PackageSearch));
        int r = 0;

        if (!s)
                return -ENOMEM;
        s->root = root;
        s->n_paths = n;
        s->found.owners = calloc(n + 1, sizeof(ssize_t));
        s->paths = calloc(n + 1, sizeof(PackagePath));
        if (!s->found.owners || !s->paths)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                s->found.owners[i] = -1;
                s->paths[i] = (PackagePath){ .path = paths[i], .index = i };
        }
        qsort(s->paths, n, sizeof(PackagePath), path_compare);
        for (size_t i = 0; n > 0 && r == 0 && i < ELEMENTSOF(managers); i++)
                r = try_manager(s, managers[i], root);
        if (r > 0)
                r = s->manager->begin(s, reterr);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

int packages_end(PackageSearch *s, Packages *ret, char **reterr) {
        int r = s->manager ? s->manager->end(s, reterr) : 0;

        for (size_t i = 0; r >= 0 && i < s->found.n_packages; i++)
                if (!s->found.packages[i].version) {
                        s->found.packages[i].version = strdup("");
                        r = s->found.packages[i].version ? 0 : -ENOMEM;
                }
        if (r < 0)
                return r;
        *ret = s->found;
        s->found = (Packages){};
        return 0;
}

int packages_find(const char *root, const char *const *paths, size_t n, Packages *ret, char **reterr) {
        _cleanup_(package_search_freep) PackageSearch *s = NULL;
        int r = packages_begin(root, paths, n, &s, reterr);

        return r < 0 ? r : packages_end(s, ret, reterr);
}
