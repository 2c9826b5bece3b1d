#include "secrets.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "rootpath.h"

/* A certificate with its whole chain is a few KiB. */
#define SECRET_MAX (1024 * 1024)
#define FS_SIZE    "16m"

static int read_whole(const char *path, char **ret, size_t *ret_size) {
        _cleanup_close_ int host_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -EBADF;
        _cleanup_free_ char *buf = NULL;
        struct stat st;
        ssize_t k;

        if (host_fd < 0)
                return -errno;
        fd = rootpath_open_regular(host_fd, path, &st);
        if (fd < 0)
                return fd;
        if (st.st_size > SECRET_MAX)
                return -EFBIG;
        buf = malloc((size_t) st.st_size + 1);
        if (!buf)
                return -ENOMEM;
        k = read(fd, buf, (size_t) st.st_size);
        if (k < 0)
                return -errno;
        *ret = TAKE_PTR(buf);
        *ret_size = (size_t) k;
        return 0;
}

static int write_whole(int dir_fd, const char *name, gid_t gid, const char *data, size_t size) {
        _cleanup_close_ int fd =
                        openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);

        if (fd < 0 || write(fd, data, size) != (ssize_t) size || fchown(fd, 0, gid) < 0 ||
            fchmod(fd, 0440) < 0)
                return errno > 0 ? -errno : -EIO;
        return 0;
}

static int secrets_fill(int mount_fd, const Launch *launch, char **reterr) {
        for (size_t i = 0; i < launch->n_secrets; i++) {
                const LaunchSecret *secret = &launch->secrets[i];
                _cleanup_free_ char *data = NULL;
                size_t size = 0;
                int r = read_whole(secret->source, &data, &size);

                if (r >= 0) {
                        r = write_whole(mount_fd, secret->name, launch->gid, data, size);
                        explicit_bzero(data, size);
                }
                if (r < 0)
                        return asprintf(reterr, "cannot hand in the secret %s: %s", secret->source,
                                        r == -ELOOP ? "a link of a user leads to what is not that user's"
                                                    : strerror(-r)) < 0
                                               ? -ENOMEM
                                               : r;
        }
        return 0;
}

int secrets_mount(const Launch *launch, char **reterr) {
        struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
        _cleanup_close_ int fs_fd = fsopen("tmpfs", FSOPEN_CLOEXEC), fd = -EBADF;
        int r;

        if (fs_fd < 0 || fsconfig(fs_fd, FSCONFIG_SET_STRING, "size", FS_SIZE, 0) < 0 ||
            fsconfig(fs_fd, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0)
                return -errno;
        /* Keys stay out of the swap where the kernel can (6.4). */
        (void) fsconfig(fs_fd, FSCONFIG_SET_FLAG, "noswap", NULL, 0);
        if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return -errno;
        fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
        if (fd < 0)
                return -errno;
        r = secrets_fill(fd, launch, reterr);
        if (r < 0)
                return r;
        /* The mount itself, no clone of it: before Linux 6.15 a detached mount cannot be cloned. */
        if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
                return -errno;
        return TAKE_FD(fd);
}
