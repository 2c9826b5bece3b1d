/* The verb metrics: all jails in the text format of Prometheus, for the textfile collector of its node exporter, or in the
 * stricter one of OpenMetrics. */

#include <fcntl.h>
#include <inttypes.h>

#include "config-paths.h"
#include "config.h"
#include "file.h"
#include "info.h"
#include "lifecycle.h"
#include "metrics.h"
#include "output.h"
#include "verbs.h"

/* Who is left out: nobody, who has no supervisor to ask, or who does not ask mod_status. */
typedef enum Source {
        SOURCE_ALWAYS,
        SOURCE_SUPERVISOR,
        SOURCE_LOAD,
} Source;

typedef struct Metric {
        const char *name;
        const char *type;
        const char *help;
        Source source;
        uint64_t (*value)(const JailInfo *info);
        /* The value is in millionths. */
        bool is_usec;
} Metric;

static uint64_t get_up(const JailInfo *i) {
        return i->serves;
}
static uint64_t get_since(const JailInfo *i) {
        return i->since_usec;
}
static uint64_t get_generation(const JailInfo *i) {
        return i->generation;
}
static uint64_t get_current_generation(const JailInfo *i) {
        return i->current_generation;
}
static uint64_t get_restarts(const JailInfo *i) {
        return i->restarts;
}
static uint64_t get_worker_deaths(const JailInfo *i) {
        return i->worker_deaths;
}
static uint64_t get_last_failure(const JailInfo *i) {
        return i->last_failure_usec;
}
static uint64_t get_cpu(const JailInfo *i) {
        return i->cpu_usec;
}
static uint64_t get_memory(const JailInfo *i) {
        return i->memory_bytes;
}
static uint64_t get_processes(const JailInfo *i) {
        return i->n_processes;
}
static uint64_t get_tasks(const JailInfo *i) {
        return i->n_tasks;
}
static uint64_t get_requests(const JailInfo *i) {
        return i->requests;
}
static uint64_t get_busy(const JailInfo *i) {
        return i->busy_workers;
}
static uint64_t get_idle(const JailInfo *i) {
        return i->idle_workers;
}
static uint64_t get_log_dropped(const JailInfo *i) {
        return i->log_dropped_bytes;
}

/* A name once given keeps its meaning: dashboards and alerts are made of them. */
static const Metric metrics[] = {
        { "jaild_up", "gauge", "Whether a server answers.", SOURCE_ALWAYS, get_up, false },
        { "jaild_state_changed_timestamp_seconds", "gauge", "When the state last changed.", SOURCE_ALWAYS,
          get_since, true },
        { "jaild_generation", "gauge", "The generation that runs; 0: none.", SOURCE_ALWAYS, get_generation,
          false },
        { "jaild_current_generation", "gauge", "The generation that the next start takes; 0: none.",
          SOURCE_ALWAYS, get_current_generation, false },
        { "jaild_restarts_total", "counter", "Restarts after a failure.", SOURCE_ALWAYS, get_restarts,
          false },
        { "jaild_last_failure_timestamp_seconds", "gauge", "When it last failed; 0: never.", SOURCE_ALWAYS,
          get_last_failure, true },
        { "jaild_worker_deaths_total", "counter", "Workers that died, of the server that runs.",
          SOURCE_SUPERVISOR, get_worker_deaths, false },
        { "jaild_cpu_seconds_total", "counter", "CPU time of the server that runs.", SOURCE_SUPERVISOR,
          get_cpu, true },
        { "jaild_memory_bytes", "gauge", "Memory of the jail, with its share of what is shared.",
          SOURCE_SUPERVISOR, get_memory, false },
        { "jaild_processes", "gauge", "Processes in the jail.", SOURCE_SUPERVISOR, get_processes, false },
        { "jaild_tasks", "gauge", "Processes and threads in the jail.", SOURCE_SUPERVISOR, get_tasks,
          false },
        { "jaild_requests_total", "counter", "Requests that the server answered, by mod_status.",
          SOURCE_LOAD, get_requests, false },
        { "jaild_busy_workers", "gauge", "Workers that answer a request, by mod_status.", SOURCE_LOAD,
          get_busy, false },
        { "jaild_idle_workers", "gauge", "Workers that wait for one, by mod_status.", SOURCE_LOAD, get_idle,
          false },
        { "jaild_log_dropped_bytes_total", "counter", "Lost of Apache's logs, to a full disk or RateLimit=.",
          SOURCE_SUPERVISOR, get_log_dropped, false },
};

