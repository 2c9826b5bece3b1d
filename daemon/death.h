#pragma once

/* How a process ended, in words that say what to look for. */

#include "base.h"

#define DEATH_WORDS_MAX 96

/* What the kernel killed for want of memory before now is not ours. */
void death_open(void);

/* status is as waitpid(2) has it: "ended with status 3", "killed by SIGSEGV, core not kept", "killed by the kernel,
 * which was out of memory". Returns ret. */
const char *death_describe(int status, char ret[static DEATH_WORDS_MAX]);
