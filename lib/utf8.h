#pragma once

/* D-Bus and JSON take UTF-8 and nothing else; Apache's messages, names of files and an administrator's text are bytes. */

#include "base.h"

/* A copy of s, NULL standing for "", with each byte that is no part of valid UTF-8 made '?'. The caller frees; NULL:
 * out of memory. */
char *utf8_copy(const char *s);
