#pragma once

/* What the machine's own loader says that it would map, to compare with. Only tests ask it: it runs code of the file. */

#include "strv.h"

/* Append every path that the loader lists for a program or shared object of the host. interpreter: its PT_INTERP.
 * A failure, and a library that the loader does not find, end the test. */
void loader_trace(const char *interpreter, const char *path, char ***paths);
