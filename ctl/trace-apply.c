#include "trace-apply.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "config-paths.h"
#include "file.h"
#include "reterr.h"

/* What no drop-in comes near. */
#define DROPIN_SIZE_MAX (1024 * 1024)

/* Who wrote it, where there is nothing yet. */
#define HEADER "# Written by jailctl trace --apply, to be read and changed by you.\n"

/* The drop-in as it is to be. */
typedef struct Dropin {
        int dir_fd;
        const char *lines;
} Dropin;

/* What is there already, or the header; and the lines. */
static int fill_dropin(FILE *f, void *userdata) {
        const Dropin *d = userdata;
        _cleanup_free_ char *old = NULL;
        int r = file_load(d->dir_fd, TRACE_DROPIN, DROPIN_SIZE_MAX, &old, NULL);

        if (r < 0 && r != -ENOENT)
                return r;
        return fputs(old ?: HEADER, f) < 0 || fputs("\n", f) < 0 || fputs(d->lines, f) < 0 ? -EIO : 0;
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
        r = dir_fd < 0 ? -errno
                       : file_replace(dir_fd, TRACE_DROPIN, st.st_mode & 0644, fill_dropin,
                                      &(Dropin){ .dir_fd = dir_fd, .lines = lines });
        if (r < 0)
                return reterr_set(reterr, r, "cannot write %s: %s", path, strerror(-r));
        *ret_path = TAKE_PTR(path);
        return 0;
}
