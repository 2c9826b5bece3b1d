#pragma once

/* What the two files of the configuration share: its keys (config-keys.c), and the files that it is read from (config.c). */

#include "config.h"

/* A configuration with nothing but defaults, or NULL where there is no memory. */
JailConfig *config_new(const char *name);

/* A key that adds to what was there; an empty value begins anew. */
bool config_key_is_list(const ConfigKey *key);
