#include "record.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "bus.h"
#include "config-paths.h"

static int run_path(const char *jail_name, const char *file, char **ret) {
        return asprintf(ret, JAILD_RUN_DIR "/%s/%s", jail_name, file) < 0 ? -ENOMEM : 0;
}

static int lock_file(int fd) {
        /* Not flock(2), which a child that has not come to its execve() would hold after our death. */
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

        return fcntl(fd, F_SETLK, &lock) < 0 ? -errno : 0;
}

int record_lock(const char *jail_name, Inherited *in) {
        _cleanup_free_ char *path = NULL, *start = NULL, *dir = NULL;
        _cleanup_close_ int fd = -EBADF;
        int start_fd, r;

        /* Ours already, and lost with the first descriptor of it that is closed: until our end it is not. */
        if (inherited_take(in, JAIL_RUN_LOCK ".start") >= 0)
                return inherited_take(in, JAIL_RUN_LOCK);
        if (asprintf(&dir, JAILD_RUN_DIR "/%s", jail_name) < 0 ||
            run_path(jail_name, JAIL_RUN_LOCK, &path) < 0 ||
            run_path(jail_name, JAIL_RUN_LOCK ".start", &start) < 0)
                return -ENOMEM;
        if ((mkdir(JAILD_RUN_DIR, 0755) < 0 && errno != EEXIST) || (mkdir(dir, 0755) < 0 && errno != EEXIST))
                return -errno;
        /* The lock is for everybody to see, and so for everybody to take: this one, which is root's, keeps two of us apart,
         * and under it the other is made anew, readable only when it is ours. */
        start_fd = open(start, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (start_fd < 0)
                return -errno;
        r = lock_file(start_fd);
        if (r < 0)
                return r == -EAGAIN || r == -EACCES ? -EBUSY : r;
        if (unlink(path) < 0 && errno != ENOENT)
                return -errno;
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        r = lock_file(fd);
        if (r < 0)
                return r;
        if (fchmod(fd, 0644) < 0)
                return -errno;
        store_lend(JAIL_RUN_LOCK ".start", start_fd);
        store_lend(JAIL_RUN_LOCK, fd);
        return TAKE_FD(fd);
}

int record_open_control(const char *jail_name) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        _cleanup_free_ char *path = NULL;
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        int r;

        r = run_path(jail_name, JAIL_RUN_CONTROL, &path);
        if (r < 0)
                return r;
        if (strlen(path) >= sizeof(sa.sun_path))
                return -ENAMETOOLONG;
        strcpy(sa.sun_path, path);
        /* We hold the lock: whoever left this one is gone. */
        if (fd < 0 || (unlink(path) < 0 && errno != ENOENT) ||
            bind(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0)
                return -errno;
        /* Everybody may ask; the credentials of who asks decide (control.h). */
        if (chmod(path, 0666) < 0 || listen(fd, SOMAXCONN) < 0)
                return -errno;
        store_put(JAIL_RUN_CONTROL, fd);
        return TAKE_FD(fd);
}

static void record_remove(const char *jail_name, const char *file) {
        _cleanup_free_ char *path = NULL;

        if (run_path(jail_name, file, &path) >= 0)
                (void) unlink(path);
}

void record_remove_control(const char *jail_name) {
        record_remove(jail_name, JAIL_RUN_CONTROL);
}

void record_remove_last(const char *jail_name) {
        record_remove(jail_name, JAIL_RUN_LAST);
}

int record_write_last(Jail *jail) {
        _cleanup_free_ char *path = NULL, *aside = NULL;
        json_object *o = json_object_new_object();
        JailStatus s;
        int r;

        jail_get_status(jail, &s);
        if (!o || run_path(s.name, JAIL_RUN_LAST, &path) < 0 ||
            run_path(s.name, JAIL_RUN_LAST ".new", &aside) < 0)
                return -ENOMEM;
        json_object_object_add(o, "state", json_object_new_string(lifecycle_state_to_string(s.state)));
        json_object_object_add(o, "since", json_object_new_int64((int64_t) s.since_usec));
        json_object_object_add(o, "restarts", json_object_new_int64(s.restarts));
        json_object_object_add(o, "last-failure", json_object_new_string(s.last_failure));
        json_object_object_add(o, "last-failure-time", json_object_new_int64((int64_t) s.last_failure_usec));
        /* On a tmpfs that no crash of the machine survives: the rename is all that completeness needs. */
        r = json_object_to_file_ext(aside, o, JSON_C_TO_STRING_PRETTY) < 0 || rename(aside, path) < 0 ? -EIO
                                                                                                      : 0;
        json_object_put(o);
        return r;
}
