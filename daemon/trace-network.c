#include "trace-network.h"

#include <linux/rtnetlink.h>
#include <net/if.h>

#include "network.h"
#include "reterr.h"

static bool is_loopback(const Address *a) {
        return a->sa.sa_family == AF_INET ? ntohl(a->in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
                                          : IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
}

/* rtnetlink(7). Without duplicate address detection, which would make an IPv6 address wait. */
static int add_address(const Address *a) {
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        bool is_ipv6 = a->sa.sa_family == AF_INET6;
        const void *address = is_ipv6 ? (const void *) &a->in6.sin6_addr : &a->in.sin_addr;
        size_t size = is_ipv6 ? sizeof(a->in6.sin6_addr) : sizeof(a->in.sin_addr);
        struct {
                struct nlmsghdr header;
                struct ifaddrmsg message;
                struct rtattr attribute;
                char address[sizeof(struct in6_addr)];
        } request = {
                .header = { .nlmsg_len = (uint32_t) (offsetof(typeof(request), address) + size),
                            .nlmsg_type = RTM_NEWADDR,
                            .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL },
                .message = { .ifa_family = (uint8_t) a->sa.sa_family,
                             .ifa_prefixlen = (uint8_t) (8 * size),
                             .ifa_flags = IFA_F_NODAD,
                             .ifa_index = if_nametoindex("lo") },
                .attribute = { .rta_len = (uint16_t) RTA_LENGTH(size), .rta_type = IFA_LOCAL },
        };
        struct {
                struct nlmsghdr header;
                struct nlmsgerr error;
                char request[sizeof(request)];
        } answer = {};

        memcpy(request.address, address, size);
        if (fd < 0 || send(fd, &request, request.header.nlmsg_len, 0) < 0 ||
            recv(fd, &answer, sizeof(answer), 0) < 0)
                return -errno;
        return answer.header.nlmsg_type != NLMSG_ERROR ? -EBADMSG
               : answer.error.error == -EEXIST         ? 0
                                                       : answer.error.error;
}

static int fill(const ListenPair *pairs, size_t n, Listeners **ret, char **reterr) {
        for (size_t i = 0; i < n; i++) {
                const Address *a = &pairs[i].outside;
                char buf[ADDRESS_STRING_MAX];
                int r = address_is_wildcard(a) || is_loopback(a) ? 0 : add_address(a);

                if (r < 0)
                        return reterr_set(reterr, r,
                                          "cannot have the address of %s in a network of its own: %s",
                                          address_to_string(a, buf), strerror(-r));
        }
        return listeners_open(pairs, n, NULL, ret, reterr);
}

int trace_network_open(const ListenPair *pairs, size_t n, Listeners **ret, int *ret_namespace_fd,
                       char **reterr) {
        _cleanup_close_ int fd = network_new();
        int own_fd = fd < 0 ? fd : network_enter(fd), r;

        if (own_fd < 0)
                return reterr_set(reterr, own_fd, "cannot make a network of its own: %s", strerror(-own_fd));
        r = fill(pairs, n, ret, reterr);
        network_leave(own_fd);
        if (r < 0)
                return r;
        *ret_namespace_fd = TAKE_FD(fd);
        return 0;
}

int trace_network_connect(int namespace_fd, const Address *a) {
        _cleanup_close_ int fd = -EBADF;
        int own_fd = network_enter(namespace_fd), r = 0;

        if (own_fd < 0)
                return own_fd;
        /* What listens there is on the same loopback: it is connected or refused at once. */
        fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, &a->sa, address_length(a)) < 0)
                r = -errno;
        network_leave(own_fd);
        return r < 0 ? r : TAKE_FD(fd);
}
