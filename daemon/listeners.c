#include "listeners.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

struct Listeners {
        size_t n;
        ListenPair *pairs;
        int *fds;
};

static int set_option(int fd, int level, int option, int value) {
        return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* An IPv4 wildcard beside the IPv6 one takes the port for itself: then, and only then, [::] is IPv6 alone. */
static bool has_ipv4_twin(const ListenPair *pairs, size_t n, const Address *a) {
        for (size_t i = 0; i < n; i++)
                if (pairs[i].outside.sa.sa_family == AF_INET && address_is_wildcard(&pairs[i].outside) &&
                    address_port(&pairs[i].outside) == address_port(a))
                        return true;
        return false;
}

static int open_socket(const Address *a, bool v6only) {
        _cleanup_close_ int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int r;

        if (fd < 0)
                return -errno;
        /* Apache sets the first three before it calls bind(); its descriptor is replaced there, so that they
         * would be lost. Accepted connections inherit them. */
        if ((r = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1)) < 0 ||
            (r = set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1)) < 0 ||
            (r = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1)) < 0 ||
            (a->sa.sa_family == AF_INET6 && (r = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6only)) < 0))
                return r;
        if (bind(fd, &a->sa, address_length(a)) < 0 || listen(fd, SOMAXCONN) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int open_pair(const ListenPair *pairs, size_t n, size_t i, const Listeners *held) {
        const Address *a = &pairs[i].outside;
        int fd;

        for (size_t k = 0; held && k < held->n; k++)
                if (address_equal(&held->pairs[k].outside, a)) {
                        fd = fcntl(held->fds[k], F_DUPFD_CLOEXEC, 3);
                        return fd < 0 ? -errno : fd;
                }

        fd = open_socket(a, a->sa.sa_family == AF_INET6 && has_ipv4_twin(pairs, n, a));

        /* "Listen 80" on a host without IPv6 means what it says in IPv4. */
        if (fd == -EAFNOSUPPORT && a->sa.sa_family == AF_INET6 && address_is_wildcard(a)) {
                Address ipv4 = { .in = { .sin_family = AF_INET } };

                address_set_port(&ipv4, address_port(a));
                fd = open_socket(&ipv4, false);
        }
        return fd;
}

int listeners_open(const ListenPair *pairs, size_t n, const Listeners *held, Listeners **ret,
                   char **reterr) {
        _cleanup_(listeners_freep) Listeners *l = calloc(1, sizeof(Listeners));
        char buf[ADDRESS_STRING_MAX];

        if (!l)
                return -ENOMEM;
        l->pairs = calloc(n, sizeof(ListenPair));
        l->fds = calloc(n, sizeof(int));
        if (!l->pairs || !l->fds)
                return -ENOMEM;
        memcpy(l->pairs, pairs, n * sizeof(ListenPair));
        for (; l->n < n; l->n++) {
                int fd = open_pair(pairs, n, l->n, held);

                if (fd < 0) {
                        if (asprintf(reterr, "cannot listen on %s: %s",
                                     address_to_string(&pairs[l->n].outside, buf), strerror(-fd)) < 0)
                                return -ENOMEM;
                        return fd;
                }
                l->fds[l->n] = fd;
        }
        *ret = TAKE_PTR(l);
        return 0;
}

Listeners *listeners_free(Listeners *l) {
        if (!l)
                return NULL;
        for (size_t i = 0; i < l->n; i++)
                close_fd(l->fds[i]);
        free(l->fds);
        free(l->pairs);
        free(l);
        return NULL;
}

const ListenPair *listeners_pairs(const Listeners *l, size_t *ret_n) {
        *ret_n = l->n;
        return l->pairs;
}

int listeners_grant(const Listeners *l, const Address *asked) {
        int i = listen_pairs_find(l->pairs, l->n, asked);

        if (i < 0)
                return i;
        /* An instance could have called shutdown() on its duplicate, which ends listening for every holder:
         * listen() on the bound socket opens it again and is harmless otherwise. */
        if (listen(l->fds[i], SOMAXCONN) < 0)
                return -errno;
        return l->fds[i];
}

bool listeners_name(const Listeners *l, uint16_t port) {
        for (size_t i = 0; i < l->n; i++)
                if (address_port(&l->pairs[i].inside) == port)
                        return true;
        return false;
}
