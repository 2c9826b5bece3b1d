#include "planner-internal.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "reterr.h"
#include "rootpath.h"

/* What a run-time folder of Apache needs is a pid file, a few sockets and mutexes. */
#define WRITABLE_SIZE_DEFAULT ((uint64_t) 16 * 1024 * 1024)

static const LaunchMount *find_mount(const Planner *p, const char *target) {
        const Launch *l = p->plan->launch;

        for (size_t i = 0; i < l->n_mounts; i++)
                if (streq(l->mounts[i].target, target))
                        return &l->mounts[i];
        return NULL;
}

/* The mount that path is beneath, or NULL. */
static const LaunchMount *find_mount_above(const Planner *p, const char *path) {
        const Launch *l = p->plan->launch;

        for (size_t i = 0; i < l->n_mounts; i++)
                if (path_is_beneath(path, l->mounts[i].target))
                        return &l->mounts[i];
        return NULL;
}

int planner_add_writable(Planner *p, const char *path, uint64_t size_bytes, const char *why, char **reterr) {
        const PlanEntry *e;
        int r = plan_add_mount_point(p->plan, path, (PlanWhy){ .why = why }, &e, reterr);

        if (r < 0 || find_mount(p, e->path))
                return r;
        return launch_add_mount(p->plan->launch, MOUNT_TMPFS, e->path, NULL,
                                size_bytes ?: WRITABLE_SIZE_DEFAULT);
}

int planner_add_writable_parent(Planner *p, const char *file, const char *why, char **reterr) {
        const char *slash = strrchr(file, '/');
        _cleanup_free_ char *folder = strndup(file, (size_t) (slash - file));

        if (!folder)
                return -ENOMEM;
        if (slash == file)
                return reterr_set(reterr, -EINVAL,
                                  "%s would make the whole root writable: use a folder of its own (%s)",
                                  file, why);
        return planner_add_writable(p, folder, 0, why, reterr);
}

int planner_host_path(const Planner *p, const char *path, char **ret, char **reterr) {
        _cleanup_free_ char *real = NULL;
        int r;

        if (streq(p->plan->source_root, "/")) {
                *ret = strdup(path);
                return *ret ? 0 : -ENOMEM;
        }
        /* A link of the tree means a file of the tree. */
        r = rootpath_resolve(p->plan->source_fd, path, &real);
        if (r < 0)
                return reterr_set(reterr, r, "%s in %s: %s", path, p->plan->source_root, strerror(-r));
        return asprintf(ret, "%s%s", p->plan->source_root, real) < 0 ? -ENOMEM : 0;
}

bool planner_is_shown(const Planner *p, const char *path) {
        const Launch *l = p->plan->launch;
        _cleanup_free_ char *resolved = NULL, *host = NULL, *why = NULL;

        if (plan_resolve(p->plan, path, &resolved, &why) < 0 ||
            planner_host_path(p, resolved, &host, &why) < 0)
                return false;
        for (size_t i = 0; i < l->n_mounts; i++) {
                const LaunchMount *m = &l->mounts[i];
                size_t n = strlen(m->target);

                /* What it shows there is what is at this path of the host. */
                if (m->type != MOUNT_TMPFS && path_is_at_or_beneath(resolved, m->target) &&
                    strncmp(host, m->source, strlen(m->source)) == 0 &&
                    streq(host + strlen(m->source), resolved + n))
                        return true;
        }
        return false;
}

/* Whether what is on the host is what its path led to by links that are followed: those of a user never lead to what is
 * root's. What is another user's is shown as far as the jail's user may read it, as without a jail. */
static int check_links(const char *host, const struct stat *real, const char *why, char **reterr) {
        _cleanup_close_ int host_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC),
                            fd = host_fd < 0 ? -EBADF : rootpath_open_owned(host_fd, host, O_PATH);
        struct stat st;

        if (fd == -ELOOP && real->st_uid == 0)
                return reterr_set(reterr, -ELOOP,
                                  "%s: a link of a user leads to what is root's, and is not followed (%s)",
                                  host, why);
        if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_dev != real->st_dev || st.st_ino != real->st_ino))
                return reterr_set(reterr, -ESTALE, "%s: changed while it was looked at (%s)", host, why);
        return 0;
}

