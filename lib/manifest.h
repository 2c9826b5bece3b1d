#pragma once

/* The manifest of a root: mtree(5) with SHA-256, written by libarchive, so that bsdtar and mtree(8) read it as well. The
 * same tree gives the same bytes. */

#include "plan.h"

/* Describe what is in root_fd, which stage_write() made of the plan, to f.
 * Returns 0, -ENOMEM, or an errno; *reterr is set. */
int manifest_write(const Plan *plan, int root_fd, FILE *f, char **reterr);
