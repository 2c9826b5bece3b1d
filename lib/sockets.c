#include "sockets.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

static void read_address(int fd, int (*get)(int, struct sockaddr *, socklen_t *), Address *ret) {
        struct sockaddr_storage storage;
        socklen_t length = sizeof(storage);

        if (get(fd, (struct sockaddr *) &storage, &length) < 0 ||
            address_from_sockaddr(&storage, length, ret) < 0)
                *ret = (Address){};
}

int socket_look(pid_t pid, int number, SocketLook *ret) {
        _cleanup_close_ int process_fd = -EBADF, fd = -EBADF, namespace_fd = -EBADF;
        int is_listening = 0;
        socklen_t length = sizeof(is_listening);
        struct stat st;

        process_fd = pidfd_open(pid, 0);
        if (process_fd < 0)
                return -errno;
        fd = pidfd_getfd(process_fd, number, 0);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISSOCK(st.st_mode))
                return -ENOTSOCK;
        namespace_fd = ioctl(fd, SIOCGSKNS);
        if (namespace_fd < 0 || fstat(namespace_fd, &st) < 0)
                return -errno;
        ret->network_namespace = st.st_ino;
        ret->is_listening = getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &length) == 0 &&
                            is_listening;
        read_address(fd, getsockname, &ret->local);
        read_address(fd, getpeername, &ret->remote);
        return 0;
}
