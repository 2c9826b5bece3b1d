/* The verb diff: what differs between the files of two generations, looked up in the files themselves. */

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "builder.h"
#include "file.h"
#include "format.h"
#include "generations.h"
#include "json-object.h"
#include "json-print.h"
#include "output.h"
#include "rootpath.h"

typedef enum Change {
        CHANGE_NONE,
        CHANGE_ADDED,
        CHANGE_REMOVED,
        CHANGE_CONTENT,
        /* Type, mode or owner only. */
        CHANGE_MODE,
        _CHANGE_MAX,
} Change;

static const char *const change_names[_CHANGE_MAX] = {
        [CHANGE_ADDED] = "added",
        [CHANGE_REMOVED] = "removed",
        [CHANGE_CONTENT] = "changed",
        [CHANGE_MODE] = "mode",
};

static const Colour change_colours[_CHANGE_MAX] = {
        [CHANGE_ADDED] = COLOUR_GREEN,
        [CHANGE_REMOVED] = COLOUR_RED,
        [CHANGE_CONTENT] = COLOUR_YELLOW,
        [CHANGE_MODE] = COLOUR_YELLOW,
};

enum {
        COLUMN_CHANGE,
        COLUMN_PATH,
        COLUMN_SIZE,
        COLUMN_PACKAGE,
        _COLUMN_MAX,
};

/* One difference. */
typedef struct Difference {
        Change change;
        /* NULL: not in that generation. */
        const Origin *a, *b;
        struct stat st_a, st_b;
        char *size;
        char *package;
} Difference;

typedef struct Differences {
        Difference *items;
        size_t n;
} Differences;

static void differences_done(Differences *d) {
        for (size_t i = 0; i < d->n; i++) {
                free(d->items[i].size);
                free(d->items[i].package);
        }
        free(d->items);
}

