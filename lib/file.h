#pragma once

/* Files as a whole. */

#include <sys/types.h>

#include "base.h"

/* Read an open regular file of at most max bytes; a zero byte is put behind it. ret_size may be NULL. Returns 0 and what the
 * caller frees; -EFBIG; -ENOMEM; or the errno of reading it. */
int file_load_fd(int fd, size_t max, char **ret, size_t *ret_size);

/* The same of one beneath root_fd (rootpath.h); or the errno of opening it. */
int file_load(int root_fd, const char *path, size_t max, char **ret, size_t *ret_size);

/* Whether two open files are the same, from their first byte to the last. Returns a boolean or an errno. */
int file_equals(int a_fd, int b_fd);

/* Make path anew, relative to dir_fd or AT_FDCWD: fill writes the file beside it, under a name that nobody else has put a link at,
 * and it takes the place of the old one when it is on the disk. Until then the old one is there, whole. fill returns 0 or an
 * errno. Returns 0 or an errno. */
int file_replace(int dir_fd, const char *path, mode_t mode, int (*fill)(FILE *f, void *userdata),
                 void *userdata);
