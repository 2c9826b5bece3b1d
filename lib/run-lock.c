#include "run-lock.h"

#include <fcntl.h>

#include "bus.h"
#include "config-paths.h"

int run_lock_holder(const char *jail_name, pid_t *ret) {
        struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;

        if (asprintf(&path, JAILD_RUN_DIR "/%s/" JAIL_RUN_LOCK, jail_name) < 0)
                return -ENOMEM;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        /* None has ever lived since boot. */
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (fcntl(fd, F_GETLK, &lock) < 0)
                return -errno;
        *ret = lock.l_pid;
        return lock.l_type == F_WRLCK;
}
