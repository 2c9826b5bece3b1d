#include "trace-network.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/ipv6.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "reterr.h"

static int loopback_up(void) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

        return fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0 ? -errno : 0;
}

static bool is_loopback(const Address *a) {
        return a->sa.sa_family == AF_INET ? ntohl(a->in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
                                          : IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
}

/* netdevice(7): an alias holds one more IPv4 address; IPv6 takes as many as one likes. */
static int add_address(const Address *a, unsigned alias) {
        _cleanup_close_ int fd = socket(a->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq ifr = {};

        if (fd < 0)
                return -errno;
        if (a->sa.sa_family == AF_INET6) {
                struct in6_ifreq request = { .ifr6_addr = a->in6.sin6_addr,
                                             .ifr6_prefixlen = 128,
                                             .ifr6_ifindex = 1 };

                return ioctl(fd, SIOCSIFADDR, &request) < 0 && errno != EEXIST ? -errno : 0;
        }
        snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "lo:%u", alias);
        memcpy(&ifr.ifr_addr, &a->in, sizeof(a->in));
        if (ioctl(fd, SIOCSIFADDR, &ifr) < 0)
                return errno == EEXIST ? 0 : -errno;
        ((struct sockaddr_in *) &ifr.ifr_netmask)->sin_addr.s_addr = INADDR_BROADCAST;
        return ioctl(fd, SIOCSIFNETMASK, &ifr) < 0 ? -errno : 0;
}

static int fill(const ListenPair *pairs, size_t n, Listeners **ret, char **reterr) {
        int r = loopback_up();

        if (r < 0)
                return reterr_set(reterr, r, "cannot bring up a loopback: %s", strerror(-r));
        for (size_t i = 0; i < n; i++) {
                const Address *a = &pairs[i].outside;
                char buf[ADDRESS_STRING_MAX];

                if (address_is_wildcard(a) || is_loopback(a))
                        continue;
                r = add_address(a, (unsigned) i + 1);
                if (r < 0)
                        return reterr_set(reterr, r,
                                          "cannot have the address of %s in a network of its own: %s",
                                          address_to_string(a, buf), strerror(-r));
        }
        return listeners_open(pairs, n, NULL, ret, reterr);
}

int trace_network_open(const ListenPair *pairs, size_t n, Listeners **ret, int *ret_namespace_fd,
                       char **reterr) {
        _cleanup_close_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fd = -EBADF;
        _cleanup_(listeners_freep) Listeners *listeners = NULL;
        int r;

        if (own < 0 || unshare(CLONE_NEWNET) < 0)
                return reterr_set(reterr, -errno, "cannot make a network of its own: %s", strerror(errno));
        r = fill(pairs, n, &listeners, reterr);
        fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        if (fd < 0 && r >= 0)
                r = -errno;
        if (setns(own, CLONE_NEWNET) < 0)
                return reterr_set(reterr, -errno, "cannot go back to the host's network: %s",
                                  strerror(errno));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(listeners);
        *ret_namespace_fd = TAKE_FD(fd);
        return 0;
}

int trace_network_connect(int namespace_fd, const Address *a) {
        _cleanup_close_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fd = -EBADF;
        int r = 0;

        if (own < 0 || setns(namespace_fd, CLONE_NEWNET) < 0)
                return -errno;
        /* What listens there is on the same loopback: it is connected or refused at once. */
        fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, &a->sa, address_length(a)) < 0)
                r = -errno;
        if (setns(own, CLONE_NEWNET) < 0)
                return -errno;
        return r < 0 ? r : TAKE_FD(fd);
}
