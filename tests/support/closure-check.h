#pragma once

/* What every test of the closure says. A failure of the helper ends the test. */

#include "closure.h"
#include "tree.h"

/* The closure of a tree, empty. */
Closure *closure_of(const Tree *t);

/* Add the files that must succeed, then compare the paths of all items, in order: paths ends with NULL. */
void check_add(Closure *c, const char *path);
void check_paths(const Closure *c, const char *const *paths);
#define CHECK_PATHS(c, ...) check_paths(c, (const char *const[]){ __VA_ARGS__, NULL })

/* Add a file that must be refused with this errno and with text in its one line of error, leaving the closure as it was. */
void check_refused(Closure *c, const char *path, int error, const char *text);
