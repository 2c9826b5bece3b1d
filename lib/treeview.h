#pragma once

/* A tree as it lies there, read without leaving a trace: through a private copy of its mounts that is read-only, does not
 * keep access times and follows no symbolic link. What is mounted over it is seen, and not entered. */

#include <sys/stat.h>
#include <sys/types.h>

#include "base.h"

/* Bytes of a SHA-256. */
#define TREE_DIGEST_SIZE 32

typedef struct TreeNode {
        /* From the tree's top: "/" or "/etc/passwd". */
        char *path;
        mode_t mode;
        uid_t uid;
        gid_t gid;
        uint64_t nlink;
        dev_t device;
        ino_t inode;
        /* Device nodes only. */
        dev_t rdev;
        uint64_t size;
        /* Symbolic links: what they say. */
        char *target;
        bool is_immutable;
        /* Its file system knows of immutable files. */
        bool can_be_immutable;
        bool has_acl;
        bool has_capability;
        /* It has another mount over it: nothing else is known of it, and nothing beneath is in the view. */
        bool is_mounted;
        /* With TREE_CONTENT, of regular files. */
        unsigned char digest[TREE_DIGEST_SIZE];
        bool has_private_key;
} TreeNode;

typedef struct TreeView {
        /* By path, as strcmp(3) has it. */
        TreeNode *nodes;
        size_t n_nodes;
        /* The top of the private copy, for who reads a file of it; owned. */
        int root_fd;
} TreeView;

/* Read every regular file: for its digest, and whether there is a private key in it. */
#define TREE_CONTENT (1U << 0)

/* Look at all of a tree. path is a folder's, a symbolic link at its end is followed. At most max_nodes are looked at,
 * 0: all of them. Needs CAP_SYS_ADMIN. Returns 0 and a view that the caller frees; 1 when there is more than max_nodes;
 * -ENOTDIR; -ELOOP where folders are nested too deep; or an errno, with the place in *reterr. */
int treeview_read(const char *path, unsigned flags, size_t max_nodes, TreeView **ret, char **reterr);
TreeView *treeview_free(TreeView *view);
DEFINE_CLEANUP(TreeView *, treeview_free)

/* The node at a path, or NULL. */
TreeNode *treeview_find(const TreeView *view, const char *path);

/* The digest of an open file, from its beginning; has_key may be NULL. Returns 0 or an errno. */
int tree_digest_file(int fd, unsigned char digest[static TREE_DIGEST_SIZE], bool *ret_has_key);
