/* What kind of thing may be in a jail at all, and who may change it. */

#include <sys/sysmacros.h>

#include "verify-internal.h"

static int check_set_id(Verify *v, const Rule *rule, RuleNode *n) {
        if (!S_ISREG(n->tree->mode) || !(n->tree->mode & (S_ISUID | S_ISGID)))
                return 0;
        return verify_find(v, rule, n, NULL, "has mode %04o", n->tree->mode & 07777);
}

static int check_capability(Verify *v, const Rule *rule, RuleNode *n) {
        return n->tree->has_capability ? verify_find(v, rule, n, NULL, "carries file capabilities") : 0;
}

static int check_acl(Verify *v, const Rule *rule, RuleNode *n) {
        return n->tree->has_acl ? verify_find(v, rule, n, NULL, "has an access control list beside its mode")
                                : 0;
}

/* The links that there are, and those of them that are in the tree. */
static int check_hard_link(Verify *v, const Rule *rule, RuleNode *n) {
        uint64_t inside = 0;

        if (S_ISDIR(n->tree->mode) || n->tree->nlink <= 1 || n->tree->is_mounted)
                return 0;
        for (size_t i = 0; i < v->view->n_nodes; i++)
                inside += v->view->nodes[i].inode == n->tree->inode &&
                          v->view->nodes[i].device == n->tree->device;
        return verify_find(v, rule, n, NULL, "has %llu names, %llu of them outside of the jail",
                           (unsigned long long) n->tree->nlink,
                           (unsigned long long) (n->tree->nlink > inside ? n->tree->nlink - inside : 0));
}

static int check_device(Verify *v, const Rule *rule, RuleNode *n) {
        const dev_t wanted[] = { makedev(1, 3), makedev(1, 5), makedev(1, 9) };

        if (!S_ISCHR(n->tree->mode) && !S_ISBLK(n->tree->mode))
                return 0;
        /* Under a name that the build gave, a rule of the manifest looks at the number. */
        if (n->expected && (n->expected->mode & S_IFMT) == (n->tree->mode & S_IFMT))
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(wanted); i++)
                if (S_ISCHR(n->tree->mode) && n->tree->rdev == wanted[i])
                        return 0;
        return verify_find(v, rule, n, NULL, "is the %s device %u:%u",
                           S_ISCHR(n->tree->mode) ? "character" : "block", major(n->tree->rdev),
                           minor(n->tree->rdev));
}

static int check_socket(Verify *v, const Rule *rule, RuleNode *n) {
        return S_ISSOCK(n->tree->mode) ? verify_find(v, rule, n, NULL, "is a socket") : 0;
}

static bool is_log(const Verify *v, const char *path) {
        for (size_t i = 0; i < v->launch->n_logs; i++)
                if (streq(v->launch->logs[i].fifo, path))
                        return true;
        return false;
}

static int check_fifo(Verify *v, const Rule *rule, RuleNode *n) {
        if (!S_ISFIFO(n->tree->mode) || is_log(v, n->tree->path))
                return 0;
        return verify_find(v, rule, n, NULL, "is a FIFO, and no log");
}

static bool is_wanted_device(const RuleNode *n) {
        return S_ISCHR(n->tree->mode) && n->expected && S_ISCHR(n->expected->mode);
}

static int check_world_writable(Verify *v, const Rule *rule, RuleNode *n) {
        if (S_ISLNK(n->tree->mode) || is_wanted_device(n) || !(n->tree->mode & S_IWOTH))
                return 0;
        return verify_find(v, rule, n, NULL, "may be written by anyone, with mode %04o",
                           n->tree->mode & 07777);
}

static int check_jail_writable(Verify *v, const Rule *rule, RuleNode *n) {
        if (S_ISLNK(n->tree->mode) || n->tree->gid != v->launch->gid || !(n->tree->mode & S_IWGRP) ||
            (S_ISFIFO(n->tree->mode) && is_log(v, n->tree->path)))
                return 0;
        return verify_find(v, rule, n, NULL, "may be written by the server's group, with mode %04o",
                           n->tree->mode & 07777);
}

static int check_jail_owned(Verify *v, const Rule *rule, RuleNode *n) {
        if (n->tree->uid != v->launch->uid)
                return 0;
        return verify_find(v, rule, n, NULL, "belongs to %s, the server's user", v->launch->user);
}

static int check_foreign_owned(Verify *v, const Rule *rule, RuleNode *n) {
        if (n->tree->uid == 0 || n->tree->uid == v->launch->uid)
                return 0;
        return verify_find(v, rule, n, NULL, "belongs to user %u", n->tree->uid);
}

static int check_readable_program(Verify *v, const Rule *rule, RuleNode *n) {
        if (!S_ISREG(n->tree->mode) || !streq(n->tree->path, v->launch->httpd) || !(n->tree->mode & 0444))
                return 0;
        return verify_find(v, rule, n, NULL, "can be read by the server's user, with mode %04o",
                           n->tree->mode & 07777);
}

static int check_mounted(Verify *v, const Rule *rule, RuleNode *n) {
        return n->tree->is_mounted
                               ? verify_find(v, rule, n, NULL, "something is mounted over it on the host")
                               : 0;
}

