#pragma once

/* Folders as a whole, through descriptors. */

#include "strv.h"

/* The names in a folder, without "." and "..", sorted; fd stays as it is. Returns 0 and an array for strv_free(), or an errno. */
int folder_list(int fd, char ***ret);

/* Set or clear the immutable flag of what fd has open. Returns 0, also where the file system or the host knows no such thing, or
 * an errno. */
int folder_set_immutable(int fd, bool on);

/* Remove a file, or a folder with all that is in it; no link is followed and no other file system entered; immutable flags
 * are taken off.
 * Returns 0, also when there is none, or an errno. */
int folder_remove(int parent_fd, const char *name);
