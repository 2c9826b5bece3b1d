#pragma once

/* jaild-inspect, the program that has the room: see ARCHITECTURE.md. */

#include "base.h"

/* Its path: installed, or beside the jaild that the environment names. Returns 0 and a string that the caller frees, or
 * -ENOMEM. */
int inspector_path(char **ret);

/* Run it with these arguments, argv[0] being the command, and wait for its end; standard input and error are ours, and what
 * it writes is returned. Returns 0 with its status as waitpid(2) has it and a string that the caller frees; or an errno, with
 * one line in *reterr (caller frees). */
int inspector_run(char *const *arguments, int *ret_status, char **ret_output, char **reterr);
