#pragma once

/* Clients that ask for pages, over and over, until they are told to stop: what a server does while it is looked at. */

#include "base.h"

typedef struct Visitors Visitors;

typedef struct VisitorsCount {
        /* Replies with status 200 to HTTP/1.1 and to HTTP/2. */
        unsigned http1;
        unsigned http2;
        unsigned compressed;
        unsigned other;
        /* What the first of the others was, or "". */
        char first_other[128];
} VisitorsCount;

/* One thread each, which goes through the URLs (NULL-terminated, kept by reference) and accepts any certificate. */
Visitors *visitors_start(const char *const *urls, unsigned n_threads);
VisitorsCount visitors_stop(Visitors *v);
