#include "fence.h"

#include <linux/filter.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* The filter of a TCP socket sees a segment from its header on; that of the network is before it. */
#define LOAD_SOURCE_PORT      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct tcphdr, th_sport))
#define LOAD_DESTINATION_PORT BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct tcphdr, th_dport))
#define LOAD_SEQUENCE         BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct tcphdr, th_seq))
#define LOAD_FLAGS(mask)                                                                                    \
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, offsetof(struct tcphdr, th_flags)),                              \
                        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (mask))
#define LOAD_NETWORK(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t) SKF_NET_OFF + (at))

#define SKIP_UNLESS(k, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), 0, (n))
#define DROP              BPF_STMT(BPF_RET | BPF_K, 0)
#define DROP_IF(k)        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), 0, 1), DROP
#define DROP_UNLESS(k)    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), 1, 0), DROP
#define KEEP              BPF_STMT(BPF_RET | BPF_K, UINT32_MAX)

/* Offsets of the source address. */
#define IPV4_SOURCE 12
#define IPV6_SOURCE 8

static int attach(int fd, struct sock_filter *code, size_t n) {
        const struct sock_fprog program = { (unsigned short) n, code };

        return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno : 0;
}

static int attach_for_good(int fd, struct sock_filter *code, size_t n) {
        int r = attach(fd, code, n);

        return r >= 0 && setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &(int){ 1 }, sizeof(int)) < 0 ? -errno
                                                                                                  : r;
}

int fence_listening(int fd, uint16_t port) {
        struct sock_filter code[] = {
                LOAD_DESTINATION_PORT,
                DROP_UNLESS(port),
                /* "Welcome", to somebody who wanted to go out. */
                LOAD_FLAGS(TH_SYN | TH_ACK | TH_RST),
                DROP_IF(TH_SYN | TH_ACK),
                /* "Nobody is here": the one reset without a sequence number (RFC 9293, 3.5.2). Who knocks at closed
                 * ports shall not learn which they are. */
                SKIP_UNLESS(TH_RST | TH_ACK, 3),
                LOAD_SEQUENCE,
                DROP_IF(0),
                KEEP,
        };

        return attach(fd, code, ELEMENTSOF(code));
}

static int fence_connection_ipv4(int fd, uint32_t source, uint16_t port) {
        struct sock_filter code[] = {
                LOAD_SOURCE_PORT, DROP_UNLESS(port), LOAD_NETWORK(IPV4_SOURCE), DROP_UNLESS(source), KEEP,
        };

        return attach_for_good(fd, code, ELEMENTSOF(code));
}

static int fence_connection_ipv6(int fd, const struct in6_addr *source, uint16_t port) {
        const uint32_t *word = source->s6_addr32;
        struct sock_filter code[] = {
                LOAD_SOURCE_PORT,
                DROP_UNLESS(port),
                LOAD_NETWORK(IPV6_SOURCE),
                DROP_UNLESS(ntohl(word[0])),
                LOAD_NETWORK(IPV6_SOURCE + 4),
                DROP_UNLESS(ntohl(word[1])),
                LOAD_NETWORK(IPV6_SOURCE + 8),
                DROP_UNLESS(ntohl(word[2])),
                LOAD_NETWORK(IPV6_SOURCE + 12),
                DROP_UNLESS(ntohl(word[3])),
                KEEP,
        };

        return attach_for_good(fd, code, ELEMENTSOF(code));
}

/* The kernel takes "any" for loopback; and where the address is one of IPv4 in IPv6, it is IPv4 that arrives. */
int fence_connection(int fd, const Address *peer) {
        const struct in6_addr *ipv6 = &peer->in6.sin6_addr;
        bool is_any = address_is_wildcard(peer);
        uint16_t port = address_port(peer);

        if (peer->sa.sa_family == AF_INET)
                return fence_connection_ipv4(fd, is_any ? INADDR_LOOPBACK : ntohl(peer->in.sin_addr.s_addr),
                                             port);
        if (IN6_IS_ADDR_V4MAPPED(ipv6))
                return fence_connection_ipv4(fd, ntohl(ipv6->s6_addr32[3]), port);
        return fence_connection_ipv6(fd, is_any ? &in6addr_loopback : ipv6, port);
}