int planner_add_bind(Planner *p, MountType type, const char *host, const char *inside, const char *why,
                     char **reterr) {
        _cleanup_free_ char *source = NULL;
        const LaunchMount *there;
        const PlanEntry *e;
        struct stat st;
        int r;

        source = realpath(host, NULL);
        if (!source || lstat(source, &st) < 0)
                return reterr_set(reterr, -errno, "%s: %s (%s)", host, strerror(errno), why);
        if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode) && !S_ISSOCK(st.st_mode))
                return reterr_set(reterr, -EINVAL, "%s is neither a folder nor a file (%s)", host, why);
        if ((r = check_links(host, &st, why, reterr)) < 0)
                return r;
        if (streq(source, "/"))
                return reterr_set(reterr, -EINVAL, "%s would show the whole host to the jail (%s)", host,
                                  why);
        if (S_ISDIR(st.st_mode))
                r = plan_add_mount_point(p->plan, inside ?: host, (PlanWhy){ .why = why }, &e, reterr);
        else
                r = plan_add_made(p->plan, inside ?: host, 0444, 0, "", 0, (PlanWhy){ .why = why }, &e,
                                  reterr);
        if (r < 0)
                return r;

        there = find_mount(p, e->path);
        if (there && (there->type != type || !streq(there->source, source)))
                return reterr_set(reterr, -EEXIST, "%s: something else is mounted there already (%s)",
                                  e->path, why);
        return there ? 0 : launch_add_mount(p->plan->launch, type, e->path, source, 0);
}

bool planner_is_mounted(const Planner *p, const char *path) {
        _cleanup_free_ char *resolved = NULL, *why = NULL;

        return plan_resolve(p->plan, path, &resolved, &why) >= 0 && find_mount(p, resolved);
}

int planner_check_not_writable(const Planner *p, const char *path, const char *why, char **reterr) {
        const Launch *l = p->plan->launch;
        _cleanup_free_ char *resolved = NULL;
        int r = plan_resolve(p->plan, path, &resolved, reterr);

        for (size_t i = 0; r >= 0 && i < l->n_mounts; i++) {
                const LaunchMount *m = &l->mounts[i];

                if (m->type != MOUNT_BIND_RO && path_is_at_or_beneath(resolved, m->target))
                        return reterr_set(
                                        reterr, -EPERM,
                                        "%s: the jail can write in %s, and nothing that it can write is run; use "
                                        "BindReadOnly= for it",
                                        why, m->target);
        }
        return r;
}

static const LaunchLog *find_log_by_name(const Planner *p, const char *name) {
        const Launch *l = p->plan->launch;

        for (size_t i = 0; i < l->n_logs; i++)
                if (streq(l->logs[i].name, name))
                        return &l->logs[i];
        return NULL;
}

/* A file name for the log: that of the path; where it is taken, with the folder's name before it, then with a number
 * behind it (not after a dot, as the names of rotated files have it). */
static int log_name(const Planner *p, const char *path, char **ret) {
        const char *base = strrchr(path, '/') + 1, *folder = base - 1;

        while (folder > path && folder[-1] != '/')
                folder--;
        for (unsigned i = 0;; i++) {
                _cleanup_free_ char *name = NULL;
                int r = i == 0 ? asprintf(&name, "%s", base)
                        : i == 1 && folder < base - 1
                                        ? asprintf(&name, "%.*s-%s", (int) (base - 1 - folder), folder, base)
                                        : asprintf(&name, "%s-%u", base, i);

                if (r < 0)
                        return -ENOMEM;
                /* A hidden file would be overlooked. */
                if (name[0] == '.')
                        name[0] = '_';
                if (find_log_by_name(p, name))
                        continue;
                *ret = TAKE_PTR(name);
                return 0;
        }
}

int planner_add_log(Planner *p, const char *path, LaunchLogKind kind, const char *why, char **reterr) {
        Launch *l = p->plan->launch;
        _cleanup_free_ char *name = NULL;
        const PlanEntry *e;
        int r;

        r = plan_add_fifo(p->plan, path, 0620, l->gid, (PlanWhy){ .why = why }, &e, reterr);
        if (r < 0)
                return r;
        for (size_t i = 0; i < l->n_logs; i++)
                if (streq(l->logs[i].fifo, e->path)) {
                        if (kind == LAUNCH_LOG_ERROR)
                                l->logs[i].kind = kind;
                        return 0;
                }
        r = log_name(p, e->path, &name);
        return r < 0 ? r : launch_add_log(l, e->path, name, kind);
}

int planner_exclude_places(Planner *p, const char *path, char **reterr) {
        Launch *l = p->plan->launch;
        size_t kept = 0;

        for (size_t i = 0; i < l->n_logs; i++)
                if (path_is_at_or_beneath(l->logs[i].fifo, path))
                        return reterr_set(
                                        reterr, -EINVAL,
                                        "Exclude=%s would leave out %s: Apache does not start without its logs",
                                        path, l->logs[i].fifo);
        if (path_is_at_or_beneath(l->pid_file, path))
                return reterr_set(
                                reterr, -EINVAL,
                                "Exclude=%s would leave out the place of %s: Apache does not start without it",
                                path, l->pid_file);
        for (size_t i = 0; i < p->n_server_programs; i++)
                if (path_is_at_or_beneath(l->programs[i], path))
                        return reterr_set(reterr, -EINVAL,
                                          "Exclude=%s would leave out %s: Apache does not start without it",
                                          path, l->programs[i]);
        for (size_t i = 0; i < l->n_mounts; i++)
                if (path_is_at_or_beneath(l->mounts[i].target, path)) {
                        free(l->mounts[i].target);
                        free(l->mounts[i].source);
                } else
                        l->mounts[kept++] = l->mounts[i];
        l->n_mounts = kept;
        return 0;
}

