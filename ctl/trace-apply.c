#include "trace-apply.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "config-paths.h"
#include "reterr.h"

#define ASIDE "." TRACE_DROPIN ".new"

/* Who wrote it, where there is nothing yet. */
#define HEADER "# Written by jailctl trace --apply, to be read and changed by you.\n"

/* What is there already, or the header. */
static int copy_old(int dir_fd, FILE *to) {
        _cleanup_close_ int fd = openat(dir_fd, TRACE_DROPIN, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        char buf[4096];
        ssize_t k;

        if (fd < 0 && errno != ENOENT)
                return -errno;
        if (fd < 0)
                return fputs(HEADER, to) < 0 ? -EIO : 0;
        while ((k = read(fd, buf, sizeof(buf))) > 0)
                if (fwrite(buf, 1, (size_t) k, to) != (size_t) k)
                        return -EIO;
        return k < 0 ? -errno : 0;
}

static int write_aside(int dir_fd, mode_t mode, const char *lines) {
        _cleanup_fclose_ FILE *f = NULL;
        int fd, r;

        if (unlinkat(dir_fd, ASIDE, 0) < 0 && errno != ENOENT)
                return -errno;
        fd = openat(dir_fd, ASIDE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        f = fd < 0 ? NULL : fdopen(fd, "w");
        if (!f) {
                close_fd(fd);
                return -errno;
        }
        r = copy_old(dir_fd, f);
        if (r >= 0 && (fputs("\n", f) < 0 || fputs(lines, f) < 0 || fflush(f) != 0 || fsync(fd) < 0))
                r = -errno;
        return r;
}

int trace_apply(const char *jail_name, const char *lines, char **ret_path, char **reterr) {
        _cleanup_free_ char *folder = NULL, *conf = NULL, *path = NULL;
        _cleanup_close_ int dir_fd = -EBADF;
        struct stat st;
        int r;

        if (asprintf(&conf, JAILD_CONF_DIR "/%s.conf", jail_name) < 0 ||
            asprintf(&folder, "%s.d", conf) < 0 || asprintf(&path, "%s/" TRACE_DROPIN, folder) < 0)
                return -ENOMEM;
        if (stat(conf, &st) < 0)
                return reterr_set(reterr, -errno, "%s: %s", conf, strerror(errno));
        if (mkdir(folder, 0755) < 0 && errno != EEXIST)
                return reterr_set(reterr, -errno, "cannot make %s: %s", folder, strerror(errno));
        dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        r = dir_fd < 0 ? -errno : write_aside(dir_fd, st.st_mode & 0644, lines);
        if (r >= 0 && (renameat(dir_fd, ASIDE, dir_fd, TRACE_DROPIN) < 0 || fsync(dir_fd) < 0))
                r = -errno;
        if (r < 0) {
                if (dir_fd >= 0)
                        (void) unlinkat(dir_fd, ASIDE, 0);
                return reterr_set(reterr, r, "cannot write %s: %s", path, strerror(-r));
        }
        *ret_path = TAKE_PTR(path);
        return 0;
}
