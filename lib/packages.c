#include "packages.h"

#include "capture.h"
#include "reterr.h"
#include "strv.h"

/* Two names each, well below what execve(2) takes. */
#define PATHS_MAX 2000

static const char *const dpkg_query[] = { "/usr/bin/dpkg-query", "/bin/dpkg-query" };
static char *const environment[] = { (char[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" },
                                     (char[]){ "LC_ALL=C" }, NULL };

/* A path that was asked for, and where its answer goes. */
typedef struct Asked {
        const char *path;
        size_t index;
} Asked;

typedef struct Search {
        const char *program;
        char *database;
        Asked *asked;
        size_t n_asked;
        Packages found;
} Search;

void packages_done(Packages *p) {
        for (size_t i = 0; i < p->n_packages; i++) {
                free(p->packages[i].name);
                free(p->packages[i].version);
        }
        free(p->packages);
        free(p->owners);
        *p = (Packages){};
}

static void search_done(Search *s) {
        free(s->database);
        free(s->asked);
        packages_done(&s->found);
}

static int asked_compare(const void *a, const void *b) {
        return strcmp(((const Asked *) a)->path, ((const Asked *) b)->path);
}

static const Asked *find_asked(const Search *s, const char *path) {
        const Asked key = { .path = path };

        return bsearch(&key, s->asked, s->n_asked, sizeof(Asked), asked_compare);
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

/* "PACKAGE[, PACKAGE…]: PATH"; of several that share a file, the first. */
static int take_owner(Search *s, const char *line) {
        const char *end = strstr(line, ": /"), *path = end ? end + 2 : NULL;
        size_t length = strcspn(line, ",");
        _cleanup_free_ char *merged = NULL;
        const Asked *asked;
        ssize_t package;

        if (!end || strncmp(line, "diversion by ", strlen("diversion by ")) == 0)
                return 0;
        asked = find_asked(s, path);
        if (!asked) {
                /* From before /lib became a link to /usr/lib. */
                if (asprintf(&merged, "/usr%s", path) < 0)
                        return -ENOMEM;
                asked = find_asked(s, merged);
        }
        if (!asked || s->found.owners[asked->index] >= 0)
                return 0;
        if (length > (size_t) (end - line))
                length = (size_t) (end - line);
        package = intern(&s->found, line, length);
        if (package < 0)
                return (int) package;
        s->found.owners[asked->index] = package;
        return 0;
}

/* "PACKAGE VERSION" */
static int take_version(Search *s, const char *line) {
        size_t n = strcspn(line, " ");

        for (size_t i = 0; line[n] && i < s->found.n_packages; i++) {
                Package *p = s->found.packages + i;

                if (p->version || strlen(p->name) != n || memcmp(p->name, line, n) != 0)
                        continue;
                p->version = strdup(line + n + 1);
                return p->version ? 0 : -ENOMEM;
        }
        return 0;
}

/* Run dpkg-query and take each line of its output. That some names are unknown to it is no failure. */
static int ask(Search *s, char *const *argv, int (*take)(Search *s, const char *line), char **reterr) {
        _cleanup_(capture_done) Capture c = {};
        int r = capture_run(argv, environment, &(CaptureOptions){}, &c, reterr);

        if (r < 0)
                return r;
        for (char *save, *line = strtok_r(c.out, "\n", &save); r >= 0 && line;
             line = strtok_r(NULL, "\n", &save))
                r = take(s, line);
        return r;
}

static int begin(const Search *s, const char *const *words, char ***ret) {
        int r = strv_extend(ret, s->program);

        if (r >= 0)
                r = strv_extend(ret, s->database);
        for (; r >= 0 && *words; words++)
                r = strv_extend(ret, *words);
        return r;
}

static int find_owners(Search *s, char **reterr) {
        static const char usr[] = "/usr";
        int r = 0;

        for (size_t i = 0; r >= 0 && i < s->n_asked;) {
                _cleanup_strv_free_ char **argv = NULL;

                r = begin(s, (const char *const[]){ "--search", "--", NULL }, &argv);
                for (size_t end = i + PATHS_MAX; r >= 0 && i < s->n_asked && i < end; i++) {
                        const char *path = s->asked[i].path;

                        /* It takes patterns, too. */
                        if (strpbrk(path, "*?[\\"))
                                continue;
                        r = strv_extend(&argv, path);
                        if (r >= 0 && strncmp(path, usr, strlen(usr)) == 0 && path[strlen(usr)] == '/')
                                r = strv_extend(&argv, path + strlen(usr));
                }
                if (r >= 0)
                        r = ask(s, argv, take_owner, reterr);
        }
        return r;
}

static int find_versions(Search *s, char **reterr) {
        static const char *const show[] = { "--show", "--showformat=${binary:Package} ${Version}\\n", "--",
                                            NULL };
        _cleanup_strv_free_ char **argv = NULL;
        int r = begin(s, show, &argv);

        for (size_t i = 0; r >= 0 && i < s->found.n_packages; i++)
                r = strv_extend(&argv, s->found.packages[i].name);
        if (r >= 0)
                r = ask(s, argv, take_version, reterr);
        for (size_t i = 0; r >= 0 && i < s->found.n_packages; i++)
                if (!s->found.packages[i].version) {
                        s->found.packages[i].version = strdup("");
                        r = s->found.packages[i].version ? 0 : -ENOMEM;
                }
        return r;
}

int packages_find(const char *root, const char *const *paths, size_t n, Packages *ret, char **reterr) {
        static const char admin_dir[] = "--admindir=";
        _cleanup_(search_done) Search s = { .n_asked = n };
        int r = 0;

        s.found.owners = calloc(n + 1, sizeof(ssize_t));
        s.asked = calloc(n + 1, sizeof(Asked));
        if (!s.found.owners || !s.asked ||
            asprintf(&s.database, "%s%s/var/lib/dpkg", admin_dir, streq(root, "/") ? "" : root) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                s.found.owners[i] = -1;
                s.asked[i] = (Asked){ .path = paths[i], .index = i };
        }
        qsort(s.asked, n, sizeof(Asked), asked_compare);
        for (size_t i = 0; !s.program && i < ELEMENTSOF(dpkg_query); i++)
                if (access(dpkg_query[i], X_OK) == 0)
                        s.program = dpkg_query[i];
        if (s.program && access(s.database + strlen(admin_dir), R_OK) == 0 &&
            (r = find_owners(&s, reterr)) >= 0 && s.found.n_packages > 0)
                r = find_versions(&s, reterr);
        if (r < 0)
                return r;
        *ret = s.found;
        s.found = (Packages){};
        return 0;
}
