#pragma once

#include "apache.h"
#include "launch.h"

/* What a trace asks for where nothing is said: the root of each listener, and of each virtual host with a name. Returns 0
 * and an array for strv_free(), or -ENOMEM. */
int trace_urls(const Apache *apache, const Launch *launch, char ***ret);
