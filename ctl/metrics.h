#pragma once

/* The figures of all jails for those who collect such. */

#include "info.h"

typedef enum MetricsFormat {
        /* Prometheus' own, which the textfile collector of its node exporter reads (version 0.0.4). */
        METRICS_TEXT,
        METRICS_OPENMETRICS,
} MetricsFormat;

/* Returns 0 or -EIO. */
int metrics_print(FILE *f, MetricsFormat format, JailInfo *const *infos);

/* Read one HTTP request and answer it: GET or HEAD of /metrics, in the format that it accepts. For a process per connection,
 * of somebody without privileges. What the client may get wrong it is told; who does not send a whole request is the
 * service manager's to end. Returns 0, or an errno where no answer was possible. */
int metrics_serve(int in_fd, int out_fd);
