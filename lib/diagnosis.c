#include "diagnosis-internal.h"

#include <fcntl.h>
#include <fnmatch.h>

#include "policy-trace.h"
#include "reterr.h"

static const char *const weight_names[_FINDING_WEIGHT_MAX] = {
        [FINDING_NEEDED] = "needed",
        [FINDING_WANTED] = "wanted",
        [FINDING_HARMLESS] = "harmless",
};

const char *finding_weight_to_string(FindingWeight weight) {
        return weight_names[weight];
}

static void finding_done(TraceFinding *f) {
        free(f->object);
        free(f->seen);
        free(f->host);
        free(f->package);
        free(f->why);
        for (size_t i = 0; i < f->n_lines; i++)
                free(f->lines[i].value);
        free(f->exclude);
        *f = (TraceFinding){};
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
        close_fd(d->source_fd);
        free(d->found);
        free(d->found_names);
        diagnosis_free(d->diagnosis);
}

/* Takes over what f holds. */
static int add_finding(Diagnose *d, TraceFinding *f) {
        Diagnosis *all = d->diagnosis;
        TraceFinding *bigger = f->object && f->seen && f->why
                                               ? reallocarray(all->findings, all->n_findings + 1,
                                                              sizeof(TraceFinding))
                                               : NULL;

        if (!bigger) {
                finding_done(f);
                return -ENOMEM;
        }
        all->findings = bigger;
        all->n_by_weight[f->weight]++;
        all->findings[all->n_findings++] = *f;
        *f = (TraceFinding){};
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

bool diagnosis_is_library(const char *path) {
        return fnmatch("*.so", path, 0) == 0 || fnmatch("*.so.*", path, 0) == 0;
}

static int string_compare(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static bool is_among(const char *const *sorted, size_t n, const char *s) {
        return bsearch(&s, sorted, n, sizeof(char *), string_compare) != NULL;
}

bool diagnosis_was_found(const Diagnose *d, const char *path) {
        return is_among(d->found, d->n_found, path);
}

bool diagnosis_was_found_elsewhere(const Diagnose *d, const char *path) {
        return is_among(d->found_names, d->n_found, strrchr(path, '/') + 1);
}

static int diagnose_miss(Diagnose *d, const Miss *m) {
        const TraceFile *t = m->first;
        const char *what = miss_is_read_only(t) ? "not writable"
                           : t->error == EACCES ? "denied"
                                                : "not there";
        TraceFinding f = {
                .weight = FINDING_HARMLESS,
                .object = strdup(t->path),
                .seen = describe(what, t->call, m->count, m->phases),
        };
        int r = f.object && f.seen ? diagnosis_find_on_host(d, t->path, &f.host) : -ENOMEM;

        if (r >= 0)
                r = diagnosis_explain(d, m, &f);
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
        return a->error == ENOENT && b->error == ENOENT && diagnosis_is_library(a->path) &&
               streq(path_last_part(a->path), path_last_part(b->path));
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
                        int r = diagnosis_find_on_host(d, m->first->path, &host);

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
                TraceFinding f = {
                        .weight = FINDING_NEEDED,
                        .object = strdup(t->what),
                        .seen = describe("refused", t->call, t->count, 0),
                };
                int r = 0;

                if (streq(t->call, "bind")) {
                        f.why = strdup("an address that Apache listens on, and the jail is not given");
                        r = diagnosis_add_line(&f, "Network", "Listen", t->what);
                } else if (streq(t->call, "connect")) {
                        f.why = strdup("a server that is connected to, and the jail may not");
                        r = diagnosis_add_line(&f, "Network", "Connect", t->what);
                } else {
                        f.why = strdup("a program that is run, and nothing says that it may");
                        r = t->what[0] != '/' ? 0
                            : (r = diagnosis_find_on_host(d, t->what, &f.host)) < 0
                                            ? r
                                            : diagnosis_add_exec_lines(d, t->what, &f);
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
                TraceFinding f = {
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
                                f.why = diagnosis_why("a system call of this group: %s",
                                                      policy_group_reason((PolicyGroup) g));
                                r = diagnosis_add_line(&f, "Sandbox", "SystemCallFilter", value);
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
                        d->found_names[d->n_found++] = path_last_part(d->trace->files[i].path);
                }
        qsort(d->found, d->n_found, sizeof(char *), string_compare);
        qsort(d->found_names, d->n_found, sizeof(char *), string_compare);
        return 0;
}

static int finding_compare(const void *a, const void *b) {
        const TraceFinding *x = a, *y = b;

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
                .source_fd = open(config->source ?: "/", O_PATH | O_DIRECTORY | O_CLOEXEC),
                .diagnosis = calloc(1, sizeof(Diagnosis)),
        };
        int r;

        if (d.host_fd < 0 || d.source_fd < 0)
                return reterr_set(reterr, -errno, "cannot open %s: %s", config->source ?: "/",
                                  strerror(errno));
        if (!d.diagnosis)
                return -ENOMEM;
        if ((r = collect_found(&d)) < 0 || (r = diagnose_files(&d)) < 0 || (r = diagnose_refusals(&d)) < 0 ||
            (r = diagnose_calls(&d)) < 0)
                return r;
        if (d.diagnosis->n_findings > 0)
                qsort(d.diagnosis->findings, d.diagnosis->n_findings, sizeof(TraceFinding), finding_compare);
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
