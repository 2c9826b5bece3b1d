#include "treeview.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <openssl/evp.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "folder.h"
#include "reterr.h"

#define DEPTH_MAX   256
#define BUFFER_SIZE (256 * 1024)
/* Of the first line of a private key. */
#define KEY_LINE_SIZE 80

typedef struct Walk {
        TreeView *view;
        size_t n_allocated;
        size_t max_nodes;
        unsigned flags;
        uint64_t mount_id;
        unsigned depth;
        /* Names of a file's attributes, as many as the kernel allows. */
        char attributes[XATTR_LIST_MAX];
        char **reterr;
} Walk;

DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

static void node_done(TreeNode *n) {
        free(n->path);
        free(n->target);
}

TreeView *treeview_free(TreeView *view) {
        if (!view)
                return NULL;
        for (size_t i = 0; i < view->n_nodes; i++)
                node_done(&view->nodes[i]);
        free(view->nodes);
        (void) close_fd(view->root_fd);
        free(view);
        return NULL;
}

static int node_compare(const void *a, const void *b) {
        return strcmp(((const TreeNode *) a)->path, ((const TreeNode *) b)->path);
}

TreeNode *treeview_find(const TreeView *view, const char *path) {
        TreeNode key = { .path = (char *) (uintptr_t) path };

        return bsearch(&key, view->nodes, view->n_nodes, sizeof(TreeNode), node_compare);
}

/* A key as OpenSSL writes it: "-----BEGIN RSA PRIVATE KEY-----" and its like. Programs have the words in them, too, but not
 * behind each other in one line; or, where they read such keys themselves, not at the end of one. */
static bool has_private_key(const char *buffer, size_t size) {
        static const char begin[] = "-----BEGIN ", end[] = "PRIVATE KEY-----";
        const char *p = buffer;

        while ((p = memmem(p, size - (size_t) (p - buffer), begin, strlen(begin)))) {
                size_t left = size - (size_t) (p - buffer),
                       line = left < KEY_LINE_SIZE ? left : KEY_LINE_SIZE;
                const char *q = memmem(p, line, end, strlen(end)), *behind = q ? q + strlen(end) : NULL;

                if (behind && (behind == p + left || *behind == '\n' || *behind == '\r') &&
                    !memchr(p, '\0', line < 40 ? line : 40))
                        return true;
                p += strlen(begin);
        }
        return false;
}

