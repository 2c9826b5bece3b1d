#include "listeners.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/socket.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

#include "fence.h"
#include "log.h"

#define STORE_PREFIX "listen."
/* FileDescriptorName= of jaild-http@NAME.socket (../units/generator.c). */
#define PASSED_NAME "http"

/* Shared by all instances that listen there. In the store as long as it lives. */
typedef struct Socket {
        unsigned n_refs;
        int fd;
        /* What it is bound to. */
        Address address;
        /* A socket unit holds it, too. */
        bool is_passed;
} Socket;

struct Listeners {
        size_t n;
        ListenPair *pairs;
        Socket **sockets;
        unsigned receive_buffer_bytes;
        unsigned send_buffer_bytes;
};

/* A name in the store has no colon, and an address no minus. */
static void socket_name(const Socket *s, char ret[static STORE_NAME_MAX]) {
        char buf[ADDRESS_STRING_MAX];

        snprintf(ret, STORE_NAME_MAX, STORE_PREFIX "%s", address_to_string(&s->address, buf));
        for (char *p = ret; *p; p++)
                if (*p == ':')
                        *p = '-';
}

/* Consumes fd. */
static Socket *socket_new(int fd, const Address *a) {
        Socket *s = malloc(sizeof(Socket));

        if (!s) {
                close_fd(fd);
                return NULL;
        }
        *s = (Socket){ .n_refs = 1, .fd = fd, .address = *a };
        return s;
}

static int set_option(int fd, int level, int option, int value) {
        return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* Of a socket as it is made. Where they are not the kernel's, Apache sets them before it calls bind(); its descriptor is
 * replaced there, so that they would be lost. Accepted connections inherit them. */
static int set_options(int fd) {
        static const struct linger no_linger = {};
        static const struct timeval no_limit = {};
        int r;

        if ((r = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1)) < 0 ||
            (r = set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1)) < 0 ||
            (r = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1)) < 0 ||
            (r = set_option(fd, IPPROTO_TCP, TCP_CORK, 0)) < 0 ||
            (r = set_option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 0)) < 0)
                return r;
        if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &no_linger, sizeof(no_linger)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &no_limit, sizeof(no_limit)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &no_limit, sizeof(no_limit)) < 0)
                return -errno;
        return 0;
}

/* With bytes 0 that of a new socket. option is SO_RCVBUF or SO_SNDBUF, force the same without a limit. */
static int set_buffer(int fd, int option, int force, unsigned bytes, int new_fd) {
        socklen_t length = sizeof(int);
        int is, shall;

        if (bytes > 0)
                return set_option(fd, SOL_SOCKET, option, (int) bytes);
        if (getsockopt(fd, SOL_SOCKET, option, &is, &length) < 0 ||
            getsockopt(new_fd, SOL_SOCKET, option, &shall, &length) < 0)
                return -errno;
        /* socket(7): the kernel doubles what it is told. */
        return is == shall || set_option(fd, SOL_SOCKET, force, shall / 2) == 0
                               ? 0
                               : set_option(fd, SOL_SOCKET, option, shall / 2);
}

static int set_buffers(int fd, unsigned receive_bytes, unsigned send_bytes) {
        int locks = (receive_bytes > 0 ? SOCK_RCVBUF_LOCK : 0) | (send_bytes > 0 ? SOCK_SNDBUF_LOCK : 0), r;
        _cleanup_close_ int new_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (new_fd < 0)
                return -errno;
        if ((r = set_buffer(fd, SO_RCVBUF, SO_RCVBUFFORCE, receive_bytes, new_fd)) < 0 ||
            (r = set_buffer(fd, SO_SNDBUF, SO_SNDBUFFORCE, send_bytes, new_fd)) < 0)
                return r;
        /* What was set once does not grow any more, until that is taken back (Linux 5.14). */
        return set_option(fd, SOL_SOCKET, SO_BUF_LOCK, locks);
}

