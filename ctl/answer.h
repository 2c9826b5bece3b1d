#pragma once

/* Whether a server answers, in whatever words: the least that must be true before it takes another one's place. */

#include "address.h"

/* Ask each address for anything, with one deadline for all. A status of any kind counts, and so does TLS's refusal of a
 * plain request. Returns 0, -ETIMEDOUT, or the errno of the connection, with which address it was in *reterr. */
int answer_check(const ListenPair *listens, size_t n, unsigned timeout_seconds, char **reterr);
