#include "diagnosis-internal.h"

#include <fcntl.h>
#include <stdarg.h>

#include "diagnosis-rules.h"
#include "rootpath.h"

/* The jail chose it, and not all that can be a path can be a line: one that is not understood, or too long, would have the
 * whole configuration refused. */
static bool value_is_plain(const char *key, const char *value) {
        const bool has_more = streq(key, "Writable") || streq(key, "BindReadOnly");
        size_t n = strlen(value);

        for (size_t i = 0; i < n; i++)
                if ((unsigned char) value[i] < 0x20 || value[i] == 0x7f)
                        return false;
        /* Behind a colon is a size, or another path. */
        if (strlen(key) + 1 + n > CONFIG_LINE_MAX || (has_more && strchr(value, ':')))
                return false;
        return n > 0 && value[n - 1] != ' ' && !strchr(value, ';') && !strstr(value, "/../") &&
               !strstr(value, "//") && (n < 3 || !streq(value + n - 3, "/.."));
}

int diagnosis_add_line(TraceFinding *f, const char *section, const char *key, const char *value) {
        char *copy;

        if (!value_is_plain(key, value))
                return 0;
        copy = strdup(value);
        if (!copy)
                return -ENOMEM;
        f->lines[f->n_lines++] = (FindingLine){ section, key, copy };
        return 0;
}

static char *folder_of(const char *path) {
        const char *slash = strrchr(path, '/');

        return strndup(path, slash == path ? 1 : (size_t) (slash - path));
}

int diagnosis_find_on_host(const Diagnose *d, const char *path, char **ret) {
        const LaunchMount *above = NULL;
        _cleanup_free_ char *there = NULL;
        int r;

        *ret = NULL;
        for (size_t i = 0; i < d->launch->n_mounts; i++)
                if (path_is_at_or_beneath(path, d->launch->mounts[i].target))
                        above = &d->launch->mounts[i];
        if (above && above->type == MOUNT_TMPFS)
                return 0;
        if (asprintf(&there, "%s%s", above ? above->source : "",
                     above ? path + strlen(above->target) : path) < 0) {
                there = NULL;
                return -ENOMEM;
        }
        r = rootpath_resolve(above ? d->host_fd : d->source_fd, there, ret);
        return r == -ENOMEM ? r : 0;
}

static bool is_folder(const Diagnose *d, const char *host) {
        _cleanup_close_ int fd = rootpath_open(d->source_fd, host, O_PATH | O_DIRECTORY);

        return fd >= 0;
}

/* The Exclude= that keeps it out: of the path itself, of what it leads to, or of the link in the last folder. */
static int find_exclude(const Diagnose *d, const char *path, const char *host, const char **ret) {
        _cleanup_free_ char *folder = folder_of(path), *real = NULL, *link = NULL;
        int r;

        *ret = NULL;
        if (!folder)
                return -ENOMEM;
        r = rootpath_resolve(d->source_fd, folder, &real);
        if (r == -ENOMEM ||
            (r >= 0 && asprintf(&link, "%s/%s", streq(real, "/") ? "" : real, path_last_part(path)) < 0))
                return -ENOMEM;
        for (char **e = d->config->excludes; e && *e; e++)
                if (path_is_at_or_beneath(path, *e) || (host && path_is_at_or_beneath(host, *e)) ||
                    (link && path_is_at_or_beneath(link, *e))) {
                        *ret = *e;
                        return 0;
                }
        return 0;
}

/* The entry at the path itself, which may be a link to what is handed in at each start; else that which it leads to. */
static const PlanEntry *find_planned(const Diagnose *d, const char *path) {
        _cleanup_free_ char *folder = folder_of(path), *real = NULL, *resolved = NULL, *link = NULL,
                            *reason = NULL;
        const PlanEntry *e = NULL;

        if (!d->plan || !folder || plan_resolve(d->plan, folder, &real, &reason) < 0)
                return NULL;
        if (asprintf(&link, "%s/%s", streq(real, "/") ? "" : real, path_last_part(path)) < 0) {
                link = NULL;
                return NULL;
        }
        e = plan_find(d->plan, link);
        if (!e && plan_resolve(d->plan, path, &resolved, &reason) >= 0)
                e = plan_find(d->plan, resolved);
        return e && e->type != PLAN_FOLDER ? e : NULL;
}

/* Apache, or what runs in it, has complained about it. */
static bool is_complained_of(const Diagnose *d, const char *path) {
        const char *name = diagnosis_is_library(path) ? path_last_part(path) : path;

        if (strstr(d->trace->log, name))
                return true;
        for (size_t i = 0; i < d->trace->n_steps; i++)
                if (strstr(d->trace->steps[i].message, name))
                        return true;
        return false;
}

static char *planned_why(const PlanEntry *e) {
        char *s;

        if (asprintf(&s, "%s%s%s", e->why, e->cause ? ", needed by " : "", e->cause ? e->cause->path : "") <
            0)
                return NULL;
        return s;
}

char *diagnosis_why(const char *format, ...) {
        va_list ap;
        char *s;
        int r;

        va_start(ap, format);
        r = vasprintf(&s, format, ap);
        va_end(ap);
        return r < 0 ? NULL : s;
}

/* It is part of the plan: left out on purpose, or lost. */
static int explain_planned(const Diagnose *d, const PlanEntry *e, const char *path, TraceFinding *f) {
        const char *exclude;
        int r = find_exclude(d, path, f->host, &exclude);

        if (r < 0)
                return r;
        f->why = planned_why(e);
        if (exclude && !(f->exclude = strdup(exclude)))
                return -ENOMEM;
        f->rebuild = !exclude;
        if (f->weight == FINDING_HARMLESS)
                f->weight = FINDING_WANTED;
        return 0;
}