/* The jail has duplicates of a socket, and what it does to one is done to all: set options, end listening by shutdown(),
 * or begin a connection that leads nowhere. Make it what it was. */
static int socket_restore(const Socket *s, unsigned receive_bytes, unsigned send_bytes) {
        static const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
        int r;

        if ((r = set_options(s->fd)) < 0 || (r = set_buffers(s->fd, receive_bytes, send_bytes)) < 0)
                return r;
        if (listen(s->fd, SOMAXCONN) >= 0)
                return 0;
        (void) connect(s->fd, &nobody, sizeof(nobody));
        return listen(s->fd, SOMAXCONN) < 0 ? -errno : 0;
}

static void socket_unref(Socket *s) {
        char name[STORE_NAME_MAX];

        if (--s->n_refs > 0)
                return;
        socket_name(s, name);
        if (!s->is_passed)
                store_drop(name);
        else
                /* systemd would take one that does not listen for its end. */
                (void) socket_restore(s, 0, 0);
        close_fd(s->fd);
        free(s);
}

/* An IPv4 wildcard beside the IPv6 one takes the port for itself: then, and only then, [::] is IPv6 alone. */
static bool has_ipv4_twin(const ListenPair *pairs, size_t n, const Address *a) {
        for (size_t i = 0; i < n; i++)
                if (pairs[i].outside.sa.sa_family == AF_INET && address_is_wildcard(&pairs[i].outside) &&
                    address_port(&pairs[i].outside) == address_port(a))
                        return true;
        return false;
}

static int open_socket(const Address *a, bool v6only, Socket **ret) {
        _cleanup_close_ int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char name[STORE_NAME_MAX];
        int r;

        if (fd < 0)
                return -errno;
        if ((r = set_options(fd)) < 0 || (r = fence_listening(fd, address_port(a))) < 0 ||
            (a->sa.sa_family == AF_INET6 && (r = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6only)) < 0))
                return r;
        r = bind(fd, &a->sa, address_length(a)) < 0 ? -errno : 0;
        if (r == -EADDRINUSE && store_settle() >= 0)
                r = bind(fd, &a->sa, address_length(a)) < 0 ? -errno : 0;
        if (r < 0)
                return r;
        if (listen(fd, SOMAXCONN) < 0)
                return -errno;
        *ret = socket_new(TAKE_FD(fd), a);
        if (!*ret)
                return -ENOMEM;
        socket_name(*ret, name);
        store_put(name, (*ret)->fd);
        return 0;
}

static Socket *find_socket(const Listeners *held, const Address *a) {
        for (size_t i = 0; held && i < held->n; i++)
                if (address_equal(&held->sockets[i]->address, a)) {
                        held->sockets[i]->n_refs++;
                        return held->sockets[i];
                }
        return NULL;
}

static int open_pair(const ListenPair *pairs, size_t n, size_t i, const Listeners *held, Socket **ret) {
        const Address *a = &pairs[i].outside;
        Address ipv4 = { .in = { .sin_family = AF_INET } };
        int r;

        *ret = find_socket(held, a);
        if (*ret)
                return 0;
        r = open_socket(a, a->sa.sa_family == AF_INET6 && has_ipv4_twin(pairs, n, a), ret);
        if (r != -EAFNOSUPPORT || a->sa.sa_family != AF_INET6 || !address_is_wildcard(a))
                return r;

        /* "Listen 80" on a host without IPv6 means what it says in IPv4. */
        address_set_port(&ipv4, address_port(a));
        *ret = find_socket(held, &ipv4);
        return *ret ? 0 : open_socket(&ipv4, false, ret);
}

