#pragma once

/* From what Apache says and what the jail's configuration adds to the plan of a jail. */

#include "apache.h"
#include "plan.h"

/* Files are taken from the tree that Apache was asked in. Everything that Apache names and that is not there is an error
 * with Apache's file and line.
 * Returns 0 and a plan with its launch record complete, which the caller frees; -ENOMEM; or an errno with *reterr set. */
int planner_make(const JailConfig *config, const Apache *apache, Plan **ret, char **reterr);