static int explain_missing(const Diagnose *d, const Miss *m, TraceFinding *f) {
        const char *path = m->first->path;
        const DiagnosisRule *rule = diagnosis_rule(path);
        const PlanEntry *planned = find_planned(d, path);

        if (rule && rule->weight == FINDING_HARMLESS && !planned) {
                f->why = strdup(rule->why);
                return 0;
        }
        if (diagnosis_is_library(path) && diagnosis_was_found_elsewhere(d, path)) {
                f->why = strdup("the loader searches folder after folder, and found it in another one");
                return 0;
        }
        if (!f->host && !diagnosis_is_library(path)) {
                f->why = strdup("the host has no such file either");
                return 0;
        }
        f->weight = diagnosis_is_library(path) || is_complained_of(d, path) ? FINDING_NEEDED
                    : rule                                                  ? rule->weight
                                                                            : FINDING_WANTED;
        if (planned)
                return explain_planned(d, planned, path, f);
        if (f->host && is_folder(d, f->host) && !m->opened) {
                f->weight = FINDING_HARMLESS;
                f->why = strdup("a folder that was asked about; what is opened in it is listed by itself");
                return 0;
        }
        if (!f->host) {
                /* Whoever loads modules by name tries places where they are not; it is a loss where somebody says so. */
                if (!is_complained_of(d, path))
                        f->weight = FINDING_HARMLESS;
                f->why = strdup("a library that the host has not either: install its package first");
                return 0;
        }
        f->why = strdup(rule ? rule->why
                        : diagnosis_is_library(path)
                                        ? "a library that is loaded while it runs: no header names it"
                        : m->opened ? "it was opened, and the host has it"
                                    : "it was asked for, and the host has it");
        return diagnosis_add_line(f, "Files", "Include", path);
}

/* Somebody writes where the jail is read-only. */
static int explain_write(const Diagnose *d, const Miss *m, TraceFinding *f) {
        _cleanup_free_ char *folder = folder_of(m->first->path), *host = NULL;
        int r;

        if (!folder)
                return -ENOMEM;
        f->weight = FINDING_NEEDED;
        r = diagnosis_find_on_host(d, folder, &host);
        if (r < 0)
                return r;
        f->why = strdup(host ? "it is written, and the jail has no such place: Writable= is an empty one in memory; "
                               "Bind= would be the host's folder"
                             : "it is written, and the jail has no such place");
        return streq(folder, "/") ? 0 : diagnosis_add_line(f, "Files", "Writable", folder);
}

int diagnosis_add_exec_lines(const Diagnose *d, const char *path, TraceFinding *f) {
        int r = diagnosis_add_line(f, "Sandbox", "Exec", path);

        return r < 0 || f->n_lines == 0 || (d->config->groups & POLICY_CGI)
                               ? r
                               : diagnosis_add_line(f, "Sandbox", "SystemCallFilter", "+cgi");
}

static int explain_exec(const Diagnose *d, const Miss *m, TraceFinding *f) {
        const TraceFile *t = m->first;
        const PlanEntry *planned = f->host ? find_planned(d, t->path) : NULL;

        f->weight = f->host || t->by ? FINDING_NEEDED : FINDING_HARMLESS;
        if (planned)
                return explain_planned(d, planned, t->path, f);
        if (!t->by)
                f->why = strdup(f->host ? "a program that is run" : "the host has no such program either");
        else
                f->why = diagnosis_why("the interpreter of %s: %s", t->by,
                                       f->host ? "without it, the kernel says that the script is not there"
                                               : "the host has it not either");
        /* With a script comes its interpreter. */
        return f->host ? diagnosis_add_exec_lines(d, t->by ?: t->path, f) : 0;
}

static int explain_socket(const Diagnose *d, const Miss *m, TraceFinding *f) {
        static const char *const shared[] = { "/", "/run", "/var/run", "/tmp" };
        const char *path = m->first->path, *where;
        const DiagnosisRule *rule = diagnosis_rule(path);
        _cleanup_free_ char *folder = folder_of(path);

        if (!folder)
                return -ENOMEM;
        if (rule && rule->weight == FINDING_HARMLESS) {
                f->why = strdup(rule->why);
                return 0;
        }
        f->weight = FINDING_NEEDED;
        f->why = strdup(f->host ? "a service of the host that listens on a socket"
                                : "a service that listens on a socket, and does not on the host: is it running?");
        if (!f->host)
                return 0;
        where = folder;
        for (size_t i = 0; i < ELEMENTSOF(shared); i++)
                if (streq(folder, shared[i]))
                        where = path;
        return diagnosis_add_line(f, "Files", "BindReadOnly", where);
}

static int explain_denied(const Diagnose *d, const Miss *m, TraceFinding *f) {
        f->weight = m->opened ? FINDING_NEEDED : FINDING_HARMLESS;
        f->why = diagnosis_why(
                        "it is there, and %s may not have it: see its mode, and those of the folders above",
                        d->launch->user);
        return 0;
}

int diagnosis_explain(const Diagnose *d, const Miss *m, TraceFinding *f) {
        const TraceFile *t = m->first;

        if (t->error == ENOENT && !t->writes && diagnosis_was_found(d, t->path)) {
                f->why = strdup("it was there at another time");
                return 0;
        }
        if (miss_is_read_only(t))
                return explain_write(d, m, f);
        if (t->error == EACCES)
                return explain_denied(d, m, f);
        if (streq(t->call, "execve"))
                return explain_exec(d, m, f);
        if (streq(t->call, "connect"))
                return explain_socket(d, m, f);
        return explain_missing(d, m, f);
}
