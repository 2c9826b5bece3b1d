#include "rehearsal.h"

#include <sys/wait.h>

#include "inspector.h"
#include "reterr.h"
#include "trace.h"

static int inspect(const JailConfig *config, unsigned generation, const char *option, Trace **ret,
                   char **reterr) {
        _cleanup_strv_free_ char **arguments = NULL;
        _cleanup_free_ char *output = NULL, *number = NULL, *url = NULL;
        int status = 0, r;

        if (asprintf(&number, "--generation=%u", generation) < 0 ||
            (config->health.url && asprintf(&url, "--url=%s", config->health.url) < 0))
                return -ENOMEM;
        for (const char *const *word = (const char *const[]){ "trace", option, number, url ?: config->name,
                                                              url ? config->name : NULL, NULL };
             *word; word++)
                if ((r = strv_extend(&arguments, *word)) < 0)
                        return r;
        r = inspector_run(arguments, &status, &output, reterr);
        if (r < 0)
                return r;
        /* It has said why. */
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                return reterr_set(reterr, -EIO, "generation %u cannot be tried", generation);
        r = trace_read(output, ret);
        return r < 0 ? reterr_set(reterr, r, "jaild-inspect: %s", strerror(-r)) : 0;
}

static bool is_good(const JailConfig *config, const TraceRequest *q) {
        return config->health.url ? q->status >= config->health.status_min &&
                                                    q->status <= config->health.status_max
                                  : q->status > 0 && q->status < 500;
}

/* The last line of what it wrote to its error logs, which are gone with it. */
static char *last_words(const Trace *trace) {
        const char *log = trace->log ?: "", *end = log + strlen(log), *line;

        while (end > log && end[-1] == '\n')
                end--;
        for (line = end; line > log && line[-1] != '\n';)
                line--;
        return strndup(line, (size_t) (end - line));
}

static int refuse(const Trace *trace, const TraceRequest *q, char **reterr) {
        _cleanup_free_ char *words = last_words(trace), *what = NULL;

        if (!words || (q->status > 0 ? asprintf(&what, "answers %s with status %ld", q->url, q->status)
                                     : asprintf(&what, "does not answer %s: %s", q->url, q->message)) < 0)
                return -ENOMEM;
        return reterr_set(reterr, -EIO, "generation %u %s%s%s", trace->generation, what,
                          words[0] ? "; its error log ends with: " : "", words);
}

/* An address that only the new one has counts for itself. */
static bool is_as_bad_now(const JailConfig *config, const Trace *now, const char *url) {
        for (size_t i = 0; i < now->n_requests; i++)
                if (streq(now->requests[i].url, url))
                        return !is_good(config, &now->requests[i]);
        return false;
}

int rehearsal_run(const JailConfig *config, unsigned generation, unsigned running, char **reterr) {
        _cleanup_(trace_freep) Trace *trace = NULL, *now = NULL;
        int r = inspect(config, generation, "--rehearse", &trace, reterr);

        for (size_t i = 0; r >= 0 && i < trace->n_steps; i++)
                if (!trace->steps[i].done)
                        return reterr_set(reterr, -EIO, "generation %u does not serve: %s", generation,
                                          trace->steps[i].message);
        for (size_t i = 0; r >= 0 && i < trace->n_requests; i++) {
                const TraceRequest *q = &trace->requests[i];

                if (is_good(config, q))
                        continue;
                if (!now)
                        r = inspect(config, running, "--ask", &now, reterr);
                if (r >= 0 && !is_as_bad_now(config, now, q->url))
                        r = refuse(trace, q, reterr);
        }
        return r;
}