/* A name without the ending that tells a counter. */
static int family_length(const char *name) {
        static const char ending[] = "_total";
        size_t n = strlen(name), k = strlen(ending);

        return (int) (n > k && streq(name + n - k, ending) ? n - k : n);
}

/* OpenMetrics has the ending of a counter with its samples only, and each unit by itself as well. */
static void print_head(FILE *f, MetricsFormat format, const char *name, const char *type, const char *help) {
        static const char *const units[] = { "seconds", "bytes" };
        int n = format == METRICS_OPENMETRICS ? family_length(name) : (int) strlen(name);

        fprintf(f, "# HELP %.*s %s\n# TYPE %.*s %s\n", n, name, help, n, name, type);
        for (size_t i = 0; format == METRICS_OPENMETRICS && i < ELEMENTSOF(units); i++) {
                int k = (int) strlen(units[i]);

                if (n > k && name[n - k - 1] == '_' && strncmp(name + n - k, units[i], (size_t) k) == 0)
                        fprintf(f, "# UNIT %.*s %s\n", n, name, units[i]);
        }
}

static void print_metric(FILE *f, MetricsFormat format, const Metric *m, JailInfo *const *infos) {
        bool has_head = false;

        for (; *infos; infos++) {
                uint64_t value = m->value(*infos);

                if ((m->source != SOURCE_ALWAYS && !(*infos)->is_live) ||
                    (m->source == SOURCE_LOAD && !jail_info_has_load(*infos)))
                        continue;
                if (!has_head)
                        print_head(f, format, m->name, m->type, m->help);
                has_head = true;
                /* A jail's name needs no quoting. */
                fprintf(f, "%s{jail=\"%s\"} %" PRIu64, m->name, (*infos)->name,
                        m->is_usec ? value / USEC_PER_SEC : value);
                if (m->is_usec)
                        fprintf(f, ".%06" PRIu64, value % USEC_PER_SEC);
                fputc('\n', f);
        }
}

/* Each state is a time series, of which one is 1. */
static void print_states(FILE *f, MetricsFormat format, JailInfo *const *infos) {
        if (*infos)
                print_head(f, format, "jaild_state", "gauge", "The state that the jail is in.");
        for (; *infos; infos++)
                for (LifecycleState s = 0; s < _LIFECYCLE_STATE_MAX; s++)
                        fprintf(f, "jaild_state{jail=\"%s\",state=\"%s\"} %d\n", (*infos)->name,
                                lifecycle_state_to_string(s),
                                streq((*infos)->state, lifecycle_state_to_string(s)));
}

int metrics_print(FILE *f, MetricsFormat format, JailInfo *const *infos) {
        print_head(f, format, "jaild_build_info", "gauge", "The version of jailctl.");
        fprintf(f, "jaild_build_info{version=\"%s\"} 1\n", JAILD_VERSION);
        print_states(f, format, infos);
        for (size_t i = 0; i < ELEMENTSOF(metrics); i++)
                print_metric(f, format, metrics + i, infos);
        if (format == METRICS_OPENMETRICS)
                fputs("# EOF\n", f);
        return fflush(f) != 0 || ferror(f) ? -EIO : 0;
}

/* What is to be written. */
typedef struct Figures {
        MetricsFormat format;
        JailInfo *const *infos;
} Figures;

static int print_figures(FILE *f, void *userdata) {
        const Figures *figures = userdata;

        return metrics_print(f, figures->format, figures->infos);
}

int verb_metrics(const CtlOptions *options, const char *name) {
        MetricsFormat format = options->openmetrics ? METRICS_OPENMETRICS : METRICS_TEXT;
        _cleanup_(jail_infos_freep) JailInfo **infos = NULL;
        int r;

        if (options->http)
                return metrics_serve(STDIN_FILENO, STDOUT_FILENO) < 0 ? CTL_EXIT_FAILED : CTL_EXIT_DONE;
        r = jail_infos_load(&infos);

        if (r < 0) {
                print_error("jailctl", "cannot list the jails: %s", strerror(-r));
                return CTL_EXIT_FAILED;
        }
        if (!options->output)
                /* main() looks whether it could be written. */
                return metrics_print(stdout, format, infos) < 0 ? CTL_EXIT_FAILED : CTL_EXIT_DONE;
        /* The collector may read it at any time. */
        r = file_replace(AT_FDCWD, options->output, 0644, print_figures, &(Figures){ format, infos });
        if (r < 0)
                print_error("jailctl", "cannot write %s: %s", options->output, strerror(-r));
        return r < 0 ? CTL_EXIT_FAILED : CTL_EXIT_DONE;
}
