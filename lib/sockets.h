#pragma once

/* A socket that another process holds. */

#include <sys/types.h>

#include "address.h"

typedef struct SocketLook {
        /* Inode of the network namespace that it was made in, whatever the process is in. */
        ino_t network_namespace;
        bool is_listening;
        /* AF_UNSPEC where it is no TCP address, or there is none. */
        Address local;
        Address remote;
} SocketLook;

/* Look at descriptor number of the process, which a copy of it is taken for, for a moment; needs CAP_SYS_PTRACE and
 * CAP_NET_ADMIN. Returns 0; -EBADF, -ESRCH: it has gone; -ENOTSOCK; or an errno. */
int socket_look(pid_t pid, int number, SocketLook *ret);
