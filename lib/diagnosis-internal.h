#pragma once

/* What the parts of the diagnosis share: diagnosis.c gathers, diagnosis-explain.c explains. */

#include "diagnosis.h"

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
        /* "/", which binds are from; and that of the tree which the jail's own files are from, the same or Source=. */
        int host_fd;
        int source_fd;
        /* Paths that were there, sorted; and their last parts. */
        const char **found;
        const char **found_names;
        size_t n_found;
        Diagnosis *diagnosis;
} Diagnose;

/* It would be written, and the place is read-only or not there. */
static inline bool miss_is_read_only(const TraceFile *t) {
        return t->error == EROFS || (t->writes && t->error == ENOENT);
}

static inline const char *path_last_part(const char *path) {
        return strrchr(path, '/') + 1;
}

/* diagnosis-explain.c */

/* Fill in a finding for a path that was missed: its object, and where it is on the host, are there already. Returns 0,
 * -ENOMEM, or an errno. */
int diagnosis_explain(const Diagnose *d, const Miss *m, TraceFinding *f);

/* Where the jail's path is on the host. Returns 0 with *ret NULL where the place is the jail's own, or the host has
 * nothing there; or -ENOMEM. */
int diagnosis_find_on_host(const Diagnose *d, const char *path, char **ret);

/* A line to add; none where the value could not be one. Return 0 or -ENOMEM. */
int diagnosis_add_line(TraceFinding *f, const char *section, const char *key, const char *value);
int diagnosis_add_exec_lines(const Diagnose *d, const char *path, TraceFinding *f);

/* Formatted; NULL when out of memory. */
char *diagnosis_why(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* diagnosis.c */

bool diagnosis_was_found(const Diagnose *d, const char *path);
/* A library of that name, in any folder. */
bool diagnosis_was_found_elsewhere(const Diagnose *d, const char *path);
bool diagnosis_is_library(const char *path);
