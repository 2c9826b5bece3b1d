#include "network.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base.h"

static int jail_fd = -EBADF;

static int network_open(void) {
        int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

static int loopback_up(void) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

        return fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0 ? -errno : 0;
}

int network_new(void) {
        _cleanup_close_ int fd = -EBADF;
        int own_fd = network_open(), r;

        if (own_fd < 0)
                return own_fd;
        if (unshare(CLONE_NEWNET) < 0) {
                r = -errno;
                close_fd(own_fd);
                return r;
        }
        r = loopback_up();
        if (r >= 0)
                r = fd = network_open();
        network_leave(own_fd);
        return r < 0 ? r : TAKE_FD(fd);
}

int network_enter(int namespace_fd) {
        _cleanup_close_ int own_fd = network_open();

        if (own_fd < 0)
                return own_fd;
        return setns(namespace_fd, CLONE_NEWNET) < 0 ? -errno : TAKE_FD(own_fd);
}

void network_leave(int own_fd) {
        /* Who stayed in there would from now on listen where nobody comes. */
        if (setns(own_fd, CLONE_NEWNET) < 0)
                abort();
        close_fd(own_fd);
}

int network_of_jail(void) {
        if (jail_fd < 0)
                jail_fd = network_new();
        return jail_fd;
}

void network_forget(void) {
        jail_fd = close_fd(jail_fd);
}
