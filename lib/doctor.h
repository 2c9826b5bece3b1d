#pragma once

/* Is this host able to jail: what jaild needs of it and what it makes use of, tried where it can be tried. */

#include "base.h"

typedef enum DoctorResult {
        DOCTOR_OK,
        /* There, and less than it could be: what that costs is said. */
        DOCTOR_LESS,
        /* Without it no jail starts. */
        DOCTOR_MISSING,
        /* Only root can tell. */
        DOCTOR_UNKNOWN,
        _DOCTOR_RESULT_MAX,
} DoctorResult;

typedef struct DoctorCheck {
        /* Stable, for programs. */
        const char *id;
        const char *title;
        /* What is lost where it is not well. */
        const char *cost;
        /* What to do then. */
        const char *action;
        /* Returns a result, or -ENOMEM; what was found is in *ret_found, for people, or NULL; the caller frees. */
        int (*run)(char **ret_found);
} DoctorCheck;

/* Returns how many there are. */
size_t doctor_checks(const DoctorCheck **ret);

const char *doctor_result_to_string(DoctorResult result);
