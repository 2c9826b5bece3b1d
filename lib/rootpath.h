#pragma once

/* Paths inside of a tree that has its own '/': symbolic links, absolute ones too, never lead out of it. */

#include <sys/stat.h>

#include "base.h"

/* Open path with openat2(2) and RESOLVE_IN_ROOT; O_CLOEXEC is added. Returns a descriptor or a negative errno. */
int rootpath_open(int root_fd, const char *path, int flags);

/* The same with what root does for others in mind: whoever owns a folder can put a link there to what is not his. So the links of
 * a user are followed only to what is that user's as well, or to a regular file that everybody may read; those of root to
 * anything. Otherwise -ELOOP. */
int rootpath_open_owned(int root_fd, const char *path, int flags);

/* Open a file to read it, as above, only if it is a regular one; a FIFO or a device is not touched. ret_st: its fstat(2).
 * Returns a descriptor; -EISDIR, -ENXIO (a FIFO, device or socket), or the errno of openat2(2). */
int rootpath_open_regular(int root_fd, const char *path, struct stat *ret_st);

/* realpath(3) inside of the tree. Returns 0 and an absolute path without links that the caller frees, -ENOENT, -ELOOP,
 * -ENAMETOOLONG, -ENOMEM, or the errno of readlinkat(2). */
int rootpath_resolve(int root_fd, const char *path, char **ret);

/* The path without "." and "//", and without "..", which is taken off what the part before it resolves to. */
int rootpath_normalise(int root_fd, const char *path, char **ret);

/* Whether a path lies in a folder, at any depth; or is that folder, too. Both are absolute and normalised, but that the folder may
 * end with a slash. */
bool path_is_beneath(const char *path, const char *folder);
bool path_is_at_or_beneath(const char *path, const char *folder);
