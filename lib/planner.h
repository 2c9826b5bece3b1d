#pragma once

/* From what Apache says and what the jail's configuration adds to the plan of a jail. */

#include "apache.h"
#include "plan.h"

/* Why a plan has the files of Apache's configuration, and the folders that are included whole. */
#define PLANNER_WHY_CONFIGURATION   "Apache's configuration"
#define PLANNER_WHY_INCLUDED        "included by Apache's configuration"
#define PLANNER_WHY_INCLUDED_FOLDER "a folder that is included whole"
/* Behind the name of a file of which the jail's copy is another. */
#define PLANNER_WHY_PORTS ", with the ports of <VirtualHost> as the jail's Listen= has them outside"

/* Files are taken from the tree that Apache was asked in. Everything that Apache names and that is not there is an error
 * with Apache's file and line.
 * Returns 0 and a plan with its launch record complete, which the caller frees; -ENOMEM; or an errno with *reterr set. */
int planner_make(const JailConfig *config, const Apache *apache, Plan **ret, char **reterr);
