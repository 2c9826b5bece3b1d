#pragma once

/* Who is at the other end of a connection: the kernel's word, taken when it connected. */

#include <sys/types.h>

#include "base.h"

typedef struct Peer {
        pid_t pid;
        uid_t uid;
        /* Root, or a member of the group. */
        bool may_change;
} Peer;

/* fd is a connected AF_UNIX stream socket; group is (gid_t) -1 where there is none. Returns 0 or an errno. */
int peer_identify(int fd, gid_t group, Peer *ret);
