#include "diagnosis.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <stdarg.h>

#include "diagnosis-rules.h"
#include "policy-trace.h"
#include "reterr.h"
#include "rootpath.h"

/* All that was seen of one path. */
typedef struct Miss {
        const TraceFile *first;
        unsigned count;
        unsigned phases;
        /* It was opened, not only asked about. */
        bool opened;
} Miss;

typedef struct Diagnose {
        const Trace *trace;
        const JailConfig *config;
        const Launch *launch;
        const Plan *plan;
        int host_fd;
        /* Paths that were there, sorted; and their last parts. */
        const char **found;
        const char **found_names;
        size_t n_found;
        Diagnosis *diagnosis;
} Diagnose;

static const char *const weight_names[_FINDING_WEIGHT_MAX] = {
        [FINDING_NEEDED] = "needed",
        [FINDING_WANTED] = "wanted",
        [FINDING_HARMLESS] = "harmless",
};

const char *finding_weight_to_string(FindingWeight weight) {
        return weight_names[weight];
}

static void finding_done(Finding *f) {
        free(f->object);
        free(f->seen);
        free(f->host);
        free(f->package);
        free(f->why);
        for (size_t i = 0; i < f->n_lines; i++)
                free(f->lines[i].value);
        free(f->exclude);
        *f = (Finding){};
}

Diagnosis *diagnosis_free(Diagnosis *d) {
        if (!d)
                return NULL;
        for (size_t i = 0; i < d->n_findings; i++)
                finding_done(&d->findings[i]);
        free(d->findings);
        free(d);
        return NULL;
}

static void diagnose_done(Diagnose *d) {
        close_fd(d->host_fd);
        free(d->found);
        free(d->found_names);
        diagnosis_free(d->diagnosis);
}

/* Takes over what f holds. */
static int add_finding(Diagnose *d, Finding *f) {
        Diagnosis *all = d->diagnosis;
        Finding *bigger = f->object && f->seen && f->why
                                          ? reallocarray(all->findings, all->n_findings + 1, sizeof(Finding))
                                          : NULL;

        if (!bigger) {
                finding_done(f);
                return -ENOMEM;
        }
        all->findings = bigger;
        all->n_by_weight[f->weight]++;
        all->findings[all->n_findings++] = *f;
        *f = (Finding){};
        return 0;
}

/* The jail chose it, and not all that can be a path can be a line. */
static bool value_is_plain(const char *value) {
        size_t n = strlen(value);

        for (size_t i = 0; i < n; i++)
                if ((unsigned char) value[i] < 0x20 || value[i] == 0x7f)
                        return false;
        return n > 0 && value[n - 1] != ' ' && !strchr(value, ';') && !strstr(value, "/../") &&
               !strstr(value, "//") && (n < 3 || !streq(value + n - 3, "/.."));
}

static int add_line(Finding *f, const char *section, const char *key, const char *value) {
        char *copy;

        if (!value_is_plain(value))
                return 0;
        copy = strdup(value);
        if (!copy)
                return -ENOMEM;
        f->lines[f->n_lines++] = (FindingLine){ section, key, copy };
        return 0;
}

static char *describe(const char *what, const char *call, unsigned count, unsigned phases) {
        char *s = NULL;
        size_t size;
        FILE *f = open_memstream(&s, &size);
        const char *comma = ": ";

        if (!f)
                return NULL;
        fprintf(f, "%s (%s", what, call);
        if (count > 1)
                fprintf(f, ", %u times", count);
        for (unsigned p = 0; p < _TRACE_PHASE_MAX; p++)
                if (phases & 1U << p) {
                        fprintf(f, "%s%s", comma, trace_phase_to_string((TracePhase) p));
                        comma = ", ";
                }
        fputc(')', f);
        if (fclose(f) != 0) {
                free(s);
                return NULL;
        }
        return s;
}

static const char *last_part(const char *path) {
        return strrchr(path, '/') + 1;
}

