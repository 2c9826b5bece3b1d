#include "plan-internal.h"

#include <fcntl.h>
#include <search.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "reterr.h"
#include "rootpath.h"

/* As many as path_resolution(7) allows. */
#define LINKS_MAX 40

static const char *const type_names[_PLAN_TYPE_MAX] = {
        [PLAN_FOLDER] = "folder",           [PLAN_COPY] = "copy",     [PLAN_MADE] = "made",
        [PLAN_SYMLINK] = "symlink",         [PLAN_DEVICE] = "device", [PLAN_FIFO] = "fifo",
        [PLAN_MOUNT_POINT] = "mount-point",
};

const char *plan_type_to_string(PlanType type) {
        return type_names[type];
}

static void entry_free(void *p) {
        PlanEntry *e = p;

        if (!e)
                return;
        free(e->path);
        free(e->source);
        free(e->content);
        free(e->why);
        free(e);
}

static void entry_freep(PlanEntry **e) {
        entry_free(*e);
}

static int entry_compare(const void *a, const void *b) {
        return strcmp(((const PlanEntry *) a)->path, ((const PlanEntry *) b)->path);
}

/* The key is a path and not an entry. */
static int path_compare(const void *path, const void *entry) {
        return strcmp(path, ((const PlanEntry *) entry)->path);
}

int plan_new(int source_fd, const char *source_root, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = calloc(1, sizeof(Plan));

        if (!plan)
                return -ENOMEM;
        plan->source_fd = fcntl(source_fd, F_DUPFD_CLOEXEC, 3);
        if (plan->source_fd < 0)
                return -errno;
        plan->launch = calloc(1, sizeof(Launch));
        plan->source_root = strdup(source_root);
        if (!plan->launch || !plan->source_root)
                return -ENOMEM;
        *ret = TAKE_PTR(plan);
        return 0;
}

Plan *plan_free(Plan *plan) {
        if (!plan)
                return NULL;
        tdestroy(plan->tree, entry_free);
        for (size_t i = 0; i < plan->n_removed; i++)
                entry_free(plan->removed[i]);
        free(plan->removed);
        (void) close_fd(plan->source_fd);
        free(plan->source_root);
        launch_free(plan->launch);
        free(plan->directives);
        strv_free(plan->warnings);
        strv_free(plan->remarks);
        free(plan);
        return NULL;
}

static PlanEntry *find_entry(const Plan *plan, const char *path) {
        PlanEntry *const *found = tfind(path, &plan->tree, path_compare);

        return found ? *found : NULL;
}

const PlanEntry *plan_find(const Plan *plan, const char *path) {
        return find_entry(plan, path);
}

/* A new entry at a resolved path, or the one that is there. */
static int put_entry(Plan *plan, const char *path, PlanType type, mode_t mode, PlanWhy why, PlanEntry **ret,
                     char **reterr) {
        _cleanup_(entry_freep) PlanEntry *e = find_entry(plan, path);

        if (e) {
                PlanEntry *there = TAKE_PTR(e);

                if (there->type == PLAN_FOLDER && type == PLAN_MOUNT_POINT)
                        there->type = type;
                else if (there->type != type && !(there->type == PLAN_MOUNT_POINT && type == PLAN_FOLDER) &&
                         !(there->type == PLAN_COPY && type == PLAN_MADE) &&
                         !(there->type == PLAN_MADE && type == PLAN_COPY))
                        return reterr_set(reterr, -EEXIST, "%s cannot be a %s for %s: it is a %s for %s",
                                          path, type_names[type], why.why, type_names[there->type],
                                          there->why);
                *ret = there;
                return 0;
        }
        e = calloc(1, sizeof(PlanEntry));
        if (!e)
                return -ENOMEM;
        e->path = strdup(path);
        e->why = strdup(why.why);
        if (!e->path || !e->why)
                return -ENOMEM;
        e->type = type;
        e->mode = mode;
        e->cause = why.cause;
        if (!tsearch(e, &plan->tree, entry_compare))
                return -ENOMEM;
        plan->n_entries++;
        *ret = TAKE_PTR(e);
        return 0;
}