static int mount_compare(const void *a, const void *b) {
        return strcmp(((const LaunchMount *) a)->target, ((const LaunchMount *) b)->target);
}

/* A mount within another: a bind that the outer one shows anyway is dropped. Returns 1 for one to drop. */
static int check_nested(Planner *p, const LaunchMount *outer, const LaunchMount *inner, char **reterr) {
        if (outer->type != MOUNT_TMPFS && inner->type == outer->type) {
                const char *rest = inner->target + strlen(outer->target);
                size_t n = strlen(outer->source);

                if (strncmp(inner->source, outer->source, n) == 0 && streq(inner->source + n, rest))
                        return 1;
        }
        /* The supervisor makes a folder to mount on; a file to mount on it does not make. */
        if (outer->type == MOUNT_TMPFS && plan_find(p->plan, inner->target)->type != PLAN_MOUNT_POINT)
                return reterr_set(reterr, -EEXIST,
                                  "%s (%s) is inside of %s (%s), which is empty at each start: give "
                                  "them folders side by side",
                                  inner->target, plan_find(p->plan, inner->target)->why, outer->target,
                                  plan_find(p->plan, outer->target)->why);
        return 0;
}

static int check_mounts(Planner *p, char **reterr) {
        Launch *l = p->plan->launch;
        size_t kept = 0;

        /* An outer mount comes before those in it. */
        if (l->n_mounts > 0)
                qsort(l->mounts, l->n_mounts, sizeof(LaunchMount), mount_compare);
        for (size_t i = 0; i < l->n_mounts; i++) {
                const LaunchMount m = l->mounts[i];
                int drop = 0;

                for (size_t j = 0; drop == 0 && j < kept; j++)
                        if (path_is_beneath(m.target, l->mounts[j].target))
                                drop = check_nested(p, &l->mounts[j], &m, reterr);
                if (drop < 0)
                        return drop;
                if (drop == 0) {
                        l->mounts[i] = l->mounts[kept];
                        l->mounts[kept++] = m;
                }
        }
        /* What is beneath one that is dropped goes with its entry, so not before all were looked at. */
        while (l->n_mounts > kept) {
                LaunchMount *m = &l->mounts[l->n_mounts - 1];
                int r = plan_remove(p->plan, m->target);

                if (r < 0)
                        return r;
                free(m->target);
                free(m->source);
                l->n_mounts--;
        }
        if (kept > LAUNCH_MOUNTS_MAX)
                return reterr_set(
                                reterr, -E2BIG,
                                "%zu folders would be mounted, which is more than %u: show those that belong together by one "
                                "BindReadOnly= of the folder that they are in",
                                kept, LAUNCH_MOUNTS_MAX);
        return 0;
}

/* What is mounted is for the server to read or to write; the server itself is not run from there. */
static int check_server(const Planner *p, char **reterr) {
        const Launch *l = p->plan->launch;

        for (size_t i = 0; i < p->n_server_programs; i++)
                for (size_t j = 0; j < l->n_mounts; j++)
                        if (path_is_at_or_beneath(l->programs[i], l->mounts[j].target))
                                return reterr_set(
                                                reterr, -EEXIST,
                                                "%s would be hidden behind the jail's %s, of Bind=, BindReadOnly= or "
                                                "Writable=: choose another place inside",
                                                l->programs[i], l->mounts[j].target);
        return 0;
}

int planner_check_places(Planner *p, char **reterr) {
        _cleanup_free_ const PlanEntry **entries = NULL;
        size_t n = p->plan->n_entries;
        int r = check_mounts(p, reterr);

        if (r < 0 || (r = check_server(p, reterr)) < 0 ||
            (n = p->plan->n_entries, r = plan_list(p->plan, &entries)) < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                const LaunchMount *m = find_mount_above(p, entries[i]->path);

                if (!m)
                        continue;
                /* The mount shows the host's, with all that is in it. */
                if (m->type != MOUNT_TMPFS && entries[i]->type != PLAN_FIFO &&
                    entries[i]->type != PLAN_MADE && entries[i]->type != PLAN_DEVICE) {
                        if (!find_mount(p, entries[i]->path))
                                r = plan_remove(p->plan, entries[i]->path);
                } else if (entries[i]->type != PLAN_FOLDER && !find_mount(p, entries[i]->path))
                        r = reterr_set(reterr, -EEXIST,
                                       "%s (%s) would be hidden behind %s (%s): choose another place "
                                       "for one of them",
                                       entries[i]->path, entries[i]->why, m->target,
                                       plan_find(p->plan, m->target)->why);
                if (r < 0)
                        return r;
        }
        return 0;
}