static char *folder_of(const char *path) {
        const char *slash = strrchr(path, '/');

        return strndup(path, slash == path ? 1 : (size_t) (slash - path));
}

static bool is_beneath(const char *path, const char *folder) {
        size_t n = strlen(folder);

        while (n > 1 && folder[n - 1] == '/')
                n--;
        return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool is_library(const char *path) {
        return fnmatch("*.so", path, 0) == 0 || fnmatch("*.so.*", path, 0) == 0;
}

static int string_compare(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static bool is_among(const char *const *sorted, size_t n, const char *s) {
        return bsearch(&s, sorted, n, sizeof(char *), string_compare) != NULL;
}

/* Where the jail's path is on the host. Returns 0 with *ret NULL where the place is the jail's own, or the host has
 * nothing there. */
static int find_on_host(const Diagnose *d, const char *path, char **ret) {
        const LaunchMount *above = NULL;
        _cleanup_free_ char *there = NULL;
        int r;

        *ret = NULL;
        for (size_t i = 0; i < d->launch->n_mounts; i++)
                if (is_beneath(path, d->launch->mounts[i].target))
                        above = &d->launch->mounts[i];
        if (above && above->type == MOUNT_TMPFS)
                return 0;
        if (asprintf(&there, "%s%s", above ? above->source : "",
                     above ? path + strlen(above->target) : path) < 0) {
                there = NULL;
                return -ENOMEM;
        }
        r = rootpath_resolve(d->host_fd, there, ret);
        return r == -ENOMEM ? r : 0;
}

static bool is_folder(const Diagnose *d, const char *host) {
        _cleanup_close_ int fd = rootpath_open(d->host_fd, host, O_PATH | O_DIRECTORY);

        return fd >= 0;
}

/* The Exclude= that keeps it out: of the path itself, of what it leads to, or of the link in the last folder. */
static int find_exclude(const Diagnose *d, const char *path, const char *host, const char **ret) {
        _cleanup_free_ char *folder = folder_of(path), *real = NULL, *link = NULL;
        int r;

        *ret = NULL;
        if (!folder)
                return -ENOMEM;
        r = rootpath_resolve(d->host_fd, folder, &real);
        if (r == -ENOMEM ||
            (r >= 0 && asprintf(&link, "%s/%s", streq(real, "/") ? "" : real, last_part(path)) < 0))
                return -ENOMEM;
        for (char **e = d->config->excludes; e && *e; e++)
                if (is_beneath(path, *e) || (host && is_beneath(host, *e)) ||
                    (link && is_beneath(link, *e))) {
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
        if (asprintf(&link, "%s/%s", streq(real, "/") ? "" : real, last_part(path)) < 0) {
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
        const char *name = is_library(path) ? last_part(path) : path;

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

static char *why(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *why(const char *format, ...) {
        va_list ap;
        char *s;
        int r;

        va_start(ap, format);
        r = vasprintf(&s, format, ap);
        va_end(ap);
        return r < 0 ? NULL : s;
}

/* It is part of the plan: left out on purpose, or lost. */
static int explain_planned(const Diagnose *d, const PlanEntry *e, const char *path, Finding *f) {
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

static int explain_missing(const Diagnose *d, const Miss *m, Finding *f) {
        const char *path = m->first->path;
        const DiagnosisRule *rule = diagnosis_rule(path);
        const PlanEntry *planned = find_planned(d, path);

        if (rule && rule->weight == FINDING_HARMLESS && !planned) {
                f->why = strdup(rule->why);
                return 0;
        }
        if (is_library(path) && is_among(d->found_names, d->n_found, last_part(path))) {
                f->why = strdup("the loader searches folder after folder, and found it in another one");
                return 0;
        }
        if (!f->host && !is_library(path)) {
                f->why = strdup("the host has no such file either");
                return 0;
        }
        f->weight = is_library(path) || is_complained_of(d, path) ? FINDING_NEEDED
                    : rule                                        ? rule->weight
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
        f->why = strdup(rule               ? rule->why
                        : is_library(path) ? "a library that is loaded while it runs: no header names it"
                        : m->opened        ? "it was opened, and the host has it"
                                           : "it was asked for, and the host has it");
        return add_line(f, "Files", "Include", path);
}

/* Somebody writes where the jail is read-only. */
static int explain_write(const Diagnose *d, const Miss *m, Finding *f) {
        _cleanup_free_ char *folder = folder_of(m->first->path), *host = NULL;
        int r;

        if (!folder)
                return -ENOMEM;
        f->weight = FINDING_NEEDED;
        r = find_on_host(d, folder, &host);
        if (r < 0)
                return r;
        f->why = strdup(host ? "it is written, and the jail has no such place: Writable= is an empty one in memory; "
                               "Bind= would be the host's folder"
                             : "it is written, and the jail has no such place");
        return streq(folder, "/") ? 0 : add_line(f, "Files", "Writable", folder);
}

static int add_exec_lines(const Diagnose *d, const char *path, Finding *f) {
        int r = add_line(f, "Sandbox", "Exec", path);

        return r < 0 || f->n_lines == 0 || (d->config->groups & POLICY_CGI)
                               ? r
                               : add_line(f, "Sandbox", "SystemCallFilter", "+cgi");
}

static int explain_exec(const Diagnose *d, const Miss *m, Finding *f) {
        const TraceFile *t = m->first;

        f->weight = f->host || t->by ? FINDING_NEEDED : FINDING_HARMLESS;
        if (!t->by)
                f->why = strdup(f->host ? "a program that is run" : "the host has no such program either");
        else
                f->why = why("the interpreter of %s: %s", t->by,
                             f->host ? "without it, the kernel says that the script is not there"
                                     : "the host has it not either");
        return f->host ? add_exec_lines(d, t->path, f) : 0;
}

static int explain_socket(const Diagnose *d, const Miss *m, Finding *f) {
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
        return add_line(f, "Files", "BindReadOnly", where);
}

static int explain_denied(const Diagnose *d, const Miss *m, Finding *f) {
        f->weight = m->opened ? FINDING_NEEDED : FINDING_HARMLESS;
        f->why = why("it is there, and %s may not have it: see its mode, and those of the folders above",
                     d->launch->user);
        return 0;
}

static int diagnose_miss(Diagnose *d, const Miss *m) {
        const TraceFile *t = m->first;
        bool is_read_only = t->error == EROFS || (t->writes && t->error == ENOENT);
        Finding f = {
                .weight = FINDING_HARMLESS,
                .object = strdup(t->path),
                .seen = describe(is_read_only         ? "not writable"
                                 : t->error == EACCES ? "denied"
                                                      : "not there",
                                 t->call, m->count, m->phases),
        };
        int r = f.object && f.seen ? find_on_host(d, t->path, &f.host) : -ENOMEM;

        if (r < 0)
                ;
        else if (t->error == ENOENT && !t->writes && is_among(d->found, d->n_found, t->path))
                f.why = strdup("it was there at another time");
        else if (is_read_only)
                r = explain_write(d, m, &f);
        else if (t->error == EACCES)
                r = explain_denied(d, m, &f);
        else if (streq(t->call, "execve"))
                r = explain_exec(d, m, &f);
        else if (streq(t->call, "connect"))
                r = explain_socket(d, m, &f);
        else
                r = explain_missing(d, m, &f);
        if (r < 0) {
                finding_done(&f);
                return r;
        }
        return add_finding(d, &f);
}

/* The same thing: one path, or one library in the folders that it is looked for in. */
static bool is_same_miss(const TraceFile *a, const TraceFile *b) {
        if (streq(a->path, b->path))
                return a->error == b->error;
        return a->error == ENOENT && b->error == ENOENT && is_library(a->path) &&
               streq(last_part(a->path), last_part(b->path));
}

static int diagnose_files(Diagnose *d) {
        _cleanup_free_ Miss *misses = calloc(d->trace->n_files + 1, sizeof(Miss));
        size_t n = 0;

        if (!misses)
                return -ENOMEM;
        for (size_t i = 0; i < d->trace->n_files; i++) {
                const TraceFile *t = &d->trace->files[i];
                Miss *m = NULL;

                if (t->error == 0)
                        continue;
                for (size_t k = 0; !m && k < n; k++)
                        if (is_same_miss(misses[k].first, t))
                                m = &misses[k];
                if (!m) {
                        m = &misses[n++];
                        m->first = t;
                } else {
                        _cleanup_free_ char *host = NULL;
                        int r = find_on_host(d, m->first->path, &host);

                        if (r < 0)
                                return r;
                        /* Of a library's places the one where the host has it. */
                        if (!host && !streq(m->first->path, t->path))
                                m->first = t;
                }
                m->count += t->count;
                m->phases |= t->phases;
                m->opened |= strncmp(t->call, "open", 4) == 0;
        }
        for (size_t i = 0; i < n; i++) {
                int r = diagnose_miss(d, &misses[i]);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int diagnose_refusals(Diagnose *d) {
        for (size_t i = 0; i < d->trace->n_refusals; i++) {
                const TraceRefusal *t = &d->trace->refusals[i];
                Finding f = {
                        .weight = FINDING_NEEDED,
                        .object = strdup(t->what),
                        .seen = describe("refused", t->call, t->count, 0),
                };
                int r = 0;

                if (streq(t->call, "bind")) {
                        f.why = strdup("an address that Apache listens on, and the jail is not given");
                        r = add_line(&f, "Network", "Listen", t->what);
                } else if (streq(t->call, "connect")) {
                        f.why = strdup("a server that is connected to, and the jail may not");
                        r = add_line(&f, "Network", "Connect", t->what);
                } else {
                        f.why = strdup("a program that is run, and nothing says that it may");
                        r = t->what[0] != '/'                             ? 0
                            : (r = find_on_host(d, t->what, &f.host)) < 0 ? r
                                                                          : add_exec_lines(d, t->what, &f);
                }
                if (r < 0) {
                        finding_done(&f);
                        return r;
                }
                r = add_finding(d, &f);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int diagnose_calls(Diagnose *d) {
        for (size_t i = 0; i < d->trace->n_calls; i++) {
                const TraceCall *t = &d->trace->calls[i];
                const char *reason = t->groups ? NULL : policy_refusal_reason(t->name);
                Finding f = {
                        .weight = reason ? FINDING_HARMLESS : FINDING_WANTED,
                        .object = strdup(t->name),
                        .seen = describe("refused", strerrorname_np(t->error) ?: "an error", t->count,
                                         t->phases),
                };
                int r = 0;

                for (unsigned g = 1; g <= POLICY_OPT_IN && f.n_lines == 0 && r >= 0; g <<= 1)
                        if (t->groups & g & POLICY_OPT_IN) {
                                char value[32];

                                snprintf(value, sizeof(value), "+%s",
                                         policy_group_to_string((PolicyGroup) g));
                                f.why = why("a system call of this group: %s",
                                            policy_group_reason((PolicyGroup) g));
                                r = add_line(&f, "Sandbox", "SystemCallFilter", value);
                        }
                if (!f.why)
                        f.why = strdup(reason ?: "a system call that no group has: Apache needs none such, so ask what does");
                if (r >= 0)
                        r = add_finding(d, &f);
                else
                        finding_done(&f);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int collect_found(Diagnose *d) {
        d->found = calloc(d->trace->n_files + 1, sizeof(char *));
        d->found_names = calloc(d->trace->n_files + 1, sizeof(char *));
        if (!d->found || !d->found_names)
                return -ENOMEM;
        for (size_t i = 0; i < d->trace->n_files; i++)
                if (d->trace->files[i].error == 0) {
                        d->found[d->n_found] = d->trace->files[i].path;
                        d->found_names[d->n_found++] = last_part(d->trace->files[i].path);
                }
        qsort(d->found, d->n_found, sizeof(char *), string_compare);
        qsort(d->found_names, d->n_found, sizeof(char *), string_compare);
        return 0;
}

static int finding_compare(const void *a, const void *b) {
        const Finding *x = a, *y = b;

        return x->weight != y->weight ? (int) x->weight - (int) y->weight : strcmp(x->object, y->object);
}

int diagnosis_make(const Trace *trace, const JailConfig *config, const Launch *launch, const Plan *plan,
                   Diagnosis **ret, char **reterr) {
        _cleanup_(diagnose_done) Diagnose d = {
                .trace = trace,
                .config = config,
                .launch = launch,
                .plan = plan,
                .host_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC),
                .diagnosis = calloc(1, sizeof(Diagnosis)),
        };
        int r;

        if (d.host_fd < 0)
                return reterr_set(reterr, -errno, "cannot open /: %s", strerror(errno));
        if (!d.diagnosis)
                return -ENOMEM;
        if ((r = collect_found(&d)) < 0 || (r = diagnose_files(&d)) < 0 || (r = diagnose_refusals(&d)) < 0 ||
            (r = diagnose_calls(&d)) < 0)
                return r;
        if (d.diagnosis->n_findings > 0)
                qsort(d.diagnosis->findings, d.diagnosis->n_findings, sizeof(Finding), finding_compare);
        *ret = TAKE_PTR(d.diagnosis);
        return 0;
}

static bool line_is_first(const Diagnosis *d, size_t finding, size_t line) {
        const FindingLine *l = &d->findings[finding].lines[line];

        for (size_t i = 0; i <= finding; i++)
                for (size_t k = 0; k < d->findings[i].n_lines; k++) {
                        const FindingLine *other = &d->findings[i].lines[k];

                        if (other == l)
                                return true;
                        if (streq(other->section, l->section) && streq(other->key, l->key) &&
                            streq(other->value, l->value))
                                return false;
                }
        return true;
}

static bool exclude_goes(const Diagnosis *d, const char *exclude) {
        for (size_t i = 0; i < d->n_findings; i++)
                if (d->findings[i].exclude && streq(d->findings[i].exclude, exclude))
                        return true;
        return false;
}

static void write_excludes(const Diagnosis *d, const JailConfig *config, FILE *f) {
        fputs("Exclude=\n", f);
        for (char **e = config->excludes; e && *e; e++)
                if (!exclude_goes(d, *e))
                        fprintf(f, "Exclude=%s\n", *e);
}

int diagnosis_dropin(const Diagnosis *d, const JailConfig *config, char **ret) {
        static const char *const sections[] = { "Network", "Files", "Sandbox" };
        _cleanup_free_ char *text = NULL;
        bool drops = false;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < d->n_findings; i++)
                drops |= d->findings[i].exclude != NULL;
        for (size_t s = 0; s < ELEMENTSOF(sections); s++) {
                bool is_open = false;

                if (drops && streq(sections[s], "Files")) {
                        fprintf(f, "[%s]\n", sections[s]);
                        is_open = true;
                        write_excludes(d, config, f);
                }
                for (size_t i = 0; i < d->n_findings; i++)
                        for (size_t k = 0; k < d->findings[i].n_lines; k++) {
                                const FindingLine *l = &d->findings[i].lines[k];

                                if (!streq(l->section, sections[s]) || !line_is_first(d, i, k))
                                        continue;
                                if (!is_open)
                                        fprintf(f, "[%s]\n", sections[s]);
                                is_open = true;
                                fprintf(f, "%s=%s\n", l->key, l->value);
                        }
        }
        if (fclose(f) != 0)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        return 0;
}
