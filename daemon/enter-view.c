#include "enter-view.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "enter-program.h"
#include "process.h"
#include "reterr.h"
#include "rootpath.h"
#include "strv.h"

/* A folder that every jail has, to mount on for a moment. */
#define MOMENTARY "/dev"

static int clone_mount(const char *path, uint64_t attributes) {
        _cleanup_close_ int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        struct mount_attr attr = { .attr_set = attributes, .propagation = MS_PRIVATE };

        if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static bool is_mount_point(const char *path) {
        struct statx stx;

        return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stx) == 0 &&
               (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

int enter_view_prepare(EnterView *v, char **reterr) {
        const uint64_t attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
        const char *what = "/";

        v->host_usr_fd = v->loader_fd = -EBADF;
        v->host_fd = clone_mount("/", attributes);
        if (v->host_fd >= 0 && is_mount_point(what = "/usr"))
                v->host_usr_fd = clone_mount("/usr", attributes);
        if (v->host_fd >= 0 && v->loader)
                v->loader_fd = clone_mount(what = v->loader, attributes);
        v->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (v->host_fd < 0 || v->proc_fd < 0 || (v->loader && v->loader_fd < 0)) {
                int r = -errno;

                enter_view_done(v);
                return reterr_set(reterr, r, "cannot show %s to the visitor: %s", what, strerror(-r));
        }
        return 0;
}

void enter_view_done(EnterView *v) {
        v->host_fd = close_fd(v->host_fd);
        v->host_usr_fd = close_fd(v->host_usr_fd);
        v->loader_fd = close_fd(v->loader_fd);
        v->proc_fd = close_fd(v->proc_fd);
}

/* Where something is mounted in this namespace, but for "/". */
static int list_mounts(int proc_fd, char ***ret) {
        _cleanup_fclose_ FILE *f = NULL;
        _cleanup_free_ char *line = NULL;
        int fd = openat(proc_fd, "self/mountinfo", O_RDONLY | O_CLOEXEC), r = 0;
        size_t size = 0;

        f = fd < 0 ? NULL : fdopen(fd, "r");
        if (!f)
                return -errno;
        while (r >= 0 && getline(&line, &size, f) > 0) {
                char *save, *word = strtok_r(line, " ", &save);

                /* 36 35 98:0 /root /mount-point … */
                for (unsigned i = 0; word && i < 4; i++)
                        word = strtok_r(NULL, " ", &save);
                if (!word || streq(word, "/"))
                        continue;
                process_unescape(word);
                r = strv_extend(ret, word);
        }
        return r;
}

/* A folder of the upper layer looks like that of the jail, where there is one. */
static int make_like(int layer_fd, const char *path, const char *like) {
        struct stat st;

        if (stat(like, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        return fchownat(layer_fd, path, st.st_uid, st.st_gid, 0) < 0 ||
                                               fchmodat(layer_fd, path, st.st_mode & 07777, 0) < 0 ||
                                               utimensat(layer_fd, path,
                                                         (struct timespec[]){ st.st_atim, st.st_mtim },
                                                         0) < 0
                               ? -errno
                               : 0;
}

/* Its loader, where the jail has none at that place. */
static int add_loader(int layer_fd, const char *loader) {
        _cleanup_free_ char *path = strdup(loader + 1);
        _cleanup_close_ int fd = -EBADF;

        if (!path)
                return -ENOMEM;
        for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                if (mkdirat(layer_fd, path, 0755) < 0 && errno != EEXIST)
                        return -errno;
                *slash = '/';
        }
        fd = openat(layer_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0555);
        return fd < 0 ? -errno : 0;
}

/* The upper layer: what the visitor has and the jail has not. */
static int make_layer(const EnterView *v, int root_fd) {
        _cleanup_close_ int fs_fd = fsopen("tmpfs", FSOPEN_CLOEXEC), fd = -EBADF, loader_fd = -EBADF;
        int r;

        if (fs_fd < 0 || fsconfig(fs_fd, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
            fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return -errno;
        fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
        if (fd < 0 || mkdirat(fd, "proc", 0555) < 0 || mkdirat(fd, "run", 0755) < 0 ||
            mkdirat(fd, "run/host", 0755) < 0)
                return -errno;
        loader_fd = v->loader ? rootpath_open(root_fd, v->loader, O_PATH) : -EBADF;
        if (v->loader && loader_fd < 0 && (r = add_loader(fd, v->loader)) < 0)
                return r;
        /* Last, because whatever is made in a folder changes its times. */
        if ((r = make_like(fd, "run", "/run")) < 0 || (r = make_like(fd, ".", "/")) < 0)
                return r;
        return TAKE_FD(fd);
}

static int mount_at(int mount_fd, int root_fd, const char *path) {
        _cleanup_close_ int fd = rootpath_open(root_fd, path, O_PATH);

        if (fd < 0)
                return fd;
        return move_mount(mount_fd, "", fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
                               ? -errno
                               : 0;
}

static int make_overlay(const EnterView *v, int root_fd) {
        _cleanup_close_ int layer_fd = make_layer(v, root_fd), fs_fd = -EBADF, fd = -EBADF;

        if (layer_fd < 0)
                return layer_fd;
        if (move_mount(layer_fd, "", AT_FDCWD, MOMENTARY, MOVE_MOUNT_F_EMPTY_PATH) < 0)
                return -errno;
        fs_fd = fsopen("overlay", FSOPEN_CLOEXEC);
        if (fs_fd < 0 || fsconfig(fs_fd, FSCONFIG_SET_STRING, "lowerdir", MOMENTARY ":/", 0) < 0 ||
            fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return -errno;
        fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID);
        if (fd < 0 || umount2(MOMENTARY, MNT_DETACH) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* The processes of this process' namespace, to be looked at. */
static int make_proc(void) {
        _cleanup_close_ int fs_fd = fsopen("proc", FSOPEN_CLOEXEC);
        int fd;

        if (fs_fd < 0 || fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return -errno;
        fd = fsmount(fs_fd, FSMOUNT_CLOEXEC,
                     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
        return fd < 0 ? -errno : fd;
}

/* The room's own mounts. */
typedef struct Clones {
        char **paths;
        int *fds;
        size_t n;
} Clones;

static void clones_done(Clones *c) {
        for (size_t i = 0; i < c->n; i++)
                close_fd(c->fds[i]);
        free(c->fds);
        strv_free(c->paths);
}

static int clone_mounts(const EnterView *v, Clones *c) {
        int r = list_mounts(v->proc_fd, &c->paths);

        c->fds = calloc(strv_length(c->paths) + 1, sizeof(int));
        if (r < 0 || !c->fds)
                return r < 0 ? r : -ENOMEM;
        for (; c->paths && c->paths[c->n]; c->n++) {
                c->fds[c->n] = clone_mount(c->paths[c->n], v->writable ? 0 : MOUNT_ATTR_RDONLY);
                if (c->fds[c->n] < 0)
                        return c->fds[c->n];
        }
        return 0;
}

static int mount_tools(const EnterView *v, int view_fd, const char **reterr_what) {
        _cleanup_close_ int proc_fd = make_proc();
        int r;

        *reterr_what = "/proc";
        if (proc_fd < 0 || (r = mount_at(proc_fd, view_fd, "/proc")) < 0)
                return proc_fd < 0 ? proc_fd : r;
        *reterr_what = ENTER_HOST;
        if ((r = mount_at(v->host_fd, view_fd, ENTER_HOST)) < 0 ||
            (v->host_usr_fd >= 0 && (r = mount_at(v->host_usr_fd, view_fd, ENTER_HOST "/usr")) < 0))
                return r;
        *reterr_what = v->loader ?: "";
        return v->loader_fd >= 0 ? mount_at(v->loader_fd, view_fd, v->loader) : 0;
}

int enter_view_make(const EnterView *v, const char **reterr_what) {
        _cleanup_close_ int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), view_fd = -EBADF;
        _cleanup_(clones_done) Clones clones = {};
        int r;

        *reterr_what = "the mounts of the room";
        r = clone_mounts(v, &clones);
        if (r < 0)
                return r;
        *reterr_what = "overlayfs, which the kernel must have";
        view_fd = make_overlay(v, root_fd);
        if (view_fd < 0)
                return view_fd;
        if (move_mount(view_fd, "", AT_FDCWD, MOMENTARY, MOVE_MOUNT_F_EMPTY_PATH) < 0)
                return -errno;
        for (size_t i = 0; i < clones.n; i++) {
                r = mount_at(clones.fds[i], view_fd, clones.paths[i]);
                if (r < 0) {
                        *reterr_what = "the mounts of the room";
                        return r;
                }
        }
        r = mount_tools(v, view_fd, reterr_what);
        if (r < 0)
                return r;
        *reterr_what = "the view";
        /* pivot_root(2): the old root is stacked under the new one, and detached from there. */
        if (fchdir(view_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
            chdir("/") < 0)
                return -errno;
        return 0;
}
