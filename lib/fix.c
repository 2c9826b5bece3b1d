/* What verify may mend: it takes permissions away and gives back what the manifest says. Nothing that it does opens a door
 * or removes a file. */

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "reterr.h"
#include "verify-internal.h"

#define PROC_PATH_SIZE 32

/* A file of the tree, not what a link there leads to, and only if it is the one that was looked at. */
static int open_node(const Verify *v, const Finding *f, char proc_path[static PROC_PATH_SIZE]) {
        _cleanup_close_ int root_fd = open(v->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -EBADF;
        const struct open_how how = {
                .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
        };
        const char *path = f->node->tree->path + 1;
        struct stat st;

        if (root_fd < 0)
                return -errno;
        fd = (int) syscall(SYS_openat2, root_fd, *path ? path : ".", &how, sizeof(how));
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (st.st_dev != f->node->tree->device || st.st_ino != f->node->tree->inode)
                return -ESTALE;
        snprintf(proc_path, PROC_PATH_SIZE, "/proc/self/fd/%d", fd);
        return TAKE_FD(fd);
}

static int set_immutable(const char *proc_path, bool on) {
        _cleanup_close_ int fd = open(proc_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        int flags;

        if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
                return -errno;
        flags = on ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
        return ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0 ? -errno : 0;
}

/* Do it to a node, whose immutable flag is off meanwhile. */
static int change(const Verify *v, const Finding *f,
                  int (*fn)(const Verify *v, const RuleNode *n, int fd, const char *proc_path)) {
        char proc_path[PROC_PATH_SIZE];
        _cleanup_close_ int fd = open_node(v, f, proc_path);
        int r = fd;

        if (r >= 0 && f->node->tree->is_immutable)
                r = set_immutable(proc_path, false);
        if (r >= 0) {
                r = fn(v, f->node, fd, proc_path);
                /* Whatever came of it. */
                if (f->node->tree->is_immutable) {
                        int k = set_immutable(proc_path, true);

                        r = r < 0 ? r : k;
                }
        }
        return r;
}

/* As the manifest has it; what it does not know keeps what only root needs. */
static mode_t wanted_mode(const RuleNode *n) {
        return n->expected ? n->expected->mode & 01777 : n->tree->mode & 0755;
}

static int change_mode(const Verify *v, const RuleNode *n, int fd, const char *proc_path) {
        return chmod(proc_path, wanted_mode(n)) < 0 ? -errno : 0;
}

int fix_mode(const Verify *v, const Finding *f, char **ret_done) {
        int r = S_ISLNK(f->node->tree->mode) ? -EOPNOTSUPP : change(v, f, change_mode);

        return r < 0 ? r
                     : reterr_set(ret_done, 0, "mode %04o set to %04o", f->node->tree->mode & 07777,
                                  wanted_mode(f->node));
}

static uid_t wanted_uid(const RuleNode *n) {
        return n->expected ? n->expected->uid : 0;
}

static gid_t wanted_gid(const RuleNode *n) {
        return n->expected ? n->expected->gid : 0;
}

/* chown(2) may clear bits of the mode: set as it was. */
static int change_owner(const Verify *v, const RuleNode *n, int fd, const char *proc_path) {
        if (fchownat(fd, "", wanted_uid(n), wanted_gid(n), AT_EMPTY_PATH) < 0)
                return -errno;
        return S_ISLNK(n->tree->mode) || chmod(proc_path, wanted_mode(n)) == 0 ? 0 : -errno;
}

int fix_owner(const Verify *v, const Finding *f, char **ret_done) {
        int r = change(v, f, change_owner);

        return r < 0 ? r
                     : reterr_set(ret_done, 0, "owner %u:%u set to %u:%u", f->node->tree->uid,
                                  f->node->tree->gid, wanted_uid(f->node), wanted_gid(f->node));
}

static int change_acl(const Verify *v, const RuleNode *n, int fd, const char *proc_path) {
        static const char *const names[] = { "system.posix_acl_access", "system.posix_acl_default" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (removexattr(proc_path, names[i]) < 0 && errno != ENODATA && errno != EOPNOTSUPP)
                        return -errno;
        /* With a list, the group's bits of the mode are its mask. */
        return change_mode(v, n, fd, proc_path);
}

int fix_acl(const Verify *v, const Finding *f, char **ret_done) {
        int r = change(v, f, change_acl);

        return r < 0 ? r : reterr_set(ret_done, 0, "access control list removed");
}

static int change_capability(const Verify *v, const RuleNode *n, int fd, const char *proc_path) {
        return removexattr(proc_path, "security.capability") < 0 ? -errno : 0;
}

int fix_capability(const Verify *v, const Finding *f, char **ret_done) {
        int r = change(v, f, change_capability);

        return r < 0 ? r : reterr_set(ret_done, 0, "file capabilities removed");
}

int fix_immutable(const Verify *v, const Finding *f, char **ret_done) {
        char proc_path[PROC_PATH_SIZE];
        _cleanup_close_ int fd = open_node(v, f, proc_path);
        int r = fd < 0 ? fd : set_immutable(proc_path, true);

        return r < 0 ? r : reterr_set(ret_done, 0, "made immutable");
}

int fix_host_mode(const Verify *v, const Finding *f, char **ret_done) {
        _cleanup_close_ int fd = open(f->where, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0 || fchmod(fd, st.st_mode & 0700) < 0)
                return -errno;
        return reterr_set(ret_done, 0, "mode %04o set to %04o", st.st_mode & 07777, st.st_mode & 0700);
}