static int check_file_system(Verify *v, const Rule *rule) {
        static const char *const folders[] = { "/home", "/tmp", "/var/tmp", "/var/log", "/srv" };
        struct stat st;

        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                if (stat(folders[i], &st) == 0 && st.st_dev == v->view->nodes[0].device)
                        return verify_find(v, rule, NULL, v->root_path,
                                           "is on one file system with %s, where others can write",
                                           folders[i]);
        return 0;
}

const Rule rules_tree[] = {
        { .id = "tree-set-id",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "No file has a set-user-ID or set-group-ID bit",
          .why = "Who executes such a file becomes its owner. The jail's mounts and its lack of privileges disarm it, but no build puts one there.",
          .action = "Find out who set it. --fix takes the bit away; jailctl build makes a new tree.",
          .check_node = check_set_id,
          .explains = DIFFERS_MODE | DIFFERS_EXTRA,
          .fix = fix_mode },
        { .id = "tree-capability",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "No file carries capabilities",
          .why = "File capabilities are set-user-ID in small: whoever executes the file gets a part of root's power.",
          .action = "Find out who set them. --fix removes them.",
          .check_node = check_capability,
          .fix = fix_capability },
        { .id = "tree-acl",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "No file has an access control list",
          .why = "A list grants what the mode does not show, so that nobody who looks with ls(1) sees who may write.",
          .action = "--fix removes the list.",
          .benchmark = "CIS 3.6, CIS 3.11",
          .check_node = check_acl,
          .explains = DIFFERS_MODE,
          .fix = fix_acl },
        { .id = "tree-hard-link",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "No file of the tree has another name outside of it",
          .why = "A hard link is the same file: what is written to it outside changes the jail, and the other way round. The build copies, always.",
          .action = "Find the other name (find / -samefile FILE), then build anew.",
          .check_node = check_hard_link },
        { .id = "tree-device",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "There is no device but null, zero and urandom",
          .why = "A device node is a door into the kernel: a disk's opens every file of the host.",
          .action = "Remove the node, and find out who made it.",
          .check_node = check_device,
          .explains = DIFFERS_EXTRA | DIFFERS_TYPE },
        { .id = "tree-socket",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "There is no socket in the tree",
          .why = "A socket in the read-only root leads to a process outside that listens on it.",
          .action = "Remove it. What the jail may talk to is said with Connect= and Bind=.",
          .check_node = check_socket,
          .explains = DIFFERS_EXTRA | DIFFERS_TYPE },
        { .id = "tree-fifo",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "There is no FIFO but those of the logs",
          .why = "A FIFO carries data between the jail and whoever opens its other end.",
          .action = "Remove it.",
          .check_node = check_fifo,
          .explains = DIFFERS_EXTRA | DIFFERS_TYPE },
        { .id = "tree-world-writable",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "Nothing may be written by everybody",
          .why = "The mount is read-only, but that must not be the only thing between a worker and a file.",
          .action = "--fix takes the permission away.",
          .benchmark = "CIS 3.6; STIG AS24-U1-000440",
          .check_node = check_world_writable,
          .explains = DIFFERS_MODE,
          .fix = fix_mode },
        { .id = "tree-jail-writable",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "Nothing but the logs may be written by the server's group",
          .why = "As for everybody: a worker must not be able to change what the next start reads.",
          .action = "--fix takes the permission away.",
          .benchmark = "CIS 3.5, CIS 3.11",
          .check_node = check_jail_writable,
          .explains = DIFFERS_MODE | DIFFERS_OWNER,
          .fix = fix_mode },
        { .id = "tree-jail-owned",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "Nothing belongs to the server's user",
          .why = "The owner of a file can give himself any permission on it.",
          .action = "--fix gives it back to root.",
          .benchmark = "CIS 3.4; STIG AS24-U1-000440",
          .check_node = check_jail_owned,
          .explains = DIFFERS_OWNER,
          .fix = fix_owner },
        { .id = "tree-foreign-owned",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "Everything belongs to root",
          .why = "Another user of the host could change what the jail runs.",
          .action = "--fix gives it back to root.",
          .benchmark = "CIS 3.4; STIG AS24-U1-000440",
          .check_node = check_foreign_owned,
          .explains = DIFFERS_OWNER,
          .fix = fix_owner },
        { .id = "tree-readable-program",
          .part = RULE_TREE,
          .severity = RULE_WARNING,
          .title = "The server's user cannot read the server's program",
          .why = "A process whose program its user cannot read is not dumpable: no core file, and no ptrace by another worker.",
          .action = "--fix sets the mode that the manifest has.",
          .check_node = check_readable_program,
          .explains = DIFFERS_MODE,
          .fix = fix_mode },
        { .id = "tree-mounted",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "Nothing is mounted over the tree on the host",
          .why = "The next start would serve what is mounted there, which no manifest describes.",
          .action = "umount(8) it. Folders of the host are shown to the jail with BindReadOnly= and Bind=.",
          .check_node = check_mounted },
        { .id = "tree-file-system",
          .part = RULE_TREE,
          .severity = RULE_NOTE,
          .title = "The tree is on a file system of its own",
          .why = "Where others can write, they can fill the disk under the jail, and hard links can be made to its files.",
          .action = "Give jaild's state folder a partition or volume of its own, if that is worth it here.",
          .check = check_file_system },
        {},
};