static int look(const Generation *g, const Origin *e, struct stat *ret) {
        return fstatat(g->root_fd, e->path + 1, ret, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static bool content_equals(const Generation *a, const Generation *b, const char *path) {
        struct stat st;
        _cleanup_close_ int a_fd = rootpath_open_regular(a->root_fd, path, &st),
                            b_fd = rootpath_open_regular(b->root_fd, path, &st);

        return a_fd >= 0 && b_fd >= 0 && file_equals(a_fd, b_fd) > 0;
}

static bool link_equals(const Generation *a, const Generation *b, const char *path) {
        char x[PATH_MAX], y[PATH_MAX];
        ssize_t n = readlinkat(a->root_fd, path + 1, x, sizeof(x)),
                m = readlinkat(b->root_fd, path + 1, y, sizeof(y));

        return n >= 0 && n == m && memcmp(x, y, (size_t) n) == 0;
}

static Change compare(const Generation *a, const Generation *b, Difference *d) {
        const struct stat *x = &d->st_a, *y = &d->st_b;
        const char *path = (d->a ?: d->b)->path;

        if (!d->a || !d->b)
                return d->a ? CHANGE_REMOVED : CHANGE_ADDED;
        if ((x->st_mode & S_IFMT) != (y->st_mode & S_IFMT))
                return CHANGE_CONTENT;
        if (S_ISREG(x->st_mode) && (x->st_size != y->st_size || !content_equals(a, b, path)))
                return CHANGE_CONTENT;
        if (S_ISLNK(x->st_mode) && !link_equals(a, b, path))
                return CHANGE_CONTENT;
        return x->st_mode != y->st_mode || x->st_uid != y->st_uid || x->st_gid != y->st_gid ||
                                               x->st_rdev != y->st_rdev
                               ? CHANGE_MODE
                               : CHANGE_NONE;
}

/* "A -> B", or the one that there is. */
static char *join(const char *a, const char *b) {
        char *s;

        if (!a || !b || streq(a, b))
                return strdup(a ?: b ?: "-");
        return asprintf(&s, "%s -> %s", a, b) < 0 ? NULL : s;
}

static char *describe_size(const Difference *d) {
        char a[FORMAT_MAX], b[FORMAT_MAX];
        bool has_a = d->a && S_ISREG(d->st_a.st_mode), has_b = d->b && S_ISREG(d->st_b.st_mode);

        return join(has_a ? format_bytes((uint64_t) d->st_a.st_size, a) : NULL,
                    has_b ? format_bytes((uint64_t) d->st_b.st_size, b) : NULL);
}

static char *describe_package(const Difference *d) {
        const Package *a = d->a ? d->a->package : NULL, *b = d->b ? d->b->package : NULL;
        _cleanup_free_ char *versions = NULL;
        char *s;

        if (!a && !b)
                return strdup("-");
        versions = join(a ? a->version : NULL, b ? b->version : NULL);
        return !versions || asprintf(&s, "%s %s", (b ?: a)->name, versions) < 0 ? NULL : s;
}

static int add_pair(Differences *all, const Generation *a, const Generation *b, const Origin *x,
                    const Origin *y) {
        Difference d = { .a = x, .b = y }, *bigger;
        int r = 0;

        if (x)
                r = look(a, x, &d.st_a);
        if (y && r >= 0)
                r = look(b, y, &d.st_b);
        if (r < 0)
                return r;
        d.change = compare(a, b, &d);
        if (d.change == CHANGE_NONE)
                return 0;
        bigger = reallocarray(all->items, all->n + 1, sizeof(Difference));
        if (!bigger)
                return -ENOMEM;
        all->items = bigger;
        d.size = describe_size(&d);
        d.package = describe_package(&d);
        bigger[all->n++] = d;
        return d.size && d.package ? 0 : -ENOMEM;
}

/* Both are sorted by path. */
static int find_differences(Differences *all, const Generation *a, const Generation *b) {
        size_t i = 0, k = 0;
        int r = 0;

        while (r >= 0 && (i < a->origins->n_entries || k < b->origins->n_entries)) {
                const Origin *x = i < a->origins->n_entries ? a->origins->entries + i : NULL,
                             *y = k < b->origins->n_entries ? b->origins->entries + k : NULL;
                int order = !x ? 1 : !y ? -1 : strcmp(x->path, y->path);

                r = add_pair(all, a, b, order <= 0 ? x : NULL, order >= 0 ? y : NULL);
                i += order <= 0;
                k += order >= 0;
        }
        return r;
}

static json_object *difference_to_json(const Difference *d) {
        const Package *a = d->a ? d->a->package : NULL, *b = d->b ? d->b->package : NULL;
        json_object *o = json_object_new_object();

        json_object_object_add(o, "change", json_object_new_string(change_names[d->change]));
        json_object_object_add(o, "path", json_object_new_string((d->a ?: d->b)->path));
        json_object_object_add(o, "size-before", d->a ? json_object_new_int64(d->st_a.st_size) : NULL);
        json_object_object_add(o, "size", d->b ? json_object_new_int64(d->st_b.st_size) : NULL);
        json_object_object_add(o, "package", a || b ? json_object_new_string((b ?: a)->name) : NULL);
        json_object_object_add(o, "version-before", a ? json_object_new_string(a->version) : NULL);
        json_object_object_add(o, "version", b ? json_object_new_string(b->version) : NULL);
        return o;
}

static void print_json(const Differences *all, const Generation *a, const Generation *b) {
        _cleanup_(json_object_putp) json_object *o = json_object_new_object();
        json_object *array = json_object_new_array();

        for (size_t i = 0; i < all->n; i++)
                json_object_array_add(array, difference_to_json(all->items + i));
        json_object_object_add(o, "before", json_object_new_int64(a->number));
        json_object_object_add(o, "generation", json_object_new_int64(b->number));
        json_object_object_add(o, "differences", array);
        json_print(o);
}

static int print_rows(const CtlOptions *options, const char *name, const Differences *all,
                      const Generation *a, const Generation *b) {
        static const char *const names[_COLUMN_MAX] = { "CHANGE", "PATH", "SIZE", "PACKAGE" };
        _cleanup_free_ TableCell *cells = calloc((all->n + 1) * _COLUMN_MAX, sizeof(TableCell));

        if (!cells)
                return CTL_EXIT_FAILED;
        for (size_t i = 0; i < _COLUMN_MAX; i++)
                cells[i].text = names[i];
        for (size_t i = 0; i < all->n; i++) {
                const Difference *d = all->items + i;
                TableCell *row = cells + (i + 1) * _COLUMN_MAX;

                row[COLUMN_CHANGE] = (TableCell){ change_names[d->change], change_colours[d->change] };
                row[COLUMN_PATH].text = (d->a ?: d->b)->path;
                row[COLUMN_SIZE].text = d->size;
                row[COLUMN_PACKAGE].text = d->package;
        }
        print_table(cells, _COLUMN_MAX, all->n + 1, options->legend && all->n > 0);
        if (options->legend)
                printf("%s%s: %zu difference%s between generation %u and %u\n", all->n > 0 ? "\n" : "", name,
                       all->n, all->n == 1 ? "" : "s", a->number, b->number);
        return CTL_EXIT_DONE;
}

/* Without words: the one before the current one, and that; with one: it, and the current one. */
static int choose(const char *name, char *const *words, unsigned *ret_a, unsigned *ret_b) {
        _cleanup_free_ unsigned *numbers = NULL;
        unsigned current = 0;
        int n;

        *ret_a = *ret_b = 0;
        for (unsigned i = 0; words[i]; i++) {
                unsigned number = generation_parse(words[i]);

                if (number == 0) {
                        print_error("jailctl", "'%s' is no generation's number; see jailctl --help",
                                    words[i]);
                        return CTL_EXIT_USAGE;
                }
                *(i == 0 ? ret_a : ret_b) = number;
        }
        if (*ret_a > 0 || generation_current(name, &current) < 0)
                return CTL_EXIT_DONE;
        n = generation_list(name, &numbers);
        for (int i = 0; i < n && numbers[i] < current; i++)
                *ret_a = numbers[i];
        if (*ret_a > 0)
                return CTL_EXIT_DONE;
        print_error(name, "there is no generation before the current one, %u", current);
        return CTL_EXIT_FAILED;
}

int verb_diff(const CtlOptions *options, const char *name) {
        _cleanup_(generation_done) Generation a = { .root_fd = -EBADF }, b = { .root_fd = -EBADF };
        _cleanup_(differences_done) Differences all = {};
        unsigned before, after;
        int r = choose(name, options->words, &before, &after);

        if (r != CTL_EXIT_DONE || (r = ctl_generation_open(name, before, &a)) != CTL_EXIT_DONE ||
            (r = ctl_generation_open(name, after, &b)) != CTL_EXIT_DONE)
                return r;
        r = find_differences(&all, &a, &b);
        if (r < 0) {
                print_error(name, "cannot compare generation %u and %u: %s", a.number, b.number,
                            strerror(-r));
                return CTL_EXIT_FAILED;
        }
        if (!options->json)
                return print_rows(options, name, &all, &a, &b);
        print_json(&all, &a, &b);
        return CTL_EXIT_DONE;
}
