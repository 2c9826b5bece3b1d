#pragma once

/* The person's side: colours, messages, tables, and what to look at while something takes its time. */

#include <systemd/sd-event.h>

#include "base.h"

typedef enum Colour {
        COLOUR_NONE,
        COLOUR_GREEN,
        COLOUR_YELLOW,
        COLOUR_RED,
        COLOUR_GREY,
        COLOUR_BOLD,
        COLOUR_UNDERLINE,
        _COLOUR_MAX,
} Colour;

/* The escape sequence for f, or "" where f is no terminal, NO_COLOR is set or TERM is dumb. COLOUR_NONE ends every
 * other one. */
const char *colour_on(FILE *f, Colour colour);

/* Whether the terminal or pipe wants UTF-8. */
bool output_is_utf8(void);

/* Write text that may have come out of a jail: control characters become '?', and each line after the first is
 * indented by that many columns. Without a newline at the end. */
void print_text(FILE *f, const char *text, unsigned indent);

/* "NAME: message" on standard error, both as print_text() has it; message may have several lines. */
void print_error(const char *jail_name, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Cells, row by row; the first row is the header, printed where legend says so. They are printed as print_text() has it, a newline
 * as another control character, and not freed. */
typedef struct TableCell {
        const char *text;
        Colour colour;
} TableCell;

void print_table(const TableCell *cells, size_t n_columns, size_t n_rows, bool legend);

/* A line on standard error with the seconds gone by, from the second second on and on a terminal only; erased by
 * progress_free(). */
typedef struct Progress Progress;

/* Returns 0, with *ret NULL where nobody looks. Label is kept by reference. */
int progress_new(sd_event *event, const char *label, Progress **ret);
/* What it waits for: shown behind the label. Copied. Takes a NULL progress. */
void progress_set_detail(Progress *progress, const char *detail);
Progress *progress_free(Progress *progress);
DEFINE_CLEANUP(Progress *, progress_free)
