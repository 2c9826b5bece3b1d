#pragma once

/* The habits of json-c that the records beside a generation share: additions that own what they take, and strict
 * readers. Whoever reads knows the file's key at fault from what was asked for last. */

#include <json-c/json.h>

#include "base.h"

DEFINE_CLEANUP(json_object *, json_object_put)

/* Each consumes value, which may be NULL: out of memory. Return 0 or -ENOMEM. */
int json_add(json_object *o, const char *key, json_object *value);
int json_append(json_object *array, json_object *value);
/* An array of strings; values may be NULL. */
int json_add_strv(json_object *o, const char *key, char *const *values);

/* Return 0, or -EBADMSG where the key is missing or of another type, or the number is out of the range. */
int json_get_string(json_object *o, const char *key, const char **ret);
int json_get_int(json_object *o, const char *key, int64_t min, int64_t max, int64_t *ret);
int json_get_array(json_object *o, const char *key, json_object **ret);
/* The same, copied; or -ENOMEM. */
int json_get_copy(json_object *o, const char *key, char **ret);
int json_get_strv(json_object *o, const char *key, char ***ret);

/* Write as text for people, too, with a newline at the end. Returns 0 or the errno of writing. */
int json_write(json_object *o, FILE *f);
