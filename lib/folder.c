#include "folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

static int name_compare(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Append a name to n of them. The array is doubled at each power of two: who writes in a folder says how many there are. */
static int add_name(char ***names, size_t *n, const char *name) {
        if ((*n & (*n - 1)) == 0) {
                char **bigger = reallocarray(*names, (*n ? 2 * *n : 1) + 1, sizeof(char *));

                if (!bigger)
                        return -ENOMEM;
                *names = bigger;
                bigger[*n] = NULL;
        }
        (*names)[*n + 1] = NULL;
        (*names)[*n] = strdup(name);
        return (*names)[*n] ? ((*n)++, 0) : -ENOMEM;
}

int folder_list(int fd, char ***ret) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_close_ int own_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = own_fd < 0 ? NULL : fdopendir(own_fd);
        size_t n = 0;
        int r = 0;

        if (!d)
                return -errno;
        TAKE_FD(own_fd);
        for (struct dirent *e; r >= 0 && (e = readdir(d));)
                if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
                        r = add_name(&names, &n, e->d_name);
        closedir(d);
        if (r < 0)
                return r;
        if (names)
                qsort(names, n, sizeof(char *), name_compare);
        *ret = TAKE_PTR(names);
        return 0;
}

int folder_set_immutable(int fd, bool on) {
        int flags;

        if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
                return errno == ENOTTY || errno == EOPNOTSUPP || errno == EINVAL ? 0 : -errno;
        if (!(flags & FS_IMMUTABLE_FL) == !on)
                return 0;
        flags ^= FS_IMMUTABLE_FL;
        if (ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0)
                return 0;
        /* A container without the capability; what it set itself it can take off, too. */
        return on && (errno == EPERM || errno == EOPNOTSUPP || errno == EINVAL) ? 0 : -errno;
}

/* Once more, without the flag; of what cannot be opened without harm there is none. */
static int unlink_immutable(int parent_fd, const char *name) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EPERM;
        fd = openat(parent_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = folder_set_immutable(fd, false);
        if (r < 0)
                return r;
        return unlinkat(parent_fd, name, 0) < 0 ? -errno : 0;
}

static int remove_in(int parent_fd, const char *name, dev_t device) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        if (unlinkat(parent_fd, name, 0) == 0 || errno == ENOENT)
                return 0;
        if (errno == EPERM && (r = unlink_immutable(parent_fd, name)) != -EPERM)
                return r;
        if (errno != EISDIR && errno != EPERM)
                return -errno;
        fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (st.st_dev != device)
                return -EXDEV;
        r = folder_set_immutable(fd, false);
        if (r >= 0)
                r = folder_list(fd, &names);
        for (char **n = names; r >= 0 && n && *n; n++)
                r = remove_in(fd, *n, device);
        if (r < 0)
                return r;
        return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int folder_remove(int parent_fd, const char *name) {
        struct stat st;

        if (fstat(parent_fd, &st) < 0)
                return -errno;
        return remove_in(parent_fd, name, st.st_dev);
}
