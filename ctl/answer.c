#include "answer.h"

#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "reterr.h"

static uint64_t monotonic_msec(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

static int wait_for(int fd, short events, uint64_t deadline_msec) {
        struct pollfd p = { .fd = fd, .events = events };
        uint64_t now = monotonic_msec();
        int n = poll(&p, 1, now < deadline_msec ? (int) (deadline_msec - now) : 0);

        return n < 0 ? -errno : n == 0 ? -ETIMEDOUT : 0;
}

/* Who listens on any address listens on loopback, too. */
static Address reachable(const Address *a) {
        Address b = *a;

        if (!address_is_wildcard(a))
                return b;
        if (a->sa.sa_family == AF_INET)
                b.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        else
                b.in6.sin6_addr = in6addr_loopback;
        return b;
}

static int connect_to(const Address *a, uint64_t deadline_msec) {
        _cleanup_close_ int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        socklen_t length = sizeof(int);
        int error = 0, r;

        if (fd < 0)
                return -errno;
        if (connect(fd, &a->sa, address_length(a)) == 0)
                return TAKE_FD(fd);
        if (errno != EINPROGRESS)
                return -errno;
        r = wait_for(fd, POLLOUT, deadline_msec);
        if (r < 0)
                return r;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
                return -errno;
        return error > 0 ? -error : TAKE_FD(fd);
}

static int check_one(const Address *a, uint64_t deadline_msec) {
        static const char request[] = "OPTIONS * HTTP/1.0\r\nUser-Agent: jailctl\r\n\r\n";
        _cleanup_close_ int fd = connect_to(a, deadline_msec);
        char byte;
        ssize_t n;
        int r;

        if (fd < 0)
                return fd;
        /* A fresh connection takes so little at once. */
        if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t) strlen(request))
                return -EIO;
        r = wait_for(fd, POLLIN, deadline_msec);
        if (r < 0)
                return r;
        n = recv(fd, &byte, 1, 0);
        return n < 0 ? -errno : n == 0 ? -ECONNRESET : 0;
}

int answer_check(const ListenPair *listens, size_t n, unsigned timeout_seconds, char **reterr) {
        uint64_t deadline_msec = monotonic_msec() + timeout_seconds * UINT64_C(1000);

        for (size_t i = 0; i < n; i++) {
                Address a = reachable(&listens[i].outside);
                char text[ADDRESS_STRING_MAX];
                int r = check_one(&a, deadline_msec);

                if (r < 0)
                        return reterr_set(reterr, r, "no answer at %s: %s", address_to_string(&a, text),
                                          strerror(-r));
        }
        return 0;
}