int tree_digest_file(int fd, unsigned char digest[static TREE_DIGEST_SIZE], bool *ret_has_key) {
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
        _cleanup_free_ char *buffer = malloc(KEY_LINE_SIZE + BUFFER_SIZE);
        /* Of the buffer before, so that a line across the two is seen. */
        size_t kept = 0;
        bool has_key = false;
        ssize_t n;

        if (!context || !buffer || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
                return -ENOMEM;
        while ((n = read(fd, buffer + kept, BUFFER_SIZE)) > 0) {
                size_t size = kept + (size_t) n;

                if (EVP_DigestUpdate(context, buffer + kept, (size_t) n) != 1)
                        return -EIO;
                has_key = has_key || (ret_has_key && has_private_key(buffer, size));
                kept = size < KEY_LINE_SIZE ? size : KEY_LINE_SIZE;
                memmove(buffer, buffer + size - kept, kept);
        }
        if (n < 0)
                return -errno;
        if (EVP_DigestFinal_ex(context, digest, NULL) != 1)
                return -EIO;
        if (ret_has_key)
                *ret_has_key = has_key;
        return 0;
}

static int read_target(int parent_fd, const char *name, TreeNode *n) {
        char target[PATH_MAX];
        ssize_t l = readlinkat(parent_fd, name, target, sizeof(target) - 1);

        if (l < 0)
                return -errno;
        target[l] = '\0';
        n->target = strdup(target);
        return n->target ? 0 : -ENOMEM;
}

/* Through the file's name: a device or a FIFO is not opened for it. */
static int read_attributes(Walk *w, int parent_fd, const char *name, TreeNode *n) {
        char path[PATH_MAX], *list = w->attributes;
        ssize_t size;

        if ((size_t) snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", parent_fd, name) >= sizeof(path))
                return -ENAMETOOLONG;
        size = llistxattr(path, list, sizeof(w->attributes));
        if (size < 0)
                return errno == ENOTSUP ? 0 : -errno;
        for (const char *p = list; p < list + size; p += strlen(p) + 1) {
                n->has_acl |= streq(p, "system.posix_acl_access") || streq(p, "system.posix_acl_default");
                n->has_capability |= streq(p, "security.capability");
        }
        return 0;
}

static int read_content(int parent_fd, const char *name, TreeNode *n) {
        _cleanup_close_ int fd = openat(parent_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

        return fd < 0 ? -errno : tree_digest_file(fd, n->digest, &n->has_private_key);
}

static TreeNode *add_node(Walk *w) {
        TreeView *view = w->view;

        if (view->n_nodes == w->n_allocated) {
                size_t bigger = w->n_allocated > 0 ? 2 * w->n_allocated : 256;
                TreeNode *nodes = reallocarray(view->nodes, bigger, sizeof(TreeNode));

                if (!nodes)
                        return NULL;
                view->nodes = nodes;
                w->n_allocated = bigger;
        }
        view->nodes[view->n_nodes] = (TreeNode){};
        return &view->nodes[view->n_nodes++];
}

static int read_node(Walk *w, int parent_fd, const char *name, char *path, mode_t *ret_mode) {
        const unsigned mask = STATX_BASIC_STATS | STATX_MNT_ID;
        struct statx st;
        TreeNode *n = add_node(w);
        int r;

        if (!n) {
                free(path);
                return -ENOMEM;
        }
        n->path = path;
        if (statx(parent_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name ? 0 : AT_EMPTY_PATH), mask,
                  &st) < 0)
                return -errno;
        if (w->view->n_nodes == 1)
                w->mount_id = st.stx_mnt_id;
        *ret_mode = 0;
        n->is_mounted = st.stx_mnt_id != w->mount_id;
        if (n->is_mounted)
                return 0;
        *ret_mode = n->mode = st.stx_mode;
        n->uid = st.stx_uid;
        n->gid = st.stx_gid;
        n->nlink = st.stx_nlink;
        n->device = makedev(st.stx_dev_major, st.stx_dev_minor);
        n->inode = st.stx_ino;
        n->rdev = makedev(st.stx_rdev_major, st.stx_rdev_minor);
        n->size = st.stx_size;
        n->is_immutable = st.stx_attributes & STATX_ATTR_IMMUTABLE;
        n->can_be_immutable = st.stx_attributes_mask & STATX_ATTR_IMMUTABLE;
        r = read_attributes(w, parent_fd, *name ? name : ".", n);
        if (r >= 0 && S_ISLNK(n->mode))
                r = read_target(parent_fd, name, n);
        if (r >= 0 && S_ISREG(n->mode) && (w->flags & TREE_CONTENT))
                r = read_content(parent_fd, name, n);
        return r;
}

static int read_folder(Walk *w, int fd, const char *path);

/* Consumes path. What goes away meanwhile was not there. Returns 1 where there are too many. */
static int read_entry(Walk *w, int parent_fd, const char *name, char *path) {
        _cleanup_close_ int fd = -EBADF;
        /* The node may move while others are added; its path does not. */
        const char *kept = path;
        mode_t mode;
        int r;

        if (w->max_nodes > 0 && w->view->n_nodes >= w->max_nodes) {
                free(path);
                return 1;
        }
        r = read_node(w, parent_fd, name, path, &mode);
        if (r == -ENOENT) {
                node_done(&w->view->nodes[--w->view->n_nodes]);
                return 0;
        }
        if (r < 0)
                return reterr_set(w->reterr, r, "%s: %s", kept, strerror(-r));
        if (!S_ISDIR(mode))
                return 0;
        fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : reterr_set(w->reterr, -errno, "%s: %s", kept, strerror(errno));
        return read_folder(w, fd, kept);
}

static int read_folder(Walk *w, int fd, const char *path) {
        _cleanup_strv_free_ char **names = NULL;
        int r = folder_list(fd, &names);

        if (r >= 0 && ++w->depth > DEPTH_MAX)
                r = -ELOOP;
        if (r < 0)
                return reterr_set(w->reterr, r, "%s: %s", path, strerror(-r));
        for (char **name = names; r == 0 && name && *name; name++) {
                char *child;

                if (asprintf(&child, "%s/%s", streq(path, "/") ? "" : path, *name) < 0)
                        return -ENOMEM;
                r = read_entry(w, fd, *name, child);
        }
        w->depth--;
        return r;
}

static int open_clone(const char *path) {
        struct mount_attr attr = {
                .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
                            MOUNT_ATTR_NOATIME | MOUNT_ATTR_NOSYMFOLLOW,
                .attr_clr = MOUNT_ATTR__ATIME,
                .propagation = MS_PRIVATE,
        };
        _cleanup_close_ int fd =
                        open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

        if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int treeview_read(const char *path, unsigned flags, size_t max_nodes, TreeView **ret, char **reterr) {
        _cleanup_(treeview_freep) TreeView *view = calloc(1, sizeof(TreeView));
        _cleanup_close_ int fd = -EBADF;
        Walk w = { .view = view, .max_nodes = max_nodes, .flags = flags, .reterr = reterr };
        mode_t mode;
        char *top;
        int r;

        if (!view)
                return -ENOMEM;
        r = view->root_fd = open_clone(path);
        if (r >= 0) {
                fd = openat(view->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                r = fd < 0 ? -errno : 0;
        }
        if (r < 0)
                return reterr_set(reterr, r, "%s: %s", path, strerror(-r));
        top = strdup("/");
        r = top ? read_node(&w, fd, "", top, &mode) : -ENOMEM;
        if (r < 0)
                return reterr_set(reterr, r, "%s: %s", path, strerror(-r));
        r = read_folder(&w, fd, "/");
        if (r < 0)
                return r;
        qsort(view->nodes, view->n_nodes, sizeof(TreeNode), node_compare);
        *ret = TAKE_PTR(view);
        return r;
}
