#pragma once

/* NULL-terminated arrays of strings, as execve(2) takes them. */

#include "base.h"

/* Frees the array and its strings; takes NULL. Returns NULL. */
char **strv_free(char **v);
DEFINE_CLEANUP(char **, strv_free)
#define _cleanup_strv_free_ _cleanup_(strv_freep)

size_t strv_length(char *const *v);
bool strv_contains(char *const *v, const char *s);

/* Append a copy of s. Returns 0 or -ENOMEM, *v is whole either way. */
int strv_extend(char ***v, const char *s);

/* The value of NAME in an array of NAME=VALUE, or NULL. Owned by the array. */
const char *strv_env_get(char *const *v, const char *name);

/* Replace NAME in an array of NAME=VALUE, or append it. Returns 0 or -ENOMEM. */
int strv_env_set(char ***v, const char *name, const char *value);

/* The same for each NAME=VALUE of assignments, which may be NULL. Returns 0 or -ENOMEM. */
int strv_env_merge(char ***v, char *const *assignments);
