#pragma once

/* Programs and libraries without what only a debugger reads: Strip=yes. It is strip(1) of the host that rewrites them, because
 * nothing of our own shall write ELF; confined, because it reads more of a file than any loader. */

#include "base.h"

/* What from_fd, at its beginning, has without its symbols, to to_fd. Returns 1; 0 where there is nothing to strip, and nothing
 * was written; or an errno, with the reason in *reterr where there is more to say. */
int strip_copy(int from_fd, int to_fd, char **reterr);
