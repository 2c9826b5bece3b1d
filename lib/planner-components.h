#pragma once

/* Files that no directive and no header names, though something in the jail needs them: each component has a trigger, and
 * what it brings. The table is in planner-components.c; the languages are in planner-languages.c, apr-util's drivers in
 * planner-drivers.c. */

#include "closure.h"
#include "planner-internal.h"

/* An entry of the plan and the pattern that it matched: for which the component is added. */
typedef struct ComponentTrigger {
        const PlanEntry *entry;
        /* The last part of its path. */
        const char *name;
} ComponentTrigger;

/* Each returns 0, -ENOMEM, or an errno with *reterr set. */
int component_add_php(Planner *p, const ComponentTrigger *t, char **reterr);
int component_add_perl(Planner *p, const ComponentTrigger *t, char **reterr);
int component_add_drivers(Planner *p, const ComponentTrigger *t, char **reterr);
int component_add_python(Planner *p, const ComponentTrigger *t, char **reterr);

/* A file or folder of the source tree, where it is there. why: one phrase. */
int component_add_optional(Planner *p, const ComponentTrigger *t, const char *path, const char *why,
                           char **reterr);

/* Whether there is something at path in the source tree; *ret_mode may be NULL. */
bool component_exists(const Planner *p, const char *path, mode_t *ret_mode);

/* A folder with libraries in it: those that end in .so, with what they need, as the trigger loads them. What cannot be
 * loaded is copied all the same and remarked. skip: names of what is left out, NULL-terminated, may hold fnmatch(3) patterns. */
int component_add_runtime(Planner *p, const ComponentTrigger *t, const char *folder, const char *const *skip,
                          const char *why, char **reterr);

/* One library that the trigger opens. -ENOENT and the like are errors. */
int component_add_library(Planner *p, const ComponentTrigger *t, const char *path, const char *why,
                          char **reterr);

/* Call fn for each string in a program or library that is an absolute path, until it returns other than 0, which is
 * returned. This is how to learn what is compiled in without running it. */
int component_each_path_in(Planner *p, const char *library, int (*fn)(const char *path, void *userdata),
                           void *userdata, char **reterr);