int listeners_open(const ListenPair *pairs, size_t n, const Listeners *held, Listeners **ret,
                   char **reterr) {
        _cleanup_(listeners_freep) Listeners *l = calloc(1, sizeof(Listeners));
        char buf[ADDRESS_STRING_MAX];

        if (!l)
                return -ENOMEM;
        l->pairs = calloc(n, sizeof(ListenPair));
        l->sockets = calloc(n, sizeof(Socket *));
        if (!l->pairs || !l->sockets)
                return -ENOMEM;
        memcpy(l->pairs, pairs, n * sizeof(ListenPair));
        for (; l->n < n; l->n++) {
                int r = open_pair(pairs, n, l->n, held, &l->sockets[l->n]);

                if (r < 0) {
                        if (asprintf(reterr, "cannot listen on %s: %s",
                                     address_to_string(&pairs[l->n].outside, buf), strerror(-r)) < 0)
                                return -ENOMEM;
                        return r;
                }
        }
        *ret = TAKE_PTR(l);
        return 0;
}

static int listeners_add_inherited(Listeners *l, struct InheritedItem *item) {
        struct sockaddr_storage sa;
        socklen_t length = sizeof(sa);
        Address a;
        int r;

        if (getsockname(item->fd, (struct sockaddr *) &sa, &length) < 0)
                return -errno;
        r = address_from_sockaddr(&sa, length, &a);
        if (r < 0)
                return r;
        if ((r = set_options(item->fd)) < 0 || (r = fence_listening(item->fd, address_port(&a))) < 0)
                return r;
        l->sockets[l->n] = socket_new(TAKE_FD(item->fd), &a);
        if (!l->sockets[l->n])
                return -ENOMEM;
        l->sockets[l->n]->is_passed = streq(item->name, PASSED_NAME);
        l->pairs[l->n++] = (ListenPair){ .outside = a, .inside = a };
        return 0;
}

int listeners_adopt(Inherited *in, Listeners **ret) {
        _cleanup_(listeners_freep) Listeners *l = calloc(1, sizeof(Listeners));

        if (!l || !(l->pairs = calloc(in->n + 1, sizeof(ListenPair))) ||
            !(l->sockets = calloc(in->n + 1, sizeof(Socket *))))
                return -ENOMEM;
        for (size_t i = 0; i < in->n; i++) {
                int r;

                if (in->item[i].fd < 0 ||
                    (!streq(in->item[i].name, PASSED_NAME) &&
                     strncmp(in->item[i].name, STORE_PREFIX, strlen(STORE_PREFIX)) != 0))
                        continue;
                r = listeners_add_inherited(l, &in->item[i]);
                if (r < 0)
                        log_warning("cannot use the socket %s that systemd passed: %s", in->item[i].name,
                                    strerror(-r));
        }
        *ret = TAKE_PTR(l);
        return 0;
}

/* Another's descriptor where it listens on one of the pairs, else negative. */
static int take_if_wanted(int pidfd, int remote_fd, const ListenPair *pairs, size_t n, Address *ret) {
        _cleanup_close_ int fd = pidfd_getfd(pidfd, remote_fd, 0);
        struct sockaddr_storage sa;
        socklen_t length = sizeof(sa), option_length = sizeof(int);
        int is_listening = 0;

        if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &option_length) < 0 ||
            !is_listening || getsockname(fd, (struct sockaddr *) &sa, &length) < 0 ||
            address_from_sockaddr(&sa, length, ret) < 0)
                return -EBADF;
        for (size_t i = 0; i < n; i++)
                if (address_equal(&pairs[i].outside, ret))
                        return TAKE_FD(fd);
        return -EBADF;
}

/* Into a pool that has room for n. */
static int take_all(int pidfd, DIR *fds, const ListenPair *pairs, size_t n, Listeners *pool) {
        for (struct dirent *de; pool->n < n && (de = readdir(fds));) {
                char name[STORE_NAME_MAX];
                Socket *known;
                Address a;
                int fd = take_if_wanted(pidfd, atoi(de->d_name), pairs, n, &a), r;

                if (fd < 0)
                        continue;
                r = fence_listening(fd, address_port(&a));
                if (r < 0) {
                        close_fd(fd);
                        return r;
                }
                known = find_socket(pool, &a);
                if (known) {
                        socket_unref(known);
                        close_fd(fd);
                        continue;
                }
                pool->sockets[pool->n] = socket_new(fd, &a);
                if (!pool->sockets[pool->n])
                        return -ENOMEM;
                socket_name(pool->sockets[pool->n], name);
                store_put(name, fd);
                pool->pairs[pool->n++] = (ListenPair){ .outside = a, .inside = a };
        }
        return 0;
}

