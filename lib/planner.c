#include "planner-internal.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "closure.h"
#include "file.h"
#include "reterr.h"
#include "rootpath.h"

#define LIBRARY_MODE 0444

/* Larger than any configuration file. */
#define TEXT_SIZE_MAX (16 * 1024 * 1024)

static int set_string(char **field, const char *value) {
        char *copy = strdup(value);

        if (!copy)
                return -ENOMEM;
        free(*field);
        *field = copy;
        return 0;
}

static int step_identity(Planner *p, char **reterr) {
        const Apache *a = p->apache;
        Launch *l = p->plan->launch;
        const char *name = p->config->user ?: a->user[0] == '#' ? NULL : a->user;
        struct passwd *pw;

        l->uid = a->uid;
        l->gid = a->gid;
        if (p->config->user) {
                pw = getpwnam(p->config->user);
                if (!pw)
                        return reterr_set(reterr, -ESRCH, "User=%s: there is no such user", p->config->user);
                l->uid = pw->pw_uid;
                l->gid = pw->pw_gid;
        } else if (!name) {
                pw = getpwuid(a->uid);
                name = pw ? pw->pw_name : "apache";
        }
        if (l->uid == 0 || l->gid == 0)
                return reterr_set(reterr, -EPERM,
                                  "User %s, Group %s: a jail is not run as root; set User and Group in "
                                  "Apache's configuration, or User= in the jail's",
                                  a->user, a->group);
        return set_string(&l->user, name);
}

static int step_launch(Planner *p, char **reterr) {
        Launch *l = p->plan->launch;
        int r = set_string(&l->httpd, p->apache->httpd);

        for (char **s = p->apache->arguments; r >= 0 && s && *s; s++)
                r = strv_extend(&l->arguments, *s);
        if (r >= 0)
                r = strv_extend(&l->environment, "PATH=/usr/bin:/bin");
        return r < 0 ? r : strv_env_merge(&l->environment, p->apache->environment);
}

int planner_read(const Planner *p, const char *path, char **ret, char **reterr) {
        int r = file_load(p->plan->source_fd, path, TEXT_SIZE_MAX, ret, NULL);

        return r < 0 && r != -ENOMEM ? reterr_set(reterr, r, "%s: %s", path, strerror(-r)) : r;
}

/* By the name that it is executed by, and by its own, where a link of that name leads to. */
static int allow_program(Planner *p, const ClosureItem *item, const PlanEntry *entry) {
        char ***programs = &p->plan->launch->programs;
        int r = 0;

        if (!strv_contains(*programs, item->path))
                r = strv_extend(programs, item->path);
        if (r >= 0 && !strv_contains(*programs, entry->path))
                r = strv_extend(programs, entry->path);
        return r;
}

int planner_add_closure(Planner *p, const Closure *closure, char **reterr) {
        size_t n = closure_count(closure);
        _cleanup_free_ const PlanEntry **entries = calloc(n + 1, sizeof(PlanEntry *));
        int r;

        if (!entries)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const ClosureItem *item = closure_get(closure, i);
                bool is_program = item->kind == CLOSURE_PROGRAM || item->kind == CLOSURE_INTERPRETER;
                PlanWhy why = { .why = item->why,
                                .cause = item->needed_by < 0 ? NULL : entries[item->needed_by] };

                r = plan_add_copy(p->plan, item->path, is_program ? PLANNER_PROGRAM_MODE : LIBRARY_MODE, why,
                                  &entries[i], reterr);
                if (r < 0)
                        return r;
                if (is_program && (r = allow_program(p, item, entries[i])) < 0)
                        return r;
        }
        return 0;
}

static int step_program(Planner *p, char **reterr) {
        _cleanup_strv_free_ char **services = NULL;
        _cleanup_(closure_freep) Closure *closure = NULL;
        const Apache *a = p->apache;
        int r;

        if ((r = strv_extend(&services, "files")) < 0 ||
            (r = closure_new(p->plan->source_fd, &closure)) < 0 ||
            (r = closure_set_library_path(closure, strv_env_get(a->environment, "LD_LIBRARY_PATH"))) < 0 ||
            (r = closure_add(closure, a->httpd, "the server", reterr)) < 0 ||
            (r = closure_add_nss(closure, services, reterr)) < 0)
                return r;
        for (size_t i = 0; i < a->n_modules; i++) {
                const ApacheModule *m = &a->modules[i];
                _cleanup_free_ char *why = NULL;

                if (asprintf(&why, "%s %s%s%s%s", m->name ? "LoadModule" : "LoadFile", m->name ?: m->path,
                             m->where[0] ? " (" : "", m->where, m->where[0] ? ")" : "") < 0)
                        return -ENOMEM;
                r = closure_add(closure, m->path, why, reterr);
                if (r < 0)
                        return r;
        }
        r = planner_add_closure(p, closure, reterr);
        p->n_server_programs = strv_length(p->plan->launch->programs);
        return r;
}

