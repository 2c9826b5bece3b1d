#include "download.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "jailtest.h"

#define DOCUMENT_ROOT "/var/www/html"

struct Download {
        int fd;
        size_t n_body;
};

void download_prepare(void) {
        char *page = file_read(DOCUMENT_ROOT "/index.html");
        int fd;

        cr_assert(page && mount("documents", DOCUMENT_ROOT, "tmpfs", 0, "mode=0755") == 0);
        file_write(DOCUMENT_ROOT "/index.html", page);
        fd = open(DOCUMENT_ROOT "/big", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        cr_assert(fd >= 0 && ftruncate(fd, DOWNLOAD_BYTES) == 0);
        close_fd(fd);
}

Download *download_begin(void) {
        static const char request[] = "GET /big HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        struct sockaddr_in sa = { .sin_family = AF_INET,
                                  .sin_port = htons(JAILTEST_PORT),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        Download *d = calloc(1, sizeof(Download));
        const char *body;
        char buf[4096];
        ssize_t k;

        cr_assert_not_null(d);
        d->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        cr_assert(d->fd >= 0 &&
                  setsockopt(d->fd, SOL_SOCKET, SO_RCVBUF, &(int){ 65536 }, sizeof(int)) == 0 &&
                  setsockopt(d->fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_sec = 20 },
                             sizeof(struct timeval)) == 0 &&
                  connect(d->fd, (struct sockaddr *) &sa, sizeof(sa)) == 0);
        cr_assert_eq(send(d->fd, request, sizeof(request) - 1, 0), (ssize_t) sizeof(request) - 1);
        k = recv(d->fd, buf, sizeof(buf) - 1, 0);
        cr_assert_gt(k, 0);
        buf[k] = '\0';
        cr_assert_eq(strncmp(buf, "HTTP/1.1 200 ", 13), 0, "%s", buf);
        body = strstr(buf, "\r\n\r\n");
        cr_assert_not_null(body);
        d->n_body = (size_t) (buf + k - body - 4);
        return d;
}

bool download_end(Download *d) {
        static char buf[1024 * 1024];
        bool is_whole;
        ssize_t k;

        while ((k = recv(d->fd, buf, sizeof(buf), 0)) > 0)
                d->n_body += (size_t) k;
        is_whole = k == 0 && d->n_body == DOWNLOAD_BYTES;
        if (!is_whole)
                cr_log_info("%zu bytes came: %s", d->n_body, k < 0 ? strerror(errno) : "the end");
        close_fd(d->fd);
        free(d);
        return is_whole;
}
