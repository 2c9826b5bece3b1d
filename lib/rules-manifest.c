/* The tree is what was built: nothing more, nothing less, nothing else. */

#include <sys/sysmacros.h>

#include "verify-internal.h"

static const char *type_name(mode_t mode) {
        switch (mode & S_IFMT) {
        case S_IFREG:
                return "a regular file";
        case S_IFDIR:
                return "a folder";
        case S_IFLNK:
                return "a symbolic link";
        case S_IFCHR:
                return "a character device";
        case S_IFBLK:
                return "a block device";
        case S_IFIFO:
                return "a FIFO";
        case S_IFSOCK:
                return "a socket";
        default:
                return "unknown";
        }
}

static bool has(const RuleNode *n, unsigned differs) {
        return n->differs & ~n->explained & differs;
}

static int check_missing(Verify *v, const Rule *rule) {
        for (size_t i = 0; i < v->manifest->n_entries; i++) {
                const ManifestEntry *e = &v->manifest->entries[i];
                int r;

                if (treeview_find(v->view, e->path))
                        continue;
                r = verify_find(v, rule, NULL, e->path, "is missing; it was %s", type_name(e->mode));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_extra(Verify *v, const Rule *rule, RuleNode *n) {
        return has(n, DIFFERS_EXTRA) ? verify_find(v, rule, n, NULL, "is %s that was not built",
                                                   type_name(n->tree->mode))
                                     : 0;
}

static int check_type(Verify *v, const Rule *rule, RuleNode *n) {
        if (!has(n, DIFFERS_TYPE))
                return 0;
        return verify_find(v, rule, n, NULL, "is %s and was %s", type_name(n->tree->mode),
                           type_name(n->expected->mode));
}

static int check_content(Verify *v, const Rule *rule, RuleNode *n) {
        if (!has(n, DIFFERS_CONTENT))
                return 0;
        if (n->tree->size != n->expected->size)
                return verify_find(v, rule, n, NULL, "has %llu bytes and had %llu",
                                   (unsigned long long) n->tree->size,
                                   (unsigned long long) n->expected->size);
        return verify_find(v, rule, n, NULL, "has another content");
}

static int check_mode(Verify *v, const Rule *rule, RuleNode *n) {
        if (!has(n, DIFFERS_MODE))
                return 0;
        return verify_find(v, rule, n, NULL, "has mode %04o and had %04o", n->tree->mode & 07777,
                           n->expected->mode & 07777);
}

static int check_owner(Verify *v, const Rule *rule, RuleNode *n) {
        if (!has(n, DIFFERS_OWNER))
                return 0;
        return verify_find(v, rule, n, NULL, "belongs to %u:%u and did to %u:%u", n->tree->uid, n->tree->gid,
                           n->expected->uid, n->expected->gid);
}

static int check_target(Verify *v, const Rule *rule, RuleNode *n) {
        if (!has(n, DIFFERS_TARGET))
                return 0;
        return verify_find(v, rule, n, NULL, "leads to %s and did to %s", n->tree->target,
                           n->expected->target ?: "nothing");
}

static int check_device_number(Verify *v, const Rule *rule, RuleNode *n) {
        if (!has(n, DIFFERS_DEVICE))
                return 0;
        return verify_find(v, rule, n, NULL, "is device %u:%u and was %u:%u", major(n->tree->rdev),
                           minor(n->tree->rdev), major(n->expected->rdev), minor(n->expected->rdev));
}

static int check_immutable(Verify *v, const Rule *rule, RuleNode *n) {
        return has(n, DIFFERS_FLAGS) ? verify_find(v, rule, n, NULL, "is no longer immutable") : 0;
}

const Rule rules_manifest[] = {
        { .id = "tree-missing",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "Everything that was built is there",
          .why = "Apache may start without it and fail a request next week.",
          .action = "jailctl build makes it again, jailctl restart takes it over.",
          .check = check_missing },
        { .id = "tree-extra",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "Nothing is there that was not built",
          .why = "A jail decays by what is copied into it. What belongs in it is said in the configuration, so that the next build has it too.",
          .action = "Remove it, or name it with Include= and build anew.",
          .check_node = check_extra },
        { .id = "tree-type",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "Everything is of the type that was built",
          .why = "A link or folder in the place of a file leads the server elsewhere.",
          .action = "jailctl build",
          .check_node = check_type },
        { .id = "tree-content",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "Every file has the content that was built (SHA-256)",
          .why = "Somebody with root's power on the host changed it, or the disk did.",
          .action = "Find out which. jailctl build, jailctl restart.",
          .benchmark = "CIS 2.1 (modules as installed)",
          .check_node = check_content },
        { .id = "tree-mode",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "Every mode is as built",
          .why = "The build gives the least that works.",
          .action = "--fix sets the mode that the manifest has.",
          .benchmark = "CIS 3.6; STIG AS24-U1-000440",
          .check_node = check_mode,
          .fix = fix_mode },
        { .id = "tree-owner",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "Every owner and group is as built",
          .why = "Owner and group decide who may read and write.",
          .action = "--fix sets those that the manifest has.",
          .benchmark = "CIS 3.4, CIS 3.5",
          .check_node = check_owner,
          .fix = fix_owner },
        { .id = "tree-link-target",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "Every symbolic link leads where it was built to",
          .why = "Another target is another library or another configuration.",
          .action = "jailctl build",
          .check_node = check_target },
        { .id = "tree-device-number",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "The devices have their numbers",
          .why = "A null device with the numbers of a disk is the disk.",
          .action = "Find out who made it. jailctl build",
          .check_node = check_device_number },
        { .id = "tree-immutable",
          .part = RULE_TREE,
          .severity = RULE_WARNING,
          .title = "What was made immutable still is",
          .why = "The flag stops even root's slips of the finger; it is lost only when somebody takes it away.",
          .action = "--fix sets it again.",
          .check_node = check_immutable,
          .fix = fix_immutable },
        {},
};
