#include "log-journal.h"

#include <endian.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
/* A longer line becomes several entries. */
#define LINE_BYTES_MAX (32 * 1024)
#define TAIL_BYTES     2048

struct LogJournal {
        int fd;
        /* All fields but the message, and the name of that. */
        char *head;
        size_t n_head;
        /* Read and not sent: whole lines where the journal was busy, else the beginning of one. */
        char buf[LINE_BYTES_MAX];
        size_t n;
        char tail[TAIL_BYTES];
        size_t n_tail;
};

LogJournal *log_journal_free(LogJournal *j) {
        if (!j)
                return NULL;
        close_fd(j->fd);
        free(j->head);
        free(j);
        return NULL;
}

int log_journal_new(LogJournal **ret) {
        _cleanup_(log_journal_freep) LogJournal *j = calloc(1, sizeof(LogJournal));

        if (!j)
                return -ENOMEM;
        j->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (j->fd < 0)
                return -errno;
        *ret = TAKE_PTR(j);
        return 0;
}

int log_journal_set_fields(LogJournal *j, const char *jail_name, const char *log_name, int level) {
        char *head;
        int k = asprintf(&head, "PRIORITY=%d\nSYSLOG_IDENTIFIER=httpd\nJAIL=%s\nLOG=%s\nMESSAGE\n", level,
                         jail_name, log_name);

        if (k < 0)
                return -ENOMEM;
        free(j->head);
        j->head = head;
        j->n_head = (size_t) k;
        return 0;
}

/* One entry. The length in front of the message lets it hold any byte. */
static int send_line(LogJournal *j, const char *line, size_t n) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };
        uint64_t length = htole64(n);
        struct iovec iov[] = {
                { .iov_base = j->head, .iov_len = j->n_head },
                { .iov_base = &length, .iov_len = sizeof(length) },
                { .iov_base = (char *) (uintptr_t) line, .iov_len = n },
                { .iov_base = (char[]){ '\n' }, .iov_len = 1 },
        };
        struct msghdr m = {
                .msg_name = &sa,
                .msg_namelen = sizeof(sa),
                .msg_iov = iov,
                .msg_iovlen = ELEMENTSOF(iov),
        };

        return sendmsg(j->fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Every line in the buffer. Returns 1, 0 where the journal is busy, or an errno; what was not sent stays. */
static int send_lines(LogJournal *j) {
        char *begin = j->buf, *end;
        int r = 1;

        while (r > 0 && j->n > 0) {
                size_t length;

                end = memchr(begin, '\n', j->n);
                if (!end && j->n < sizeof(j->buf))
                        break;
                length = end ? (size_t) (end - begin) : j->n;
                r = length > 0 ? send_line(j, begin, length) : 0;
                if (r >= 0) {
                        begin += length + (end ? 1 : 0);
                        j->n -= length + (end ? 1 : 0);
                        r = 1;
                } else if (r == -EAGAIN)
                        r = 0;
        }
        memmove(j->buf, begin, j->n);
        return r;
}

void log_journal_mark(LogJournal *j) {
        j->n_tail = 0;
}

static void remember(LogJournal *j, const char *bytes, size_t n) {
        size_t kept;

        if (n > TAIL_BYTES) {
                bytes += n - TAIL_BYTES;
                n = TAIL_BYTES;
        }
        kept = j->n_tail + n > TAIL_BYTES ? TAIL_BYTES - n : j->n_tail;
        memmove(j->tail, j->tail + j->n_tail - kept, kept);
        memcpy(j->tail + kept, bytes, n);
        j->n_tail = kept + n;
}

size_t log_journal_tail(const LogJournal *j, char *buf, size_t n) {
        if (n > j->n_tail)
                n = j->n_tail;
        memcpy(buf, j->tail + j->n_tail - n, n);
        return n;
}

int log_journal_take(LogJournal *j, int pipe_fd, size_t *n, uint64_t *ret_dropped) {
        int r = send_lines(j);

        while (r > 0 && *n > 0) {
                size_t room = sizeof(j->buf) - j->n;
                ssize_t k = read(pipe_fd, j->buf + j->n, *n < room ? *n : room);

                if (k <= 0)
                        break;
                remember(j, j->buf + j->n, (size_t) k);
                *n -= (size_t) k;
                j->n += (size_t) k;
                r = send_lines(j);
        }
        if (r < 0) {
                *ret_dropped = j->n;
                j->n = 0;
        }
        return r;
}
