#pragma once

/* What plan.c (the entries) and plan-tree.c share. */

#include <limits.h>

#include "plan.h"

/* Resolve a path as plan_resolve() does; where add is the plan, the links and folders on the way are added. follow_last: whether a
 * link at its end is one of them. Returns and *reterr: plan_add_folder(). */
int plan_walk(const Plan *plan, Plan *add, const char *path, PlanWhy why, bool follow_last, char **ret,
              char **reterr);

/* The target of a link in the source tree. Returns 1 and it, 0 for what is no link or not there, or an errno. */
int plan_read_link(const Plan *plan, const char *path, char target[static PATH_MAX]);
