#include "log-reader.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#define BLOCK_BYTES 65536
/* More rotations than this while we look, and somebody is playing with us. */
#define ATTEMPTS_MAX 100

struct LogReader {
        int dir_fd;
        char *name;
        int fd;
};

LogReader *log_reader_free(LogReader *r) {
        if (!r)
                return NULL;
        close_fd(r->fd);
        free(r->name);
        free(r);
        return NULL;
}

const char *log_reader_name(const LogReader *r) {
        return r->name;
}

static const char *file_name(const LogReader *r, unsigned index, char buf[static NAME_MAX + 1]) {
        if (index == 0)
                snprintf(buf, NAME_MAX + 1, "%s", r->name);
        else
                snprintf(buf, NAME_MAX + 1, "%s.%u", r->name, index);
        return buf;
}

static int open_file(const LogReader *r, unsigned index) {
        char name[NAME_MAX + 1];
        int fd = openat(r->dir_fd, file_name(r, index, name),
                        O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

/* Which of the files fd is now. Returns its index, or -ENOENT where it is none of them any more. */
static int index_of(const LogReader *r, int fd) {
        struct stat wanted, st;
        char name[NAME_MAX + 1];

        if (fstat(fd, &wanted) < 0)
                return -errno;
        for (unsigned i = 0; i < INT_MAX; i++) {
                if (fstatat(r->dir_fd, file_name(r, i, name), &st, AT_SYMLINK_NOFOLLOW) < 0) {
                        /* In the middle of a rotation there is no newest one, or one number is missing. */
                        if (i > 1)
                                return -ENOENT;
                        continue;
                }
                if (st.st_dev == wanted.st_dev && st.st_ino == wanted.st_ino)
                        return (int) i;
        }
        return -ENOENT;
}

/* Where the last *n lines of a file begin; *n becomes how many it did not have. */
static off_t find_lines(int fd, unsigned *n) {
        off_t end = lseek(fd, 0, SEEK_END), at = end;
        char block[BLOCK_BYTES];

        while (*n > 0 && at > 0) {
                size_t size = at < BLOCK_BYTES ? (size_t) at : BLOCK_BYTES;
                ssize_t k = pread(fd, block, size, at - (off_t) size);

                if (k != (ssize_t) size)
                        return at;
                for (size_t i = size; i > 0; i--)
                        /* The end of the line before; that of the last line is no beginning. */
                        if (block[i - 1] == '\n' && at - (off_t) size + (off_t) i < end && --*n == 0)
                                return at - (off_t) size + (off_t) i;
                at -= (off_t) size;
        }
        /* The first line has none before it. */
        if (end > 0 && *n > 0)
                --*n;
        return *n > 0 || end > 0 ? 0 : end;
}

/* Go back from the newest file as far as it takes. Returns 0; -EAGAIN where they were rotated meanwhile; or an errno. */
static int find_begin(LogReader *r, unsigned n_lines) {
        _cleanup_close_ int newest = open_file(r, 0), fd = -EBADF;
        off_t at;

        if (newest < 0)
                return newest;
        fd = fcntl(newest, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                return -errno;
        at = n_lines == 0 ? lseek(fd, 0, SEEK_END) : find_lines(fd, &n_lines);
        for (unsigned i = 1; n_lines > 0 && at == 0; i++) {
                int older = open_file(r, i);

                if (older < 0)
                        break;
                close_fd(fd);
                fd = older;
                at = find_lines(fd, &n_lines);
        }
        if (index_of(r, newest) != 0)
                return -EAGAIN;
        if (at < 0 || lseek(fd, at, SEEK_SET) < 0)
                return -errno;
        r->fd = TAKE_FD(fd);
        return 0;
}

int log_reader_open(int dir_fd, const char *name, unsigned n_lines, LogReader **ret) {
        _cleanup_(log_reader_freep) LogReader *r = calloc(1, sizeof(LogReader));
        int k = -EAGAIN;

        if (!r)
                return -ENOMEM;
        *r = (LogReader){ .dir_fd = dir_fd, .name = strdup(name), .fd = -EBADF };
        if (!r->name)
                return -ENOMEM;
        for (int i = 0; k == -EAGAIN && i < ATTEMPTS_MAX; i++)
                k = find_begin(r, n_lines);
        if (k < 0)
                return k;
        *ret = TAKE_PTR(r);
        return 0;
}

/* The file after this one. Returns 1, 0 where this is the newest, -EAGAIN where they are being rotated, or an errno. */
static int go_on(LogReader *r) {
        _cleanup_close_ int fd = -EBADF;
        int index = index_of(r, r->fd);

        if (index == 0)
                return 0;
        /* So far behind that it is gone: the oldest that is left. */
        if (index == -ENOENT) {
                unsigned i = 0;

                while ((fd = open_file(r, i + 1)) >= 0) {
                        close_fd(fd);
                        i++;
                }
                fd = open_file(r, i);
        } else if (index > 0) {
                fd = open_file(r, (unsigned) index - 1);
                if (fd >= 0 && index_of(r, r->fd) != index)
                        return -EAGAIN;
        }
        if (fd == -ENOENT)
                return -EAGAIN;
        if (fd < 0)
                return fd;
        close_fd(r->fd);
        r->fd = TAKE_FD(fd);
        return 1;
}

ssize_t log_reader_read(LogReader *r, char *buf, size_t size) {
        for (int attempts = 0; attempts < ATTEMPTS_MAX;) {
                ssize_t k = read(r->fd, buf, size);
                int next;

                if (k != 0)
                        return k < 0 ? -errno : k;
                /* Nothing more comes to a file that has another name: but it may have come since we read. */
                next = index_of(r, r->fd);
                k = read(r->fd, buf, size);
                if (k != 0)
                        return k < 0 ? -errno : k;
                if (next == 0)
                        return 0;
                next = go_on(r);
                if (next < 0 && next != -EAGAIN)
                        return next;
                attempts += next <= 0;
        }
        return 0;
}
