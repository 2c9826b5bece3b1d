#include "rootpath.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

/* As many as path_resolution(7) allows. */
#define LINKS_MAX 40

/* openat2(2) says EAGAIN when a rename elsewhere may have raced with "..": asking again is all that helps. */
#define ATTEMPTS_MAX 16

static int open_in_root(int root_fd, const char *path, int flags, uint64_t resolve) {
        const struct open_how how = {
                .flags = (uint64_t) (flags | O_CLOEXEC),
                .resolve = RESOLVE_IN_ROOT | resolve,
        };

        for (int attempt = 0;; attempt++) {
                long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

                if (fd >= 0)
                        return (int) fd;
                if (errno != EINTR && (errno != EAGAIN || attempt >= ATTEMPTS_MAX))
                        return -errno;
        }
}

int rootpath_open(int root_fd, const char *path, int flags) {
        return open_in_root(root_fd, path, flags, 0);
}

/* Put a slash and n bytes behind path. */
static int append(char path[static PATH_MAX], const char *component, size_t n) {
        size_t used = strlen(path);

        if (used + 1 + n >= PATH_MAX)
                return -ENAMETOOLONG;
        path[used] = '/';
        memcpy(path + used + 1, component, n);
        path[used + 1 + n] = '\0';
        return 0;
}

static void drop_last(char *path) {
        char *slash = strrchr(path, '/');

        if (slash)
                *slash = '\0';
}

/* The target of a link that no other link is on the way to, and whose it is. Returns its length; -EINVAL where it is none; or
 * another errno. */
static ssize_t read_link(int root_fd, const char *path, char *target, size_t size, uid_t *ret_owner) {
        _cleanup_close_ int fd = open_in_root(root_fd, path, O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
        struct stat st;
        ssize_t l;

        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISLNK(st.st_mode))
                return -EINVAL;
        l = readlinkat(fd, "", target, size);
        if (l < 0)
                return -errno;
        *ret_owner = st.st_uid;
        return l;
}

/* The one user but root whose links were on the way; root where there were none. */
typedef struct LinkOwners {
        uid_t owner;
        bool are_several;
} LinkOwners;

static int resolve(int root_fd, const char *path, LinkOwners *owners, char **ret) {
        char done[PATH_MAX] = "", todo[PATH_MAX], target[PATH_MAX];
        char *result, *p = todo;
        unsigned links = 0;

        if (strlen(path) >= sizeof(todo))
                return -ENAMETOOLONG;
        strcpy(todo, path);

        while (*p) {
                size_t n = strcspn(p, "/"), rest;
                uid_t owner = 0;
                ssize_t l;
                int r;

                if (n == 0 || (n == 1 && p[0] == '.')) {
                        p += n + (p[n] == '/');
                        continue;
                }
                if (n == 2 && p[0] == '.' && p[1] == '.') {
                        drop_last(done);
                        p += n;
                        continue;
                }
                r = append(done, p, n);
                if (r < 0)
                        return r;
                p += n;

                l = read_link(root_fd, done, target, sizeof(target), &owner);
                if (l < 0 && l != -EINVAL)
                        return (int) l;
                if (l < 0)
                        continue;
                if (owner != 0) {
                        owners->are_several |= owners->owner != 0 && owners->owner != owner;
                        owners->owner = owner;
                }
                rest = strlen(p);
                if (++links > LINKS_MAX)
                        return -ELOOP;
                if ((size_t) l + rest >= sizeof(todo))
                        return -ENAMETOOLONG;
                memmove(todo + l, p, rest + 1);
                memcpy(todo, target, (size_t) l);
                p = todo;
                drop_last(done);
                if (l > 0 && target[0] == '/')
                        done[0] = '\0';
        }

        result = strdup(done[0] ? done : "/");
        if (!result)
                return -ENOMEM;
        *ret = result;
        return 0;
}

int rootpath_resolve(int root_fd, const char *path, char **ret) {
        return resolve(root_fd, path, &(LinkOwners){}, ret);
}

int rootpath_open_owned(int root_fd, const char *path, int flags) {
        int fd_ = open_in_root(root_fd, path, flags, RESOLVE_NO_SYMLINKS), r;
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *real = NULL;
        LinkOwners owners = {};
        struct stat st;

        if (fd_ != -ELOOP)
                return fd_;
        r = resolve(root_fd, path, &owners, &real);
        if (r < 0)
                return r;
        fd = open_in_root(root_fd, real, O_PATH, RESOLVE_NO_SYMLINKS);
        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (owners.owner != 0 && (owners.are_several || st.st_uid != owners.owner) &&
            !(S_ISREG(st.st_mode) && st.st_mode & S_IROTH))
                return -ELOOP;
        return flags == O_PATH ? TAKE_FD(fd) : open_in_root(root_fd, real, flags, RESOLVE_NO_SYMLINKS);
}

int rootpath_open_regular(int root_fd, const char *path, struct stat *ret_st) {
        _cleanup_close_ int path_fd = -EBADF, fd = -EBADF;
        struct stat before, st;

        /* Opening a device acts on it (a tape rewinds, a watchdog arms), so it is looked at first. */
        path_fd = rootpath_open_owned(root_fd, path, O_PATH);
        if (path_fd < 0)
                return path_fd;
        if (fstat(path_fd, &before) < 0)
                return -errno;
        if (S_ISDIR(before.st_mode))
                return -EISDIR;
        if (!S_ISREG(before.st_mode))
                return -ENXIO;

        fd = rootpath_open_owned(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -ENXIO;

        *ret_st = st;
        return TAKE_FD(fd);
}

int rootpath_normalise(int root_fd, const char *path, char **ret) {
        char done[PATH_MAX] = "";
        char *result;

        for (const char *p = path; *p;) {
                size_t n = strcspn(p, "/");
                int r;

                if (n == 2 && p[0] == '.' && p[1] == '.') {
                        _cleanup_free_ char *real = NULL;

                        r = rootpath_resolve(root_fd, done, &real);
                        if (r < 0)
                                return r;
                        strcpy(done, streq(real, "/") ? "" : real);
                        drop_last(done);
                } else if (n > 0 && !(n == 1 && p[0] == '.')) {
                        r = append(done, p, n);
                        if (r < 0)
                                return r;
                }
                p += n + (p[n] == '/');
        }

        result = strdup(done[0] ? done : "/");
        if (!result)
                return -ENOMEM;
        *ret = result;
        return 0;
}

/* Without the slash at the end, which "/" is to lose as well. */
static size_t folder_length(const char *folder) {
        size_t n = strlen(folder);

        return n > 0 && folder[n - 1] == '/' ? n - 1 : n;
}

bool path_is_beneath(const char *path, const char *folder) {
        size_t n = folder_length(folder);

        return strncmp(path, folder, n) == 0 && path[n] == '/' && path[n + 1] != '\0';
}

bool path_is_at_or_beneath(const char *path, const char *folder) {
        size_t n = folder_length(folder);

        return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}
