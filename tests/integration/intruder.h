#pragma once

/* A process that went into a jail by itself, as shut in as the jail's own but for one thing. */

#include <sys/types.h>

typedef enum IntruderLack {
        INTRUDER_LACKS_NOTHING,
        INTRUDER_LACKS_MOUNT_NAMESPACE,
        INTRUDER_LACKS_PID_NAMESPACE,
        INTRUDER_LACKS_NETWORK_NAMESPACE,
        INTRUDER_LACKS_IPC_NAMESPACE,
        INTRUDER_LACKS_UTS_NAMESPACE,
        INTRUDER_LACKS_CGROUP_NAMESPACE,
        INTRUDER_LACKS_TIME_NAMESPACE,
        INTRUDER_HAS_CAPABILITIES,
        INTRUDER_HAS_BOUNDING_SET,
        INTRUDER_LACKS_NO_NEW_PRIVS,
        INTRUDER_LACKS_SECCOMP,
        INTRUDER_HAS_OTHER_USER,
        INTRUDER_HAS_GROUP,
        INTRUDER_HAS_OPEN_UMASK,
        INTRUDER_IS_DUMPABLE,
        INTRUDER_HAS_HIGH_LIMIT,
        INTRUDER_HAS_OTHER_ROOT,
        INTRUDER_HOLDS_FOLDER,
        INTRUDER_HOLDS_FILE,
        INTRUDER_HOLDS_SOCKET,
        /* On a port of the jail's, and an address that is not. */
        INTRUDER_LISTENS,
        _INTRUDER_MAX,
} IntruderLack;

/* Returns the process, which waits in there. End it with intruder_end(). */
pid_t intruder_start(pid_t master, IntruderLack lack);
void intruder_end(pid_t pid);