int listeners_take_over(pid_t pid, const ListenPair *pairs, size_t n, Listeners **ret, char **reterr) {
        _cleanup_(listeners_freep) Listeners *pool = calloc(1, sizeof(Listeners));
        _cleanup_close_ int pidfd = pidfd_open(pid, 0);
        char path[64];
        DIR *fds;
        int r;

        if (!pool || !(pool->pairs = calloc(n + 1, sizeof(ListenPair))) ||
            !(pool->sockets = calloc(n + 1, sizeof(Socket *))))
                return -ENOMEM;
        snprintf(path, sizeof(path), "/proc/%d/fd", pid);
        fds = pidfd < 0 ? NULL : opendir(path);
        if (!fds) {
                r = -errno;
                if (asprintf(reterr, "cannot look at the sockets of process %d: %s", pid, strerror(-r)) < 0)
                        return -ENOMEM;
                return r;
        }
        r = take_all(pidfd, fds, pairs, n, pool);
        closedir(fds);
        return r < 0 ? r : listeners_open(pairs, n, pool, ret, reterr);
}

int listeners_share(const Listeners *l, bool share) {
        for (size_t i = 0; i < l->n; i++) {
                int r = set_option(l->sockets[i]->fd, SOL_SOCKET, SO_REUSEPORT, share);

                if (r < 0)
                        return r;
        }
        return 0;
}

Listeners *listeners_free(Listeners *l) {
        if (!l)
                return NULL;
        for (size_t i = 0; i < l->n; i++)
                socket_unref(l->sockets[i]);
        free(l->sockets);
        free(l->pairs);
        free(l);
        return NULL;
}

const ListenPair *listeners_pairs(const Listeners *l, size_t *ret_n) {
        *ret_n = l->n;
        return l->pairs;
}

int listeners_grant(const Listeners *l, const Address *asked) {
        int i = listen_pairs_find(l->pairs, l->n, asked), r;

        if (i < 0)
                return i;
        r = socket_restore(l->sockets[i], l->receive_buffer_bytes, l->send_buffer_bytes);
        return r < 0 ? r : l->sockets[i]->fd;
}

void listeners_set_buffers(Listeners *l, unsigned receive_bytes, unsigned send_bytes) {
        l->receive_buffer_bytes = receive_bytes;
        l->send_buffer_bytes = send_bytes;
}

int listeners_restore(const Listeners *l) {
        for (size_t i = 0; i < l->n; i++) {
                int r = socket_restore(l->sockets[i], l->receive_buffer_bytes, l->send_buffer_bytes);

                if (r < 0)
                        return r;
        }
        return 0;
}

size_t listeners_count(const Listeners *l) {
        return l->n;
}

int listeners_fd(const Listeners *l, size_t i) {
        return l->sockets[i]->fd;
}

bool listeners_are_passed(const Listeners *l) {
        for (size_t i = 0; i < l->n; i++)
                if (!l->sockets[i]->is_passed)
                        return false;
        return l->n > 0;
}

void listeners_turn_away(const Listeners *l) {
        for (size_t i = 0; i < l->n; i++) {
                struct pollfd p = { .fd = l->sockets[i]->fd, .events = POLLIN };

                /* Nobody else accepts from it, so that this one waits for nobody. At most a full queue. */
                for (unsigned n = 0; n < SOMAXCONN && poll(&p, 1, 0) > 0; n++)
                        close_fd(accept4(p.fd, NULL, NULL, SOCK_CLOEXEC));
        }
}

bool listeners_name(const Listeners *l, uint16_t port) {
        for (size_t i = 0; i < l->n; i++)
                if (address_port(&l->pairs[i].inside) == port)
                        return true;
        return false;
}
