#include "hammer.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <time.h>

#include "base.h"

#define CLIENTS_MAX   8192
#define PATIENCE_USEC (10 * USEC_PER_SEC)

static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

typedef struct Client {
        int fd;
        uint64_t begin_usec;
        bool is_sent;
} Client;

struct Hammer {
        pthread_t thread;
        struct sockaddr_in address;
        uint64_t interval_usec;
        atomic_bool is_over;
        int epoll_fd;
        HammerCount count;
        Client client[CLIENTS_MAX];
        unsigned n_open;
};

static uint64_t now_usec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * USEC_PER_SEC + (uint64_t) t.tv_nsec / 1000;
}

static void client_end(Hammer *h, Client *c, unsigned *counter) {
        (*counter)++;
        /* A process that the test forks meanwhile holds the socket until it executes: closing alone would leave it in the
         * set (epoll(7)), and its events would be taken for those of the next client in this place. */
        (void) epoll_ctl(h->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
        c->fd = close_fd(c->fd);
        h->n_open--;
}

static void client_fail(Hammer *h, Client *c, int error) {
        client_end(h, c, error == ECONNREFUSED ? &h->count.refused : &h->count.reset);
}

static void client_begin(Hammer *h, uint64_t now) {
        for (unsigned i = 0; i < CLIENTS_MAX; i++) {
                Client *c = &h->client[i];
                struct epoll_event e = { .events = EPOLLOUT, .data.u32 = i };

                if (c->fd >= 0)
                        continue;
                *c = (Client){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                               .begin_usec = now };
                h->n_open++;
                if (c->fd < 0)
                        client_end(h, c, &h->count.bad);
                else if (connect(c->fd, (struct sockaddr *) &h->address, sizeof(h->address)) < 0 &&
                         errno != EINPROGRESS)
                        client_fail(h, c, errno);
                else if (epoll_ctl(h->epoll_fd, EPOLL_CTL_ADD, c->fd, &e) < 0)
                        client_end(h, c, &h->count.bad);
                return;
        }
        h->count.bad++;
}

static void client_send(Hammer *h, Client *c, unsigned i) {
        struct epoll_event e = { .events = EPOLLIN, .data.u32 = i };
        int error = 0;

        (void) getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){ sizeof(error) });
        if (error == 0 && send(c->fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0)
                error = errno;
        if (error != 0) {
                client_fail(h, c, error);
                return;
        }
        c->is_sent = true;
        if (epoll_ctl(h->epoll_fd, EPOLL_CTL_MOD, c->fd, &e) < 0)
                client_end(h, c, &h->count.bad);
}

static void client_receive(Hammer *h, Client *c) {
        static const char good[] = "HTTP/1.1 200 ";
        uint64_t spent = now_usec() - c->begin_usec;
        char answer[sizeof(good)] = "";
        ssize_t k = recv(c->fd, answer, sizeof(good) - 1, 0);

        if (k <= 0) {
                client_end(h, c, &h->count.reset);
                return;
        }
        if (!streq(answer, good)) {
                client_end(h, c, &h->count.bad);
                return;
        }
        if (spent > h->count.worst_usec)
                h->count.worst_usec = spent;
        client_end(h, c, &h->count.ok);
}

static void drop_the_impatient(Hammer *h, uint64_t now) {
        for (unsigned i = 0; i < CLIENTS_MAX; i++)
                if (h->client[i].fd >= 0 && now - h->client[i].begin_usec > PATIENCE_USEC)
                        client_end(h, &h->client[i], &h->count.bad);
}

static void *hammer_thread(void *userdata) {
        Hammer *h = userdata;
        uint64_t next = now_usec();

        while (!h->is_over || h->n_open > 0) {
                struct epoll_event events[64];
                uint64_t now = now_usec(), wait = USEC_PER_SEC;
                int n;

                if (!h->is_over) {
                        for (; next <= now; next += h->interval_usec)
                                client_begin(h, now);
                        wait = next - now;
                }
                n = epoll_pwait2(h->epoll_fd, events, ELEMENTSOF(events),
                                 &(struct timespec){ .tv_sec = (time_t) (wait / USEC_PER_SEC),
                                                     .tv_nsec = (long) (wait % USEC_PER_SEC) * 1000 },
                                 NULL);
                for (int i = 0; i < n; i++) {
                        Client *c = &h->client[events[i].data.u32];

                        if (c->is_sent)
                                client_receive(h, c);
                        else
                                client_send(h, c, events[i].data.u32);
                }
                drop_the_impatient(h, now_usec());
        }
        return NULL;
}

Hammer *hammer_start(uint16_t port, uint64_t interval_usec) {
        Hammer *h = calloc(1, sizeof(Hammer));

        cr_assert_not_null(h);
        h->address = (struct sockaddr_in){ .sin_family = AF_INET,
                                           .sin_port = htons(port),
                                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        h->interval_usec = interval_usec;
        for (unsigned i = 0; i < CLIENTS_MAX; i++)
                h->client[i].fd = -EBADF;
        h->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        cr_assert_geq(h->epoll_fd, 0);
        cr_assert_eq(pthread_create(&h->thread, NULL, hammer_thread, h), 0);
        return h;
}

HammerCount hammer_stop(Hammer *h) {
        HammerCount count;

        h->is_over = true;
        cr_assert_eq(pthread_join(h->thread, NULL), 0);
        count = h->count;
        close_fd(h->epoll_fd);
        free(h);
        return count;
}

void hammer_assert_lost_nobody(HammerCount count) {
        cr_assert(count.ok > 0 && count.refused == 0 && count.reset == 0 && count.bad == 0,
                  "%u refused, %u reset, %u bad of %u", count.refused, count.reset, count.bad, count.ok);
}
