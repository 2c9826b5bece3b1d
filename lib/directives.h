#pragma once

/* Questions about Apache's directives as apache_parse_directives() has them: which one counts where, and what a section is
 * of. Pure. */

#include "apache.h"

bool directive_is(const ApacheDirective *d, const char *name);

/* The argument at this place, from 0, or "". */
const char *directive_argument(const ApacheDirective *d, size_t i);

/* Whether one of the arguments is this word, in whatever case. */
bool directive_has_argument(const ApacheDirective *d, const char *word);

/* The innermost section of this name around d, or NULL. */
const ApacheDirective *directive_section(const Apache *a, const ApacheDirective *d, const char *name);

/* The last one of this name that is right in the section, which is the one that counts; section: an index, or -1 for the
 * main server. NULL for none. */
const ApacheDirective *directive_last(const Apache *a, ssize_t section, const char *name);

/* The next server after this one: -1, the main server, comes first; then the index of each <VirtualHost>; -1 again at the
 * end. */
ssize_t directive_next_server(const Apache *a, ssize_t server);

/* The directive that counts for a server: its own, or the main server's. NULL for neither. */
const ApacheDirective *directive_of_server(const Apache *a, ssize_t server, const char *name);
