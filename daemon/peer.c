#include "peer.h"

#include <sys/socket.h>

/* Returns a boolean or an errno. */
static int has_supplementary_group(int fd, gid_t group) {
        _cleanup_free_ gid_t *groups = NULL;
        socklen_t length = 0;

        /* The first call says how long the list is. */
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &length) < 0 && errno != ERANGE)
                return -errno;
        if (length == 0)
                return false;
        groups = malloc(length);
        if (!groups)
                return -ENOMEM;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) < 0)
                return -errno;
        for (size_t i = 0; i < length / sizeof(gid_t); i++)
                if (groups[i] == group)
                        return true;
        return false;
}

int peer_identify(int fd, gid_t group, Peer *ret) {
        struct ucred peer;
        socklen_t length = sizeof(peer);
        int may_change;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
                return -errno;
        may_change = peer.uid == 0 || (group != (gid_t) -1 && peer.gid == group);
        if (!may_change && group != (gid_t) -1)
                may_change = has_supplementary_group(fd, group);
        if (may_change < 0)
                return may_change;
        *ret = (Peer){ .pid = peer.pid, .uid = peer.uid, .may_change = may_change };
        return 0;
}
