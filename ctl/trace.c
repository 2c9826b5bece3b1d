/* The verb trace: watch a throw-away instance of a jail, and say what it misses. */

#include <fcntl.h>
#include <sys/wait.h>

#include "config-paths.h"
#include "diagnosis.h"
#include "generation.h"
#include "inspector.h"
#include "load.h"
#include "output.h"
#include "packages.h"
#include "planner.h"
#include "reterr.h"
#include "trace-apply.h"
#include "trace-report.h"
#include "trace-urls.h"
#include "verbs.h"

/* All that a trace is explained by. */
typedef struct TraceContext {
        const CtlOptions *options;
        JailConfig *config;
        Launch *launch;
        /* NULL where Apache does not let itself be asked. */
        Apache *apache;
        Plan *plan;
        Trace *trace;
        Diagnosis *diagnosis;
} TraceContext;

static void context_done(TraceContext *c) {
        diagnosis_free(c->diagnosis);
        trace_free(c->trace);
        plan_free(c->plan);
        apache_free(c->apache);
        launch_free(c->launch);
        jail_config_free(c->config);
}

static int read_launch(const char *name, Launch **ret, char **reterr) {
        _cleanup_free_ char *path = NULL, *why = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (asprintf(&path, JAILD_STATE_DIR "/%s/current/" GENERATION_LAUNCH, name) < 0)
                return -ENOMEM;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                return reterr_set(reterr, -ENOENT, "nothing has been built yet: run 'jailctl build %s'",
                                  name);
        r = fd < 0 ? -errno : launch_read(fd, ret, &why);
        return r < 0 ? reterr_set(reterr, r, "%s: %s", path, why ?: strerror(-r)) : 0;
}

/* What a build would make if nothing were left out. Without it less can be explained, which is no failure. */
static void make_plan(TraceContext *c) {
        JailConfig whole = *c->config;
        _cleanup_free_ char *why = NULL;
        int r;

        whole.excludes = NULL;
        r = apache_inspect(c->config, &c->apache, &why);
        if (r >= 0)
                r = planner_make(&whole, c->apache, &c->plan, &why);
        if (r < 0)
                print_error("warning", "no plan can be made, so less is explained: %s", why ?: strerror(-r));
}

static int watch(TraceContext *c, char **reterr) {
        _cleanup_strv_free_ char **arguments = NULL, **urls = NULL;
        _cleanup_free_ char *output = NULL;
        char *const *wanted = c->options->urls;
        int status, r = strv_extend(&arguments, "trace");

        if (r >= 0 && !wanted && !c->options->command && c->apache) {
                r = trace_urls(c->apache, c->launch, &urls);
                wanted = urls;
        }
        for (char *const *u = wanted; r >= 0 && u && *u; u++)
                if ((r = strv_extend(&arguments, "--url")) >= 0)
                        r = strv_extend(&arguments, *u);
        if (r >= 0)
                r = strv_extend(&arguments, c->config->name);
        for (char *const *word = c->options->command; r >= 0 && word && *word; word++)
                r = strv_extend(&arguments, *word);
        if (r >= 0)
                r = inspector_run(arguments, &status, &output, reterr);
        if (r < 0)
                return r;
        if (WIFSIGNALED(status))
                return reterr_set(reterr, -EIO, "jaild-inspect was killed by SIG%s",
                                  sigabbrev_np(WTERMSIG(status)) ?: "?");
        /* It has said why. */
        if (WEXITSTATUS(status) != 0)
                return -EPIPE;
        return trace_read(output, &c->trace);
}

static int find_packages(const JailConfig *config, Diagnosis *d, char **reterr) {
        _cleanup_free_ const char **paths = calloc(d->n_findings + 1, sizeof(char *));
        _cleanup_free_ TraceFinding **findings = calloc(d->n_findings + 1, sizeof(TraceFinding *));
        _cleanup_(packages_done) Packages packages = {};
        size_t n = 0;
        int r;

        if (!paths || !findings)
                return -ENOMEM;
        for (size_t i = 0; i < d->n_findings; i++)
                if (d->findings[i].host) {
                        findings[n] = &d->findings[i];
                        paths[n++] = d->findings[i].host;
                }
        r = packages_find(config->source ?: "/", paths, n, &packages, reterr);
        for (size_t i = 0; r >= 0 && i < n; i++)
                if (packages.owners[i] >= 0) {
                        findings[i]->package = strdup(packages.packages[packages.owners[i]].name);
                        if (!findings[i]->package)
                                r = -ENOMEM;
                }
        return r;
}

static int trace(TraceContext *c, char **ret_dropin, char **reterr) {
        int r = read_launch(c->config->name, &c->launch, reterr);

        if (r < 0)
                return r;
        make_plan(c);
        if ((r = watch(c, reterr)) < 0 ||
            (r = diagnosis_make(c->trace, c->config, c->launch, c->plan, &c->diagnosis, reterr)) < 0 ||
            (r = find_packages(c->config, c->diagnosis, reterr)) < 0)
                return r;
        return diagnosis_dropin(c->diagnosis, c->config, ret_dropin);
}

static bool needs_build(const Diagnosis *d) {
        for (size_t i = 0; i < d->n_findings; i++)
                if (d->findings[i].rebuild)
                        return true;
        return false;
}

static int apply(const TraceContext *c, const char *dropin) {
        _cleanup_free_ char *path = NULL, *why = NULL;
        const char *name = c->config->name;

        if (dropin[0] == '\0') {
                fprintf(stderr, "%s: nothing to add to the configuration%s%s.\n", name,
                        needs_build(c->diagnosis) ? "; build again: jailctl build " : "",
                        needs_build(c->diagnosis) ? name : "");
                return CTL_EXIT_DONE;
        }
        if (trace_apply(name, dropin, &path, &why) < 0) {
                print_error(name, "%s", why ?: strerror(ENOMEM));
                return CTL_EXIT_FAILED;
        }
        fprintf(stderr, "%s: wrote %s; take it over with 'jailctl update %s'.\n", name, path, name);
        return CTL_EXIT_DONE;
}

int verb_trace(const CtlOptions *options, const char *name) {
        _cleanup_(context_done) TraceContext c = { .options = options };
        _cleanup_free_ char *dropin = NULL, *why = NULL;
        int r = ctl_load_config(name, &c.config);

        if (r != CTL_EXIT_DONE)
                return r;
        if (options->urls && options->command) {
                print_error("jailctl", "trace takes --url or a program, not both; see jailctl --help");
                return CTL_EXIT_USAGE;
        }
        if (geteuid() != 0) {
                print_error(name, "tracing needs root: it makes a room, and looks into what runs there");
                return CTL_EXIT_FAILED;
        }
        r = trace(&c, &dropin, &why);
        if (r < 0) {
                if (r != -EPIPE)
                        print_error(name, "%s", why ?: strerror(-r));
                return CTL_EXIT_FAILED;
        }
        if (options->json)
                trace_print_json(name, c.trace, c.diagnosis, dropin);
        else
                trace_print(name, c.config, c.trace, c.diagnosis, options->apply ? "" : dropin);
        if (options->apply)
                return apply(&c, dropin);
        return trace_succeeded(c.trace) && c.diagnosis->n_by_weight[FINDING_NEEDED] == 0 ? CTL_EXIT_DONE
                                                                                         : CTL_EXIT_FAILED;
}
