#include "output.h"

#include <langinfo.h>
#include <stdarg.h>
#include <time.h>

const char *colour_on(FILE *f, Colour colour) {
        static const char *const sequences[_COLOUR_MAX] = {
                [COLOUR_NONE] = "\033[0m",      [COLOUR_GREEN] = "\033[1;32m",
                [COLOUR_YELLOW] = "\033[1;33m", [COLOUR_RED] = "\033[1;31m",
                [COLOUR_GREY] = "\033[90m",     [COLOUR_BOLD] = "\033[1m",
                [COLOUR_UNDERLINE] = "\033[4m",
        };
        const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

        if ((no_color && *no_color) || !term || streq(term, "dumb") || !isatty(fileno(f)))
                return "";
        return sequences[colour];
}

bool output_is_utf8(void) {
        return streq(nl_langinfo(CODESET), "UTF-8");
}

/* Without control characters. Negative indent: a newline is one. */
static void print_clean(FILE *f, const char *text, int indent) {
        for (const unsigned char *p = (const unsigned char *) text; *p; p++)
                if (*p == '\n' && indent >= 0)
                        fprintf(f, "\n%*s", indent, "");
                else if (*p < 0x20 || *p == 0x7f)
                        fputc('?', f);
                else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) {
                        /* The other control characters, two bytes each. */
                        fputc('?', f);
                        p++;
                } else
                        fputc(*p, f);
}

void print_text(FILE *f, const char *text, unsigned indent) {
        print_clean(f, text, (int) indent);
}

void print_error(const char *jail_name, const char *format, ...) {
        _cleanup_free_ char *text = NULL, *whole = NULL;
        size_t size;
        /* Standard error has no buffer: piece by piece, two that run at once would mix their letters. */
        FILE *f = open_memstream(&whole, &size);
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        if (f) {
                fputs(colour_on(stderr, COLOUR_RED), f);
                print_clean(f, jail_name, -1);
                fputs(": ", f);
                print_text(f, text ?: "out of memory", 0);
                fprintf(f, "%s\n", colour_on(stderr, COLOUR_NONE));
        }
        fputs(f && fclose(f) == 0 ? whole : "out of memory\n", stderr);
}

/* Padded to width. What is in it may have come out of a jail, or be the name of anybody's file. */
static void print_cell(const TableCell *cell, Colour colour, size_t width) {
        size_t n = strlen(cell->text);

        if (colour != COLOUR_NONE)
                fputs(colour_on(stdout, colour), stdout);
        print_clean(stdout, cell->text, -1);
        printf("%*s", (int) (n < width ? width - n : 0), "");
        if (colour != COLOUR_NONE)
                fputs(colour_on(stdout, COLOUR_NONE), stdout);
}

void print_table(const TableCell *cells, size_t n_columns, size_t n_rows, bool legend) {
        for (size_t row = legend ? 0 : 1; row < n_rows; row++) {
                for (size_t column = 0; column < n_columns; column++) {
                        const TableCell *cell = cells + row * n_columns + column;
                        size_t width = 0;

                        for (size_t k = legend ? 0 : 1; k < n_rows; k++) {
                                size_t n = strlen(cells[k * n_columns + column].text);

                                width = n > width ? n : width;
                        }
                        /* Nothing is behind the last one that it must be padded for. */
                        if (column + 1 == n_columns)
                                width = 0;
                        print_cell(cell, row == 0 ? COLOUR_UNDERLINE : cell->colour, width);
                        putchar(column + 1 == n_columns ? '\n' : ' ');
                }
        }
}

struct Progress {
        const char *label;
        char *detail;
        sd_event_source *timer;
        uint64_t begin_usec;
        bool shown;
};

static int progress_on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        Progress *p = userdata;
        int r;

        fprintf(stderr, "\r\033[K%s", p->label);
        if (p->detail) {
                fputs(" (", stderr);
                print_text(stderr, p->detail, 0);
                fputc(')', stderr);
        }
        fprintf(stderr, ", %us", (unsigned) ((usec - p->begin_usec) / USEC_PER_SEC));
        fflush(stderr);
        p->shown = true;

        r = sd_event_source_set_time(s, usec + USEC_PER_SEC);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

int progress_new(sd_event *event, const char *label, Progress **ret) {
        _cleanup_(progress_freep) Progress *p = NULL;
        int r;

        if (!isatty(STDERR_FILENO)) {
                *ret = NULL;
                return 0;
        }

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        p->label = label;
        r = sd_event_now(event, CLOCK_MONOTONIC, &p->begin_usec);
        if (r < 0)
                return r;
        r = sd_event_add_time(event, &p->timer, CLOCK_MONOTONIC, p->begin_usec + USEC_PER_SEC, 0,
                              progress_on_timer, p);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

void progress_set_detail(Progress *p, const char *detail) {
        if (!p)
                return;
        free(p->detail);
        p->detail = strdup(detail);
}

Progress *progress_free(Progress *p) {
        if (!p)
                return NULL;
        if (p->shown)
                fputs("\r\033[K", stderr);
        sd_event_source_disable_unref(p->timer);
        free(p->detail);
        free(p);
        return NULL;
}