static int put_link(Plan *plan, const char *path, const char *target, PlanWhy why, char **reterr) {
        PlanEntry *e;
        int r = put_entry(plan, path, PLAN_SYMLINK, 0777, why, &e, reterr);

        if (r < 0 || e->content)
                return r;
        e->content = strdup(target);
        e->content_size = strlen(target);
        return e->content ? 0 : -ENOMEM;
}

int plan_read_link(const Plan *plan, const char *path, char target[static PATH_MAX]) {
        _cleanup_close_ int fd = rootpath_open(plan->source_fd, path, O_PATH | O_NOFOLLOW);
        struct stat st;
        ssize_t n;

        if (fd == -ENOENT || fd == -ENOTDIR)
                return 0;
        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISLNK(st.st_mode))
                return 0;
        n = readlinkat(fd, "", target, PATH_MAX);
        if (n < 0)
                return -errno;
        if (n == PATH_MAX)
                return -ENAMETOOLONG;
        target[n] = '\0';
        return 1;
}

/* One walk along a path: what is done has no links, what is to do may. */
typedef struct Walk {
        char done[PATH_MAX];
        char todo[PATH_MAX];
        unsigned links;
} Walk;

/* Put the target of a link before what is left to do. */
static int walk_follow(Walk *w, const char *rest, const char *target) {
        char todo[PATH_MAX];

        if (++w->links > LINKS_MAX)
                return -ELOOP;
        if (snprintf(todo, sizeof(todo), "%s/%s", target, rest) >= (int) sizeof(todo))
                return -ENAMETOOLONG;
        memcpy(w->todo, todo, sizeof(todo));
        if (target[0] == '/')
                w->done[0] = '\0';
        return 0;
}

/* Where the component that was just put on done leads: 1 and the target of a link, 0 for no link, or an errno. */
static int walk_look(const Plan *plan, const Walk *w, char target[static PATH_MAX]) {
        const PlanEntry *e = find_entry(plan, w->done);

        if (!e)
                return plan_read_link(plan, w->done, target);
        if (e->type != PLAN_SYMLINK)
                return 0;
        memcpy(target, e->content, e->content_size + 1);
        return 1;
}

/* Which could forge a line of a report. */
static bool has_control_characters(const char *s) {
        for (; *s; s++)
                if ((unsigned char) *s < ' ' || *s == 0x7f)
                        return true;
        return false;
}

static int walk_step(const Plan *plan, Plan *add, Walk *w, PlanWhy why, bool follow_last, bool *ret_more,
                     char **reterr) {
        const char *component = w->todo + strspn(w->todo, "/");
        size_t n = strcspn(component, "/"), used = strlen(w->done);
        const char *rest = component + n + strspn(component + n, "/");
        char target[PATH_MAX], *slash;
        PlanEntry *e;
        int r;

        *ret_more = n > 0;
        if (n == 0)
                return 0;
        if (n == 2 && strncmp(component, "..", n) == 0) {
                slash = strrchr(w->done, '/');
                if (slash)
                        *slash = '\0';
        } else if (n != 1 || component[0] != '.') {
                if (used + 1 + n >= PATH_MAX)
                        return -ENAMETOOLONG;
                w->done[used] = '/';
                memcpy(w->done + used + 1, component, n);
                w->done[used + 1 + n] = '\0';

                r = rest[0] || follow_last ? walk_look(plan, w, target) : 0;
                if (r < 0)
                        return r;
                if (r > 0) {
                        if (has_control_characters(target))
                                return -EINVAL;
                        if (add && (r = put_link(add, w->done, target, why, reterr)) < 0)
                                return r;
                        w->done[used] = '\0';
                        return walk_follow(w, rest, target);
                }
                if (rest[0] && add && (r = put_entry(add, w->done, PLAN_FOLDER, 0755, why, &e, reterr)) < 0)
                        return r;
        }
        memmove(w->todo, rest, strlen(rest) + 1);
        return 0;
}

