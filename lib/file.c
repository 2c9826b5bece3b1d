#include "file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "rootpath.h"

#define BLOCK_SIZE 65536

/* As much as there is, up to size. Returns how much, or an errno. */
static ssize_t read_full(int fd, char *buffer, size_t size) {
        size_t n = 0;

        while (n < size) {
                ssize_t k = read(fd, buffer + n, size - n);

                if (k < 0 && errno != EINTR)
                        return -errno;
                if (k == 0)
                        break;
                n += k > 0 ? (size_t) k : 0;
        }
        return (ssize_t) n;
}

int file_load_fd(int fd, size_t max, char **ret, size_t *ret_size) {
        _cleanup_free_ char *data = NULL;
        struct stat st;
        ssize_t n;

        if (fstat(fd, &st) < 0)
                return -errno;
        if ((uint64_t) st.st_size > max)
                return -EFBIG;
        data = malloc((size_t) st.st_size + 1);
        if (!data)
                return -ENOMEM;
        n = read_full(fd, data, (size_t) st.st_size);
        if (n < 0)
                return (int) n;
        data[n] = '\0';
        *ret = TAKE_PTR(data);
        if (ret_size)
                *ret_size = (size_t) n;
        return 0;
}

int file_load(int root_fd, const char *path, size_t max, char **ret, size_t *ret_size) {
        struct stat st;
        _cleanup_close_ int fd = rootpath_open_regular(root_fd, path, &st);

        return fd < 0 ? fd : file_load_fd(fd, max, ret, ret_size);
}

int file_equals(int a_fd, int b_fd) {
        _cleanup_free_ char *a = malloc(BLOCK_SIZE), *b = malloc(BLOCK_SIZE);
        ssize_t n, m;

        if (!a || !b)
                return -ENOMEM;
        do {
                n = read_full(a_fd, a, BLOCK_SIZE);
                m = read_full(b_fd, b, BLOCK_SIZE);
                if (n < 0 || m < 0)
                        return (int) (n < 0 ? n : m);
                if (n != m || memcmp(a, b, (size_t) n) != 0)
                        return false;
        } while (n == BLOCK_SIZE);
        return true;
}

/* The name must last, too. */
static int sync_folder(int dir_fd, const char *path) {
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *folder =
                        slash ? strndup(path, slash == path ? 1 : (size_t) (slash - path)) : strdup(".");
        _cleanup_close_ int fd =
                        folder ? openat(dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -EBADF;

        if (!folder)
                return -ENOMEM;
        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int write_aside(int dir_fd, const char *aside, mode_t mode, int (*fill)(FILE *f, void *userdata),
                       void *userdata) {
        _cleanup_close_ int fd =
                        openat(dir_fd, aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        _cleanup_fclose_ FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
        int r;

        if (!f)
                return -errno;
        TAKE_FD(fd);
        r = fill(f, userdata);
        if (r < 0)
                return r;
        if (fflush(f) != 0 || fchmod(fileno(f), mode) < 0 || fsync(fileno(f)) < 0)
                return -errno;
        return ferror(f) ? -EIO : 0;
}

int file_replace(int dir_fd, const char *path, mode_t mode, int (*fill)(FILE *f, void *userdata),
                 void *userdata) {
        _cleanup_free_ char *aside = NULL;
        int r;

        if (asprintf(&aside, "%s.new", path) < 0)
                return -ENOMEM;
        /* Of somebody who was killed; or a trap, where others may write in the folder. */
        if (unlinkat(dir_fd, aside, 0) < 0 && errno != ENOENT)
                return -errno;
        r = write_aside(dir_fd, aside, mode, fill, userdata);
        if (r >= 0 && renameat(dir_fd, aside, dir_fd, path) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlinkat(dir_fd, aside, 0);
                return r;
        }
        return sync_folder(dir_fd, path);
}
