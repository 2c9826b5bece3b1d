#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

#include "probe.h"

/* The sockets that a worker accepts from, and the connections that it has, are the host's: made where the network leads
 * somewhere. Each of these tries to make another connection of one. They shut the door for a moment. */

#define RACE_SECONDS 2

static const struct sockaddr_in target = { .sin_family = AF_INET,
                                           .sin_port = __builtin_bswap16(PROBE_TARGET_PORT),
                                           .sin_addr = { __builtin_bswap32(INADDR_LOOPBACK) } };

/* A descriptor that listens, outside, where Apache's configuration says "Listen 80"; not listening any more. */
static int shut_door(void) {
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(80) };
        int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd >= 0 &&
            (bind(fd, (struct sockaddr *) &in6, sizeof(in6)) < 0 || shutdown(fd, SHUT_RDWR) < 0)) {
                int r = -errno;

                close(fd);
                return r;
        }
        return fd < 0 ? -errno : fd;
}

static void open_door(int fd) {
        (void) listen(fd, SOMAXCONN);
        close(fd);
}

/* The visitor that comes from the port which the test program takes for this. */
static int find_visitor(void) {
        for (int fd = 3; fd < 1024; fd++) {
                struct sockaddr_in in;
                socklen_t length = sizeof(in);

                if (getpeername(fd, (struct sockaddr *) &in, &length) == 0 && in.sin_family == AF_INET &&
                    in.sin_port == htons(PROBE_VISITOR_PORT))
                        return fd;
        }
        return -EBADF;
}

/* Whether there is a connection to the target now, or soon. */
static int is_connected(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLOUT };
        struct sockaddr_in in = {};
        socklen_t length = sizeof(in);

        (void) poll(&p, 1, 200);
        return getpeername(fd, (struct sockaddr *) &in, &length) == 0 && in.sin_port == target.sin_port
                               ? 0
                               : -ENOTCONN;
}

static int try_fast_open(int fd) {
        struct iovec iov = { .iov_base = (void *) (uintptr_t) "x", .iov_len = 1 };
        struct mmsghdr m = { .msg_hdr = { .msg_name = (void *) (uintptr_t) &target,
                                          .msg_namelen = sizeof(target),
                                          .msg_iov = &iov,
                                          .msg_iovlen = 1 } };

        (void) !sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL | MSG_DONTWAIT,
                       (const struct sockaddr *) &target, sizeof(target));
        if (is_connected(fd) == 0)
                return 0;
        (void) !sendmsg(fd, &m.msg_hdr, MSG_FASTOPEN | MSG_NOSIGNAL | MSG_DONTWAIT);
        if (is_connected(fd) == 0)
                return 0;
        (void) !sendmmsg(fd, &m, 1, MSG_FASTOPEN | MSG_NOSIGNAL | MSG_DONTWAIT);
        return is_connected(fd);
}

static int connect_door(void) {
        int fd = shut_door(), r;

        if (fd < 0)
                return fd;
        r = connect(fd, (const struct sockaddr *) &target, sizeof(target)) < 0 ? -errno : is_connected(fd);
        open_door(fd);
        return r;
}

static int fast_open_door(void) {
        int fd = shut_door(), r;

        if (fd < 0)
                return fd;
        r = try_fast_open(fd);
        open_door(fd);
        return r;
}

/* An address that is one thing when the supervisor reads it, and another when the kernel does. */
typedef struct Race {
        struct sockaddr_in address;
        sa_family_t family;
        atomic_bool is_over;
} Race;

static void *change_family(void *userdata) {
        Race *race = userdata;
        volatile sa_family_t *family = &race->address.sin_family;

        while (!race->is_over) {
                *family = AF_UNIX;
                for (volatile unsigned i = 0; i < 50; i++)
                        ;
                *family = race->family;
                for (volatile unsigned i = 0; i < 50; i++)
                        ;
        }
        return NULL;
}

/* Returns 0 when a connect() did something. */
static int race_connect(int fd, sa_family_t family) {
        Race race = { .address = target, .family = family };
        time_t end = time(NULL) + RACE_SECONDS;
        pthread_t thread;
        int r = -EACCES;

        if (pthread_create(&thread, NULL, change_family, &race) != 0)
                return -EAGAIN;
        while (r < 0 && time(NULL) < end)
                if (connect(fd, (struct sockaddr *) &race.address, sizeof(race.address)) == 0 ||
                    errno == EINPROGRESS)
                        r = 0;
        race.is_over = true;
        (void) pthread_join(thread, NULL);
        return r;
}

static int race_door(void) {
        int fd = shut_door(), r;

        if (fd < 0)
                return fd;
        /* A connection that leads nowhere is not waited for. */
        (void) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){ .tv_usec = 500000 },
                          sizeof(struct timeval));
        r = race_connect(fd, AF_INET);
        if (r == 0)
                r = is_connected(fd);
        open_door(fd);
        return r;
}

static int disconnect_visitor(void) {
        int fd = find_visitor();

        if (fd < 0)
                return fd;
        return connect(fd, &(struct sockaddr){ .sa_family = AF_UNSPEC }, sizeof(struct sockaddr)) < 0
                               ? -errno
                               : 0;
}

/* Leaves it listening, if it does, for the test program to knock at. */
static int listen_as_visitor(void) {
        int fd = find_visitor(), r;

        if (fd < 0)
                return fd;
        r = race_connect(fd, AF_UNSPEC);
        if (r == 0)
                r = try_fast_open(fd) == 0 ? 0 : listen(fd, 1) < 0 ? -errno : -EINPROGRESS;
        return r;
}

#define DOORS "doors"

const Probe probe_doors[] = {
        PROBE(DOORS, "connect-door", connect_door),
        PROBE(DOORS, "fast-open-door", fast_open_door),
        PROBE(DOORS, "disconnect-visitor", disconnect_visitor),
        PROBE(DOORS, "listen-as-visitor", listen_as_visitor),
        /* The last: the door may be stuck afterwards, for this instance. */
        PROBE(DOORS, "race-door", race_door),
        {},
};