/* A build from source has its pid file among its logs, which are FIFOs in a folder that nothing else is written in: then it is
 * told another place. */
static int add_pid_file(Planner *p, char **reterr) {
        static const char elsewhere[] = "/run/httpd/httpd.pid", directive[] = "PidFile /run/httpd/httpd.pid";
        _cleanup_free_ char *resolved = NULL;
        Launch *l = p->plan->launch;
        const char *pid_file = p->apache->pid_file;
        size_t folder;
        int r = plan_resolve(p->plan, pid_file, &resolved, reterr);

        if (r < 0)
                return r;
        folder = (size_t) (strrchr(resolved, '/') - resolved);
        for (size_t i = 0; i < l->n_logs; i++)
                if (strncmp(l->logs[i].fifo, resolved, folder + 1) == 0)
                        pid_file = elsewhere;
        if (pid_file == elsewhere &&
            ((r = strv_extend(&l->arguments, "-c")) < 0 || (r = strv_extend(&l->arguments, directive)) < 0))
                return r;
        r = planner_add_writable_parent(p, pid_file, "PidFile", reterr);
        /* Without symlinks, as the mounts are: the supervisor finds the pid file's folder among them. */
        return r < 0 ? r : plan_resolve(p->plan, pid_file, &l->pid_file, reterr);
}

static int step_runtime(Planner *p, char **reterr) {
        const Apache *a = p->apache;
        _cleanup_free_ char *why = NULL;
        int r = 0;

        if (a->runtime_folder) {
                _cleanup_free_ char *path = NULL;

                if (asprintf(&why, "DefaultRuntimeDir (%s)", a->runtime_folder_where) < 0 ||
                    apache_path(a, a->runtime_folder, &path) < 0)
                        return -ENOMEM;
                r = planner_add_writable(p, path, 0, why, reterr);
        }
        for (char **m = a->mutex_folders; r >= 0 && m && *m; m++)
                r = planner_add_writable(p, *m, 0, "Mutex", reterr);
        if (r >= 0 && a->error_log && a->error_log[0] == '/')
                r = planner_add_log(p, a->error_log, LAUNCH_LOG_ERROR, "ErrorLog of the main server",
                                    reterr);
        return r < 0 ? r : add_pid_file(p, reterr);
}

/* Just the user that httpd runs as, and no password anywhere. Apache looks its User and Group up by name. */
static int add_accounts(Planner *p, char **reterr) {
        static const char format[] = "%s:x:%u:%u::/nonexistent:/bin/false\n";
        const Launch *l = p->plan->launch;
        const Apache *a = p->apache;
        struct group *gr = getgrgid(l->gid);
        const char *group = gr ? gr->gr_name : a->group[0] == '#' ? l->user : a->group;
        _cleanup_free_ char *passwd = NULL, *other_user = NULL, *groups = NULL, *other_group = NULL;
        PlanWhy why = { .why = "the jail's user and nobody else" };
        int r;

        if (asprintf(&passwd, format, l->user, l->uid, l->gid) < 0 ||
            asprintf(&groups, "%s:x:%u:\n", group, l->gid) < 0)
                return -ENOMEM;
        /* User= of the jail is another than User of Apache: the name must be known all the same. */
        if (a->user[0] != '#' && !streq(a->user, l->user)) {
                other_user = TAKE_PTR(passwd);
                if (asprintf(&passwd, "%s%s:x:%u:%u::/nonexistent:/bin/false\n", other_user, a->user, l->uid,
                             l->gid) < 0)
                        return -ENOMEM;
        }
        if (a->group[0] != '#' && !streq(a->group, group)) {
                other_group = TAKE_PTR(groups);
                if (asprintf(&groups, "%s%s:x:%u:\n", other_group, a->group, l->gid) < 0)
                        return -ENOMEM;
        }
        r = plan_add_made(p->plan, "/etc/passwd", 0444, 0, passwd, strlen(passwd), why, NULL, reterr);
        if (r >= 0)
                r = plan_add_made(p->plan, "/etc/group", 0444, 0, groups, strlen(groups), why, NULL, reterr);
        return r;
}

static int add_device(Planner *p, const char *path, const char *why, char **reterr) {
        struct stat st;

        /* The host's numbers, even where files come from another tree. */
        if (stat(path, &st) < 0)
                return reterr_set(reterr, -errno, "%s: %s", path, strerror(errno));
        if (!S_ISCHR(st.st_mode))
                return reterr_set(reterr, -ENODEV, "%s is no character device on this host", path);
        return plan_add_device(p->plan, path, 0666, st.st_rdev, (PlanWhy){ .why = why }, reterr);
}

