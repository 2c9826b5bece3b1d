#pragma once

/* What is known about paths that programs look for. */

#include "diagnosis.h"

typedef struct DiagnosisRule {
        /* As fnmatch(3) has it; a star takes slashes, too. */
        const char *pattern;
        /* Where the host has it. */
        FindingWeight weight;
        const char *why;
} DiagnosisRule;

/* The first that matches, or NULL. */
const DiagnosisRule *diagnosis_rule(const char *path);
