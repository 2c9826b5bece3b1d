#include "address.h"

#include <arpa/inet.h>

static int port_parse(const char *s, uint16_t *ret) {
        unsigned long port;
        char *end;

        if (*s < '0' || *s > '9')
                return -EINVAL;
        errno = 0;
        port = strtoul(s, &end, 10);
        if (errno || *end || port == 0 || port > UINT16_MAX)
                return -EINVAL;
        *ret = (uint16_t) port;
        return 0;
}

int address_parse(const char *s, Address *ret) {
        const char *colon = strrchr(s, ':');
        char host[INET6_ADDRSTRLEN];
        Address a = {};
        uint16_t port;
        size_t n;
        int r;

        r = port_parse(colon ? colon + 1 : s, &port);
        if (r < 0)
                return r;

        n = colon ? (size_t) (colon - s) : 0;
        if (!colon || (n == 1 && s[0] == '*'))
                a.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
        else if (n >= 2 && s[0] == '[' && s[n - 1] == ']') {
                if (n - 2 >= sizeof(host))
                        return -EINVAL;
                memcpy(host, s + 1, n - 2);
                host[n - 2] = '\0';
                a.in6.sin6_family = AF_INET6;
                if (inet_pton(AF_INET6, host, &a.in6.sin6_addr) != 1)
                        return -EINVAL;
        } else {
                if (n >= sizeof(host))
                        return -EINVAL;
                memcpy(host, s, n);
                host[n] = '\0';
                a.in.sin_family = AF_INET;
                if (inet_pton(AF_INET, host, &a.in.sin_addr) != 1)
                        return -EINVAL;
        }
        address_set_port(&a, port);
        *ret = a;
        return 0;
}

int listen_pair_parse(const char *s, ListenPair *ret) {
        _cleanup_free_ char *copy = strdup(s);
        const char *outside, *inside, *extra;
        ListenPair pair;
        char *save;
        int r;

        if (!copy)
                return -ENOMEM;
        outside = strtok_r(copy, " \t", &save);
        inside = strtok_r(NULL, " \t", &save);
        extra = strtok_r(NULL, " \t", &save);
        if (!outside || extra)
                return -EINVAL;
        r = address_parse(outside, &pair.outside);
        if (r < 0)
                return r;
        r = address_parse(inside ?: outside, &pair.inside);
        if (r < 0)
                return r;
        *ret = pair;
        return 0;
}

int address_from_sockaddr(const void *sa, size_t len, Address *ret) {
        Address a = {};
        sa_family_t family;

        if (len < sizeof(family))
                return -EINVAL;
        memcpy(&family, sa, sizeof(family));
        switch (family) {
        case AF_INET:
                if (len < sizeof(a.in))
                        return -EINVAL;
                memcpy(&a.in, sa, sizeof(a.in));
                break;
        case AF_INET6:
                if (len < sizeof(a.in6))
                        return -EINVAL;
                memcpy(&a.in6, sa, sizeof(a.in6));
                break;
        default:
                return -EAFNOSUPPORT;
        }
        *ret = a;
        return 0;
}

socklen_t address_length(const Address *a) {
        return a->sa.sa_family == AF_INET ? sizeof(a->in) : sizeof(a->in6);
}

uint16_t address_port(const Address *a) {
        return ntohs(a->sa.sa_family == AF_INET ? a->in.sin_port : a->in6.sin6_port);
}

void address_set_port(Address *a, uint16_t port) {
        if (a->sa.sa_family == AF_INET)
                a->in.sin_port = htons(port);
        else
                a->in6.sin6_port = htons(port);
}

bool address_is_wildcard(const Address *a) {
        if (a->sa.sa_family == AF_INET)
                return a->in.sin_addr.s_addr == htonl(INADDR_ANY);
        return IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
}

bool address_equal(const Address *a, const Address *b) {
        if (a->sa.sa_family != b->sa.sa_family || address_port(a) != address_port(b))
                return false;
        if (a->sa.sa_family == AF_INET)
                return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
        return IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr, &b->in6.sin6_addr);
}

const char *address_to_string(const Address *a, char buf[static ADDRESS_STRING_MAX]) {
        char host[INET6_ADDRSTRLEN];

        if (a->sa.sa_family == AF_INET) {
                (void) inet_ntop(AF_INET, &a->in.sin_addr, host, sizeof(host));
                (void) snprintf(buf, ADDRESS_STRING_MAX, "%s:%u", host, (unsigned) address_port(a));
        } else {
                (void) inet_ntop(AF_INET6, &a->in6.sin6_addr, host, sizeof(host));
                (void) snprintf(buf, ADDRESS_STRING_MAX, "[%s]:%u", host, (unsigned) address_port(a));
        }
        return buf;
}

int listen_pairs_find(const ListenPair *pairs, size_t n, const Address *asked) {
        for (size_t i = 0; i < n; i++)
                if (address_equal(&pairs[i].inside, asked))
                        return (int) i;
        if (address_is_wildcard(asked))
                for (size_t i = 0; i < n; i++)
                        if (address_is_wildcard(&pairs[i].inside) &&
                            address_port(&pairs[i].inside) == address_port(asked))
                                return (int) i;
        return -ENOENT;
}

int listen_pairs_reach(const ListenPair *pairs, size_t n, uint16_t port, Address *ret) {
        const ListenPair *found = NULL;

        for (size_t i = 0; i < n && !found; i++)
                if (address_port(&pairs[i].inside) == port)
                        found = &pairs[i];
        for (size_t i = 0; i < n && !found; i++)
                if (address_port(&pairs[i].outside) == port)
                        found = &pairs[i];
        if (!found)
                return -ENOENT;
        *ret = found->outside;
        /* [::] takes IPv4 as well, or has a twin that does; and not every machine has ::1. */
        if (address_is_wildcard(ret)) {
                *ret = (Address){ .in = { .sin_family = AF_INET,
                                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
                address_set_port(ret, address_port(&found->outside));
        }
        return 0;
}
