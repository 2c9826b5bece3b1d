#pragma once

/* Making a generation, for the verbs that do. */

#include <json-c/json.h>

#include "config.h"
#include "generation.h"

/* What a build has to tell. */
typedef struct BuildResult {
        unsigned generation;
        StageStats stats;
        uint64_t duration_usec;
} BuildResult;

/* Load the configuration and check that we are root. Says what is wrong. Returns an exit status; CTL_EXIT_DONE with a
 * config that the caller frees. */
int builder_begin(const char *name, JailConfig **ret);

/* Ask Apache, and plan. Returns 0 and a plan that the caller frees, or an errno; *reterr is set, but for -ENOMEM. */
int builder_make_plan(const JailConfig *config, Plan **ret, char **reterr);

/* The same, and write it as the next generation, with a bar on the terminal where it takes its time. */
int builder_run(GenerationStore *store, const JailConfig *config, Plan **ret_plan, BuildResult *ret,
                char **reterr);

/* Remove what Keep= does not keep. Returns 0 or an errno with *reterr set. */
int builder_prune(GenerationStore *store, const JailConfig *config, char **reterr);

void builder_print_warnings(const Plan *plan);

/* The caller puts them. */
json_object *builder_result_to_json(const char *name, const Plan *plan, const BuildResult *result);
json_object *builder_strv_to_json(char *const *v);
