#pragma once

/* What a trace means: of everything that was looked for and not there, what is missed, why, and the configuration that
 * would help. Most misses mean nothing: a loader searches folder after folder, Apache asks for a .htaccess in each. */

#include "config.h"
#include "plan.h"
#include "trace.h"

typedef enum FindingWeight {
        /* Something fails without it. */
        FINDING_NEEDED,
        /* The host has it, so the jail may do otherwise without it. */
        FINDING_WANTED,
        FINDING_HARMLESS,
        _FINDING_WEIGHT_MAX,
} FindingWeight;

/* One line of the jail's configuration. */
typedef struct FindingLine {
        const char *section;
        const char *key;
        char *value;
} FindingLine;

#define FINDING_LINES_MAX 2

typedef struct TraceFinding {
        FindingWeight weight;
        /* A path, an address, or the name of a system call. */
        char *object;
        /* What happened, and when: "not there (openat, 3 times: configtest, start)". */
        char *seen;
        /* The host's file, without symbolic links; NULL where it has none. */
        char *host;
        /* Whoever makes a diagnosis fills it in: packages.h. */
        char *package;
        /* A sentence. */
        char *why;
        /* To be added. */
        FindingLine lines[FINDING_LINES_MAX];
        size_t n_lines;
        /* An Exclude= that is to be taken away; NULL: none. */
        char *exclude;
        /* A new build brings it: it is part of the plan. */
        bool rebuild;
} TraceFinding;

typedef struct Diagnosis {
        /* By weight, then by object. */
        TraceFinding *findings;
        size_t n_findings;
        size_t n_by_weight[_FINDING_WEIGHT_MAX];
} Diagnosis;

Diagnosis *diagnosis_free(Diagnosis *d);
DEFINE_CLEANUP(Diagnosis *, diagnosis_free)

/* launch: of the generation that was traced. plan: what a build would make if nothing were excluded; NULL where it cannot be
 * made. Returns 0 and a diagnosis that the caller frees, -ENOMEM, or an errno with *reterr set. */
int diagnosis_make(const Trace *trace, const JailConfig *config, const Launch *launch, const Plan *plan,
                   Diagnosis **ret, char **reterr);

/* All lines to add, each once, as the text of a drop-in with its sections. Exclude= is emptied and filled again where
 * one is to go. Returns 0 and a string that the caller frees ("" where there is nothing to add), or -ENOMEM. */
int diagnosis_dropin(const Diagnosis *d, const JailConfig *config, char **ret);

const char *finding_weight_to_string(FindingWeight weight);