int plan_walk(const Plan *plan, Plan *add, const char *path, PlanWhy why, bool follow_last, char **ret,
              char **reterr) {
        Walk w = { .done = "" };
        bool more = true;
        int r = 0;

        if (path[0] != '/' || strlen(path) >= PATH_MAX || has_control_characters(path))
                return reterr_set(reterr, -EINVAL,
                                  "'%s' is not an absolute path without control characters (%s)", path,
                                  why.why);
        memcpy(w.todo, path, strlen(path) + 1);
        while (more && r >= 0)
                r = walk_step(plan, add, &w, why, follow_last, &more, reterr);
        if (r == -ENOMEM || r == -EEXIST)
                return r;
        if (r < 0)
                return reterr_set(reterr, r, "%s: %s (%s)", path, strerror(-r), why.why);
        *ret = strdup(w.done[0] ? w.done : "/");
        return *ret ? 0 : -ENOMEM;
}

int plan_resolve(const Plan *plan, const char *path, char **ret, char **reterr) {
        return plan_walk(plan, NULL, path, (PlanWhy){ .why = "looked up" }, true, ret, reterr);
}

static int add_entry(Plan *plan, const char *path, PlanType type, mode_t mode, PlanWhy why, PlanEntry **ret,
                     char **reterr) {
        bool follow_last = type == PLAN_FOLDER || type == PLAN_MOUNT_POINT || type == PLAN_COPY;
        _cleanup_free_ char *resolved = NULL;
        int r = plan_walk(plan, plan, path, why, follow_last, &resolved, reterr);

        return r < 0 ? r : put_entry(plan, resolved, type, mode, why, ret, reterr);
}

static int add_plain(Plan *plan, const char *path, PlanType type, mode_t mode, PlanWhy why,
                     const PlanEntry **ret, char **reterr) {
        PlanEntry *e;
        int r = add_entry(plan, path, type, mode, why, &e, reterr);

        if (r >= 0 && ret)
                *ret = e;
        return r;
}

int plan_add_folder(Plan *plan, const char *path, mode_t mode, PlanWhy why, const PlanEntry **ret,
                    char **reterr) {
        return add_plain(plan, path, PLAN_FOLDER, mode, why, ret, reterr);
}

int plan_add_mount_point(Plan *plan, const char *path, PlanWhy why, const PlanEntry **ret, char **reterr) {
        return add_plain(plan, path, PLAN_MOUNT_POINT, 0755, why, ret, reterr);
}

/* Whether the path, which has no links in it, is that of the file that was looked at by another. */
static bool is_still(const Plan *plan, const char *path, const struct stat *seen) {
        _cleanup_close_ int fd = rootpath_open(plan->source_fd, path, O_PATH | O_NOFOLLOW);
        struct stat st;

        return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == seen->st_dev && st.st_ino == seen->st_ino;
}

int plan_add_copy(Plan *plan, const char *path, mode_t mode, PlanWhy why, const PlanEntry **ret,
                  char **reterr) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        PlanEntry *e;
        int r;

        fd = rootpath_open_regular(plan->source_fd, path, &st);
        if (fd < 0)
                return reterr_set(reterr, fd, "%s: %s (%s)", path,
                                  fd == -ENXIO   ? "not a regular file"
                                  : fd == -ELOOP ? "a link of a user leads to what is not that user's, and "
                                                   "not for everybody to read"
                                                 : strerror(-fd),
                                  why.why);
        r = add_entry(plan, path, PLAN_COPY, mode, why, &e, reterr);
        if (r < 0)
                return r;
        if (e->type == PLAN_COPY && !e->source) {
                if (!is_still(plan, e->path, &st))
                        return reterr_set(reterr, -ESTALE, "%s: changed while it was looked at (%s)", path,
                                          why.why);
                e->source = strdup(e->path);
                if (!e->source)
                        return -ENOMEM;
        }
        if (ret)
                *ret = e;
        return 0;
}

int plan_add_private_copy(Plan *plan, const char *path, mode_t mode, gid_t gid, PlanWhy why, char **reterr) {
        const PlanEntry *found;
        PlanEntry *e;
        int r = plan_add_copy(plan, path, mode, why, &found, reterr);

        if (r < 0)
                return r;
        e = find_entry(plan, found->path);
        e->mode = mode;
        e->gid = gid;
        return 0;
}

