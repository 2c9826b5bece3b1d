/* One request and one answer, as much of HTTP/1.1 (RFC 9112) as a collector of metrics needs. */

#include <unistd.h>

#include "metrics.h"

#define HEAD_MAX 8192

/* What is asked for comes before a blank line. Returns its length; 0 where the client went away or sends too much; or an
 * errno. */
static ssize_t read_head(int fd, char head[static HEAD_MAX]) {
        size_t n = 0;

        while (n < HEAD_MAX - 1) {
                ssize_t k = read(fd, head + n, HEAD_MAX - 1 - n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return k < 0 ? -errno : 0;
                n += (size_t) k;
                head[n] = '\0';
                if (strstr(head, "\r\n\r\n") || strstr(head, "\n\n"))
                        return (ssize_t) n;
        }
        return 0;
}

/* Whether a header of that name, with its colon, has the word somewhere. */
static bool header_has(const char *head, const char *name, const char *word) {
        for (const char *line = strchr(head, '\n'); line; line = strchr(line, '\n')) {
                const char *found = strcasestr(++line, word), *end = strchrnul(line, '\n');

                if (strncasecmp(line, name, strlen(name)) == 0 && found && found < end)
                        return true;
        }
        return false;
}

/* Where a request line has this method: its target. Returns NULL otherwise. */
static const char *target_of(const char *head, const char *method) {
        size_t n = strlen(method);

        return strncmp(head, method, n) == 0 && head[n] == ' ' ? head + n + 1 : NULL;
}

static bool is_metrics(const char *target) {
        static const char path[] = "/metrics";
        size_t n = strlen(path);

        return strncmp(target, path, n) == 0 && strchr(" ?\r\n", target[n]);
}

static int write_all(int fd, const char *buf, size_t n) {
        while (n > 0) {
                ssize_t k = write(fd, buf, n);

                if (k < 0 && errno != EINTR)
                        return -errno;
                if (k > 0) {
                        buf += k;
                        n -= (size_t) k;
                }
        }
        return 0;
}

static int answer(int fd, const char *status, const char *type, const char *body, size_t n_body,
                  bool is_head) {
        _cleanup_free_ char *head = NULL;
        int k = asprintf(&head,
                         "HTTP/1.1 %s\r\nContent-Type: %s; charset=utf-8\r\nContent-Length: %zu\r\n"
                         "Allow: GET, HEAD\r\nConnection: close\r\n\r\n",
                         status, type, n_body);
        int r = k < 0 ? -ENOMEM : write_all(fd, head, (size_t) k);

        return r < 0 || is_head ? r : write_all(fd, body, n_body);
}

static int answer_error(int fd, const char *status) {
        return answer(fd, status, "text/plain", status, strlen(status), false);
}

static int answer_metrics(int fd, MetricsFormat format, bool is_head) {
        static const char *const types[] = {
                [METRICS_TEXT] = "text/plain; version=0.0.4",
                [METRICS_OPENMETRICS] = "application/openmetrics-text; version=1.0.0",
        };
        _cleanup_(jail_infos_freep) JailInfo **infos = NULL;
        _cleanup_free_ char *body = NULL;
        size_t n = 0;
        FILE *f;
        int r;

        r = jail_infos_load(&infos);
        if (r < 0)
                return answer_error(fd, "500 Internal Server Error");
        f = open_memstream(&body, &n);
        if (!f)
                return -ENOMEM;
        r = metrics_print(f, format, infos);
        if (fclose(f) != 0 || r < 0)
                return -ENOMEM;
        return answer(fd, "200 OK", types[format], body, n, is_head);
}

int metrics_serve(int in_fd, int out_fd) {
        char head[HEAD_MAX];
        ssize_t n = read_head(in_fd, head);
        const char *get, *target;

        if (n < 0)
                return (int) n;
        if (n == 0)
                return answer_error(out_fd, "400 Bad Request");
        get = target_of(head, "GET");
        target = get ?: target_of(head, "HEAD");
        if (!target)
                return answer_error(out_fd, "405 Method Not Allowed");
        if (!is_metrics(target))
                return answer_error(out_fd, "404 Not Found");
        return answer_metrics(out_fd,
                              header_has(head, "Accept:", "application/openmetrics-text")
                                              ? METRICS_OPENMETRICS
                                              : METRICS_TEXT,
                              !get);
}