static int step_base(Planner *p, char **reterr) {
        static const char nsswitch[] = "passwd: files\ngroup: files\nhosts: files\n";
        _cleanup_free_ char *hosts = NULL;
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        if (asprintf(&hosts, "127.0.0.1 localhost %s\n::1 localhost %s\n", p->config->name,
                     p->config->name) < 0)
                return -ENOMEM;
        if ((r = add_accounts(p, reterr)) < 0 ||
            (r = plan_add_made(p->plan, "/etc/nsswitch.conf", 0444, 0, nsswitch, strlen(nsswitch),
                               (PlanWhy){ .why = "names come from files, nothing else is asked" }, NULL,
                               reterr)) < 0 ||
            (r = plan_add_made(
                             p->plan, "/etc/hosts", 0444, 0, hosts, strlen(hosts),
                             (PlanWhy){ .why = "localhost and the jail's own name, without a name service" },
                             NULL, reterr)) < 0 ||
            (r = add_device(p, "/dev/null", "opened for what is not wanted", reterr)) < 0 ||
            (r = add_device(p, "/dev/zero", "memory that processes share", reterr)) < 0 ||
            (r = add_device(p, "/dev/urandom", "randomness for those who do not ask the kernel directly",
                            reterr)) < 0)
                return r;
        fd = rootpath_open_regular(p->plan->source_fd, "/etc/localtime", &st);
        if (fd < 0)
                return 0;
        return plan_add_copy(p->plan, "/etc/localtime", 0444,
                             (PlanWhy){ .why = "times in the logs are local" }, NULL, reterr);
}

static int add_binds(Planner *p, char *const *binds, MountType type, const char *key, char **reterr) {
        int r = 0;

        for (; r >= 0 && binds && *binds; binds++) {
                _cleanup_free_ char *host = strndup(*binds, strcspn(*binds, ":")), *why = NULL;
                const char *inside = strchr(*binds, ':');

                if (!host || asprintf(&why, "%s=%s", key, *binds) < 0)
                        return -ENOMEM;
                r = planner_add_bind(p, type, host, inside ? inside + 1 : NULL, why, reterr);
        }
        return r;
}

static int step_additions(Planner *p, char **reterr) {
        const JailConfig *c = p->config;
        int r = 0;

        for (char **i = c->includes; r >= 0 && i && *i; i++) {
                _cleanup_free_ char *why = NULL;

                if (asprintf(&why, "Include=%s", *i) < 0)
                        return -ENOMEM;
                r = plan_add_tree(p->plan, *i, (PlanWhy){ .why = why }, reterr);
        }
        if (r < 0 || (r = add_binds(p, c->binds, MOUNT_BIND_RW, "Bind", reterr)) < 0 ||
            (r = add_binds(p, c->binds_read_only, MOUNT_BIND_RO, "BindReadOnly", reterr)) < 0)
                return r;
        for (char **s = c->secrets; r >= 0 && s && *s; s++) {
                _cleanup_free_ char *why = NULL;

                if (asprintf(&why, "Secret=%s", *s) < 0)
                        return -ENOMEM;
                r = planner_add_secret(p, *s, *s, why, reterr);
        }
        for (size_t i = 0; r >= 0 && i < c->n_writables; i++) {
                _cleanup_free_ char *why = NULL;

                if (asprintf(&why, "Writable=%s", c->writables[i].path) < 0)
                        return -ENOMEM;
                r = planner_add_writable(p, c->writables[i].path, c->writables[i].size_bytes, why, reterr);
        }
        return r;
}

static int step_exclusions(Planner *p, char **reterr) {
        for (char **e = p->config->excludes; e && *e; e++) {
                int r = planner_exclude_places(p, *e, reterr);

                if (r >= 0)
                        r = plan_remove(p->plan, *e);

                if (r < 0 ||
                    (r == 0 && (r = plan_warn(p->plan, "Exclude=%s: nothing there to leave out", *e)) < 0))
                        return r;
        }
        return 0;
}

typedef struct PlannerStep {
        int (*run)(Planner *p, char **reterr);
} PlannerStep;

/* Later steps find what earlier ones put there, and what the administrator says comes last. */
static const PlannerStep steps[] = {
        { step_identity }, /* others give files to the jail's group */
        { step_launch },
        { planner_listens }, /* a port that is not granted is an error before anything else is looked at */
        { step_program },
        { step_base },
        { planner_configuration_files }, /* needs the addresses */
        { step_additions },              /* a place with a size of its own, before it gets the usual one */
        { planner_directives },
        { planner_backends },
        { step_runtime },
        { planner_launcher },
        { planner_programs }, /* knows all that is writable */
        { planner_components }, /* triggered by what is there, and never more than what the administrator takes out */
        { step_exclusions },
        { planner_check_places }, /* looks at all of them */
};

int planner_make(const JailConfig *config, const Apache *apache, Plan **ret, char **reterr) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        Planner planner = { .config = config, .apache = apache };
        int r = plan_new(apache->root_fd, apache->root, &plan);

        if (r < 0)
                return r;
        planner.plan = plan;
        plan->immutable = config->immutable;
        plan->strip = config->strip;
        plan->directives = strdup(apache->directives_text);
        if (!plan->directives)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                r = steps[i].run(&planner, reterr);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(plan);
        return 0;
}