int plan_add_link(Plan *plan, const char *path, const char *target, PlanWhy why, char **reterr) {
        _cleanup_free_ char *resolved = NULL;
        int r = plan_walk(plan, plan, path, why, false, &resolved, reterr);

        return r < 0 ? r : put_link(plan, resolved, target, why, reterr);
}

int plan_add_made(Plan *plan, const char *path, mode_t mode, gid_t gid, const void *content, size_t size,
                  PlanWhy why, const PlanEntry **ret, char **reterr) {
        _cleanup_free_ char *copy = malloc(size + 1), *reason = strdup(why.why);
        PlanEntry *e;
        int r;

        if (!copy || !reason)
                return -ENOMEM;
        memcpy(copy, content, size);
        copy[size] = '\0';
        r = add_entry(plan, path, PLAN_MADE, mode, why, &e, reterr);
        if (r < 0)
                return r;
        e->type = PLAN_MADE;
        e->mode = mode;
        e->gid = gid;
        free(e->content);
        e->content = TAKE_PTR(copy);
        e->content_size = size;
        free(e->why);
        e->why = TAKE_PTR(reason);
        if (ret)
                *ret = e;
        return 0;
}

int plan_add_device(Plan *plan, const char *path, mode_t mode, dev_t device, PlanWhy why, char **reterr) {
        PlanEntry *e;
        int r = add_entry(plan, path, PLAN_DEVICE, mode, why, &e, reterr);

        if (r >= 0)
                e->device = device;
        return r;
}

int plan_add_fifo(Plan *plan, const char *path, mode_t mode, gid_t gid, PlanWhy why, const PlanEntry **ret,
                  char **reterr) {
        PlanEntry *e;
        int r = add_entry(plan, path, PLAN_FIFO, mode, why, &e, reterr);

        if (r < 0)
                return r;
        e->gid = gid;
        if (ret)
                *ret = e;
        return 0;
}

typedef struct List {
        const PlanEntry **entries;
        size_t n;
} List;

static void list_visit(const void *node, VISIT visit, void *userdata) {
        List *list = userdata;

        if (visit == postorder || visit == leaf)
                list->entries[list->n++] = *(const PlanEntry *const *) node;
}

int plan_list(const Plan *plan, const PlanEntry ***ret) {
        List list = { .entries = calloc(plan->n_entries + 1, sizeof(PlanEntry *)) };

        if (!list.entries)
                return -ENOMEM;
        twalk_r(plan->tree, list_visit, &list);
        *ret = list.entries;
        return 0;
}

int plan_remove(Plan *plan, const char *path) {
        _cleanup_free_ const PlanEntry **entries = NULL;
        size_t length = strlen(path), n = plan->n_entries;
        PlanEntry **bigger = reallocarray(plan->removed, plan->n_removed + n + 1, sizeof(PlanEntry *));
        int removed = 0;

        if (!bigger)
                return -ENOMEM;
        plan->removed = bigger;
        if (plan_list(plan, &entries) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const char *p = entries[i]->path;

                if (strncmp(p, path, length) != 0 || (p[length] != '/' && p[length] != '\0'))
                        continue;
                plan->removed[plan->n_removed++] = find_entry(plan, p);
                tdelete(entries[i], &plan->tree, entry_compare);
                plan->n_entries--;
                removed++;
        }
        return removed;
}

static int add_text(char ***v, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));

static int add_text(char ***v, const char *format, va_list ap) {
        _cleanup_free_ char *s = NULL;

        if (vasprintf(&s, format, ap) < 0)
                return -ENOMEM;
        for (char **i = *v; i && *i; i++)
                if (streq(*i, s))
                        return 0;
        return strv_extend(v, s);
}

int plan_warn(Plan *plan, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        r = add_text(&plan->warnings, format, ap);
        va_end(ap);
        return r;
}

int plan_remark(Plan *plan, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        r = add_text(&plan->remarks, format, ap);
        va_end(ap);
        return r;
}
