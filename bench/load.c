#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "client.h"

/* A closed loop of clients: each sends its next request when it has the answer to the last one. It counts what goes wrong
 * and how long the answers take. A kept connection that the server closes between two requests is stale, no failure: HTTP
 * lets the client repeat it (RFC 9110, 9.2.2). */

#define LATENCIES_MAX 4000000
#define ANSWER_MAX    8192
#define PATIENCE_MSEC 12000.0

typedef struct Client {
        int fd;
        bool is_sent;
        bool is_reused;
        size_t got;
        char answer[ANSWER_MAX + 1];
        double begin;
        double not_before;
} Client;

typedef struct Load {
        Target target;
        bool is_kept;
        int epoll_fd;
        Client *client;
        unsigned n;
        double end;
        unsigned long ok, refused, reset, bad, stale;
        double *latency;
        size_t n_latencies;
} Load;

static void client_watch(Load *l, Client *c, int op, uint32_t events) {
        struct epoll_event e = { .events = events, .data.ptr = c };

        (void) epoll_ctl(l->epoll_fd, op, c->fd, &e);
}

static void client_fail(Client *c, unsigned long *counter) {
        (*counter)++;
        c->fd = close_fd(c->fd);
        /* Nobody hammers a server that refuses. */
        c->not_before = clock_msec() + 0.5;
}

static void client_begin(Load *l, Client *c, double now) {
        c->fd = target_connect(&l->target);
        c->is_sent = c->is_reused = false;
        c->got = 0;
        c->begin = now;
        if (c->fd < 0) {
                client_fail(c, c->fd == -ECONNREFUSED ? &l->refused : &l->reset);
                return;
        }
        (void) setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int) { 1 }, sizeof(int));
        client_watch(l, c, EPOLL_CTL_ADD, EPOLLOUT);
}

static void client_send(Load *l, Client *c) {
        const char *request = l->is_kept ? l->target.request_kept : l->target.request;
        int error = 0;

        (void) getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t) { sizeof(error) });
        if (error == 0 && send(c->fd, request, strlen(request), MSG_NOSIGNAL) < 0)
                error = errno;
        if (error != 0) {
                client_fail(c, error == ECONNREFUSED ? &l->refused : c->is_reused ? &l->stale : &l->reset);
                return;
        }
        c->is_sent = true;
        c->got = 0;
        client_watch(l, c, EPOLL_CTL_MOD, EPOLLIN);
}

/* The size of the whole answer, or 0 while its head is not complete. */
static size_t answer_size(const Client *c) {
        const char *end = strstr(c->answer, "\r\n\r\n"), *length = strcasestr(c->answer, "\r\nContent-Length:");

        return !end ? 0 : (size_t) (end + 4 - c->answer) + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

static void client_receive(Load *l, Client *c) {
        ssize_t k = recv(c->fd, c->answer + c->got, ANSWER_MAX - c->got, 0);
        double now = clock_msec();
        size_t size;

        if (k < 0 && errno == EAGAIN)
                return;
        if (k <= 0) {
                client_fail(c, c->got > 0 ? &l->bad : c->is_reused ? &l->stale : &l->reset);
                return;
        }
        c->got += (size_t) k;
        c->answer[c->got] = '\0';
        size = answer_size(c);
        if (size == 0 || c->got < size)
                return;
        if (strncmp(c->answer, "HTTP/1.1 200 ", 13) != 0) {
                client_fail(c, &l->bad);
                return;
        }
        l->ok++;
        if (l->n_latencies < LATENCIES_MAX)
                l->latency[l->n_latencies++] = now - c->begin;
        if (l->is_kept && now < l->end && !strcasestr(c->answer, "\r\nConnection: close")) {
                c->is_sent = false;
                c->is_reused = true;
                c->begin = now;
                client_watch(l, c, EPOLL_CTL_MOD, EPOLLOUT);
        } else
                c->fd = close_fd(c->fd);
}

static int compare(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

static double percentile(const Load *l, double p) {
        return l->n_latencies == 0 ? 0 : l->latency[(size_t) ((double) (l->n_latencies - 1) * p)];
}

/* Begin what has to be begun. Returns how many are open. */
static unsigned load_begin(Load *l, double now) {
        unsigned n_open = 0;

        for (unsigned i = 0; i < l->n; i++) {
                Client *c = &l->client[i];

                if (c->fd < 0 && now < l->end && now >= c->not_before)
                        client_begin(l, c, now);
                n_open += c->fd >= 0;
        }
        return n_open;
}

int verb_load(int argc, char **argv) {
        Load l = { .target = target_parse(argv[0], argv[1]), .n = (unsigned) atoi(argv[2]), .is_kept = streq(argv[4], "kept") };
        double seconds = atof(argv[3]), begin;
        unsigned n_open;

        l.client = calloc(l.n, sizeof(Client));
        l.latency = calloc(LATENCIES_MAX, sizeof(double));
        l.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (!l.client || !l.latency || l.epoll_fd < 0)
                return 2;
        for (unsigned i = 0; i < l.n; i++)
                l.client[i].fd = -EBADF;
        begin = clock_msec();
        l.end = begin + seconds * 1e3;
        while ((n_open = load_begin(&l, clock_msec())) > 0 || clock_msec() < l.end) {
                struct epoll_event events[256];
                int n = epoll_wait(l.epoll_fd, events, ELEMENTSOF(events), n_open > 0 ? 5 : 1);

                for (int i = 0; i < n; i++) {
                        Client *c = events[i].data.ptr;

                        if (c->is_sent)
                                client_receive(&l, c);
                        else
                                client_send(&l, c);
                }
                if (clock_msec() > l.end + PATIENCE_MSEC)
                        break;
        }
        qsort(l.latency, l.n_latencies, sizeof(double), compare);
        printf("ok=%lu refused=%lu reset=%lu bad=%lu hung=%u stale=%lu rate=%.0f p50=%.3f p99=%.3f max=%.1f\n", l.ok,
               l.refused, l.reset, l.bad, n_open, l.stale, (double) l.ok / seconds, percentile(&l, .5),
               percentile(&l, .99), percentile(&l, 1));
        return 0;
}
