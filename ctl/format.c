#include "format.h"

#include <inttypes.h>
#include <time.h>

const char *format_timestamp(uint64_t usec, char buf[static FORMAT_MAX]) {
        time_t seconds = (time_t) (usec / USEC_PER_SEC);
        struct tm tm;

        if (!localtime_r(&seconds, &tm) || strftime(buf, FORMAT_MAX, "%a %Y-%m-%d %H:%M:%S %Z", &tm) == 0)
                strcpy(buf, "n/a");
        return buf;
}

const char *format_relative(uint64_t usec, uint64_t now, char buf[static FORMAT_MAX]) {
        /* The short names stick to their number. */
        static const struct {
                uint64_t seconds;
                const char *one;
                const char *many;
        } units[] = {
                { 365 * 86400, " year", " years" },
                { 30 * 86400, " month", " months" },
                { 7 * 86400, " week", " weeks" },
                { 86400, " day", " days" },
                { 3600, "h", "h" },
                { 60, "min", "min" },
                { 1, "s", "s" },
        };
        bool future = usec > now;
        uint64_t difference = future ? usec - now : now - usec;
        /* What is still to come is rounded up: never "now" before its time. */
        uint64_t seconds = difference / USEC_PER_SEC + (future && difference % USEC_PER_SEC > 0);
        char text[FORMAT_MAX / 2] = "";
        size_t i = 0;

        while (i < ELEMENTSOF(units) && seconds < units[i].seconds)
                i++;
        if (i == ELEMENTSOF(units))
                return strcpy(buf, "now");

        uint64_t n = seconds / units[i].seconds;
        uint64_t rest = i + 1 < ELEMENTSOF(units) ? seconds % units[i].seconds / units[i + 1].seconds : 0;

        if (n < 5 && rest > 0)
                snprintf(text, sizeof(text), " %" PRIu64 "%s", rest,
                         rest == 1 ? units[i + 1].one : units[i + 1].many);
        snprintf(buf, FORMAT_MAX, "%s%" PRIu64 "%s%s%s", future ? "in " : "", n,
                 n == 1 ? units[i].one : units[i].many, text, future ? "" : " ago");
        return buf;
}

const char *format_span(uint64_t usec, char buf[static FORMAT_MAX]) {
        uint64_t minutes = usec / USEC_PER_SEC / 60;
        double seconds = (double) (usec - minutes * 60 * USEC_PER_SEC) / (double) USEC_PER_SEC;

        if (minutes == 0)
                snprintf(buf, FORMAT_MAX, "%.3fs", seconds);
        else if (minutes < 60)
                snprintf(buf, FORMAT_MAX, "%" PRIu64 "min %.1fs", minutes, seconds);
        else
                snprintf(buf, FORMAT_MAX, "%" PRIu64 "h %" PRIu64 "min", minutes / 60, minutes % 60);
        return buf;
}

const char *format_bytes(uint64_t bytes, char buf[static FORMAT_MAX]) {
        static const char suffixes[] = "KMGTPE";
        double value = (double) bytes;
        size_t i = 0;

        if (bytes < 1024) {
                snprintf(buf, FORMAT_MAX, "%" PRIu64 "B", bytes);
                return buf;
        }
        /* What would be rounded to 1024.0 is the next unit's 1.0. */
        for (value /= 1024; value >= 1023.95 && suffixes[i + 1]; i++)
                value /= 1024;
        snprintf(buf, FORMAT_MAX, "%.1f%c", value, suffixes[i]);
        return buf;
}

char *format_list(char *const *v) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        for (size_t i = 0; v && v[i]; i++)
                fprintf(f, "%s%s", i > 0 ? ", " : "", v[i]);
        if (fclose(f) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

char **format_listens(char *const *listens) {
        _cleanup_strv_free_ char **texts = calloc(1, sizeof(char *));

        if (!texts)
                return NULL;
        for (; listens && *listens; listens++) {
                const char *blank = strchr(*listens, ' ');
                _cleanup_free_ char *text = NULL;

                if (blank &&
                    asprintf(&text, "%.*s (Apache: %s)", (int) (blank - *listens), *listens, blank + 1) < 0)
                        return NULL;
                if (strv_extend(&texts, blank ? text : *listens) < 0)
                        return NULL;
        }
        return TAKE_PTR(texts);
}

uint64_t now_usec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_REALTIME, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}
