#pragma once

/* Folders as a whole, through descriptors. */

#include "strv.h"

/* The names in a folder, without "." and "..", sorted; fd stays as it is. Returns 0 and an array for strv_free(), or an errno. */
int folder_list(int fd, char ***ret);

/* Remove a file, or a folder with all that is in it; no link is followed and no other file system entered.
 * Returns 0, also when there is none, or an errno. */
int folder_remove(int parent_fd, const char *name);
