#pragma once

/* Apache selects a virtual host by the address that a connection really came in on. Where the supervisor listens on
 * another port than Apache believes (Listen=127.0.0.1:8080 80), <VirtualHost *:80> would never match: the jail's
 * copy of that line gets the real port. Pure text. */

#include "address.h"

/* Whether any pair is such that lines may need a change. */
bool vhost_ports_differ(const ListenPair *pairs, size_t n_pairs);

/* Rewrite line number (from 1) of a configuration file, which opens a virtual host.
 * Returns 1 and the new text, which the caller frees; 0 when nothing needs a change; -ENOENT when there is no such line;
 * -EINVAL when it is not a literal <VirtualHost ADDRESS:PORT …>; or -ENOMEM. */
int vhost_ports_edit(const char *text, unsigned number, const ListenPair *pairs, size_t n_pairs, char **ret);
