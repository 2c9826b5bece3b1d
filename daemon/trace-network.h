#pragma once

/* The network of a trace: a namespace of its own with nothing but a loopback, which has the jail's addresses. So the
 * throw-away instance listens where the real one does, and neither that one nor the world sees it. */

#include "listeners.h"

/* Make it, and the sockets in it. Returns 0 and a descriptor of the namespace for setns(2), or an errno with one line in
 * *reterr (caller frees). The process stays in the network it was in. */
int trace_network_open(const ListenPair *pairs, size_t n, Listeners **ret, int *ret_namespace_fd,
                       char **reterr);

/* A connection to an address in there. Returns a descriptor or an errno. */
int trace_network_connect(int namespace_fd, const Address *a);
