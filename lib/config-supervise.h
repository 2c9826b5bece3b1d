#pragma once

/* Values of [Supervise] and [Health] that take more than a line to read. Each takes the value and the field as the
 * parsers of config-keys.c do, and returns 0, -ENOMEM or -EINVAL; an empty value forgets the one before. */

#include "base.h"

typedef struct ConfigHealth {
        /* http:// or https://; NULL: no checks. */
        char *url;
        /* Where the URL says that the server listens. */
        uint16_t port;
        uint64_t interval_usec;
        uint64_t timeout_usec;
        /* So many failed checks in a row. */
        unsigned failures;
        /* After a server began to serve, what fails does not count for so long. */
        uint64_t grace_usec;
        unsigned status_min;
        unsigned status_max;
        /* Must be in the body; NULL: any body. */
        char *text;
} ConfigHealth;

void config_health_done(ConfigHealth *h);

/* Field: ConfigHealth. */
int parse_health_url(const char *value, void *field);
/* "STATUS" or "FIRST-LAST"; field: ConfigHealth. */
int parse_health_expect(const char *value, void *field);
int format_health_expect(const void *field, char **ret);
/* A command by its absolute path, and its arguments, at blanks; field: char **. */
int parse_command(const char *value, void *field);
