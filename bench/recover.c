#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "client.h"

/* Kill processes under a new connection every 2 ms, and see what becomes of each: the time from the kill to the first
 * 200 of a connection begun after it, and how many were refused, reset, or waited longer than 10 s. */

#define INTERVAL_MSEC 2.0
#define BEFORE_MSEC   20.0
#define AFTER_MSEC    60.0
#define PATIENCE_MSEC 20000.0
#define SLOW_MSEC     10000.0
#define CLIENTS_MAX   8192

typedef struct Client {
        int fd;
        double begin;
        bool is_sent;
} Client;

typedef struct Recovery {
        Target target;
        int epoll_fd;
        Client client[CLIENTS_MAX];
        unsigned n_open;
        double killed;
        double recovered;
        unsigned ok, refused, reset, slow;
} Recovery;

static void client_end(Recovery *r, Client *c, unsigned *counter) {
        (*counter)++;
        c->fd = close_fd(c->fd);
        r->n_open--;
}

static void client_begin(Recovery *r, double now) {
        for (unsigned i = 0; i < CLIENTS_MAX; i++) {
                Client *c = &r->client[i];
                struct epoll_event e = { .events = EPOLLOUT, .data.u32 = i };

                if (c->fd >= 0)
                        continue;
                *c = (Client) { .fd = target_connect(&r->target), .begin = now };
                r->n_open++;
                if (c->fd < 0)
                        client_end(r, c, c->fd == -ECONNREFUSED ? &r->refused : &r->reset);
                else
                        (void) epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, c->fd, &e);
                return;
        }
}

static void client_continue(Recovery *r, Client *c, unsigned i) {
        static const char good[] = "HTTP/1.1 200 ";
        char answer[sizeof(good)] = "";
        int error = 0;

        if (c->is_sent) {
                bool is_good = recv(c->fd, answer, sizeof(good) - 1, 0) == sizeof(good) - 1 && streq(answer, good);

                if (is_good && r->killed > 0 && c->begin > r->killed && r->recovered == 0)
                        r->recovered = clock_msec();
                client_end(r, c, is_good ? &r->ok : &r->reset);
                return;
        }
        (void) getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t) { sizeof(error) });
        if (error == 0 && send(c->fd, r->target.request, strlen(r->target.request), MSG_NOSIGNAL) < 0)
                error = errno;
        if (error != 0) {
                client_end(r, c, error == ECONNREFUSED ? &r->refused : &r->reset);
                return;
        }
        c->is_sent = true;
        (void) epoll_ctl(r->epoll_fd, EPOLL_CTL_MOD, c->fd, &(struct epoll_event) { .events = EPOLLIN, .data.u32 = i });
}

int verb_recover(int argc, char **argv) {
        static Recovery r;
        double begin, next;

        r.target = target_parse(argv[0], argv[1]);
        r.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        for (unsigned i = 0; i < CLIENTS_MAX; i++)
                r.client[i].fd = -EBADF;
        begin = next = clock_msec();
        for (;;) {
                double now = clock_msec();
                bool is_over = (r.recovered > 0 && now > r.recovered + AFTER_MSEC) || now > begin + PATIENCE_MSEC;
                struct epoll_event events[64];
                double wait;
                int n;

                if (is_over && r.n_open == 0)
                        break;
                if (r.killed == 0 && now >= begin + BEFORE_MSEC) {
                        r.killed = clock_msec();
                        for (int i = 2; i < argc; i++)
                                (void) kill(atoi(argv[i]), SIGKILL);
                }
                if (!is_over && now >= next) {
                        client_begin(&r, now);
                        next = next + INTERVAL_MSEC > now ? next + INTERVAL_MSEC : now;
                }
                wait = is_over ? 20 : next - clock_msec();
                n = epoll_pwait2(r.epoll_fd, events, ELEMENTSOF(events),
                                 &(struct timespec) { .tv_nsec = wait > 0 ? (long) (wait * 1e6) : 0 }, NULL);
                for (int i = 0; i < n; i++)
                        client_continue(&r, &r.client[events[i].data.u32], events[i].data.u32);
                for (unsigned i = 0; i < CLIENTS_MAX; i++)
                        if (r.client[i].fd >= 0 && now - r.client[i].begin > SLOW_MSEC)
                                client_end(&r, &r.client[i], &r.slow);
        }
        if (r.recovered == 0) {
                fprintf(stderr, "bench-client: no recovery\n");
                return 1;
        }
        printf("%.3f %u %u %u %u\n", r.recovered - r.killed, r.refused, r.reset, r.slow, r.ok);
        return 0;
}
