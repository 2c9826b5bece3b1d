#include "log.h"

#include <stdarg.h>
#include <sys/uio.h>

#include "journal.h"

#define LIMIT_LINES         10
#define LIMIT_INTERVAL_USEC (10 * USEC_PER_SEC)

static JournalContext context = { .program = "jaild", .jail = "jaild" };
static bool to_journal;

void log_open(const char *jail_name) {
        context.jail = jail_name;
        to_journal = journal_is_stderr();
}

void log_set_context(const char *state, unsigned generation) {
        context.state = state;
        context.generation = generation;
}

static struct iovec part(const char *s) {
        return (struct iovec){ .iov_base = (void *) (uintptr_t) s, .iov_len = strlen(s) };
}

/* The level in front is for a journal that has no socket but our standard error. Not by stdio, which takes 8 KiB of stack for
 * what it does not buffer: pages that are kept for as long as we run. */
static void write_lines(int level, char *text) {
        char mark[16] = "";

        if (to_journal)
                snprintf(mark, sizeof(mark), "<%d>", level);
        for (char *save, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                const struct iovec parts[] = { part(mark), part(context.jail), part(": "), part(line),
                                               part("\n") };

                (void) !writev(STDERR_FILENO, parts, ELEMENTSOF(parts));
        }
}

static void log_message(int event, int level, const char *format, va_list ap)
                __attribute__((format(printf, 3, 0)));
static void log_message(int event, int level, const char *format, va_list ap) {
        _cleanup_free_ char *text = NULL, *entry = NULL;

        if (vasprintf(&text, format, ap) < 0) {
                text = NULL;
                return;
        }
        if (to_journal && asprintf(&entry, "%s: %s", context.jail, text) < 0)
                entry = NULL;
        if (!entry || journal_send(&context, event, level, entry) < 0)
                write_lines(level, text);
}

void log_line(int level, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        log_message(-1, level, format, ap);
        va_end(ap);
}

void log_event(Event event, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        log_message((int) event, event_level(event), format, ap);
        va_end(ap);
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
