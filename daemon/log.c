#include "log.h"

#include <stdarg.h>

#define LIMIT_LINES         10
#define LIMIT_INTERVAL_USEC (10 * USEC_PER_SEC)

static const char *name = "jaild";
static bool with_level;

void log_open(const char *jail_name) {
        name = jail_name;
        /* Set by systemd where standard error is connected to the journal. */
        with_level = getenv("JOURNAL_STREAM") != NULL;
}

void log_line(int level, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&text, format, ap);
        va_end(ap);
        if (r < 0) {
                text = NULL;
                return;
        }

        /* Each line of a message of several (Apache's own words) is a line of the log. */
        for (char *save, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                if (with_level)
                        fprintf(stderr, "<%d>%s: %s\n", level, name, line);
                else
                        fprintf(stderr, "%s: %s\n", name, line);
        }
}

bool log_limit_pass(LogLimit *limit, uint64_t now_usec) {
        if (now_usec - limit->begin_usec > LIMIT_INTERVAL_USEC) {
                if (limit->suppressed > 0)
                        log_warning("%u more such refusals were not logged", limit->suppressed);
                *limit = (LogLimit){ .begin_usec = now_usec };
        }
        if (limit->n >= LIMIT_LINES) {
                limit->suppressed++;
                return false;
        }
        limit->n++;
        return true;
}

void log_sanitize(char *s) {
        for (; *s; s++)
                if (((unsigned char) *s < ' ' && *s != '\n' && *s != '\t') || *s == 127)
                        *s = '?';
}
