/* The folders of the host that the jail is shown: what Apache serves, and what it may write. */

#include <fnmatch.h>

#include "rootpath.h"
#include "verify-internal.h"

/* More than this is not looked at: verify is to be quick, and a folder that is wrong is wrong near its top. */
#define DOCUMENTS_MAX ((size_t) 20000)

/* Calls check for each file and folder of each folder of the host that is shown read-only, until one is found. */
static int for_each_document(Verify *v, const Rule *rule,
                             int (*check)(Verify *v, const Rule *rule, const char *path,
                                          const TreeView *view, const TreeNode *n)) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < v->launch->n_mounts; i++) {
                const LaunchMount *m = &v->launch->mounts[i];
                _cleanup_(treeview_freep) TreeView *view = NULL;
                _cleanup_free_ char *reason = NULL;

                if (m->type != MOUNT_BIND_RO)
                        continue;
                r = treeview_read(m->source, 0, DOCUMENTS_MAX, &view, &reason);
                if (r < 0) {
                        /* A file is not walked; what is not there any more is empty from the next start on, with a warning. */
                        r = r == -ENOTDIR || r == -ENOENT
                                            ? 0
                                            : verify_find(v, rule, NULL, m->source,
                                                          "cannot be looked at: %s", reason ?: strerror(-r));
                        continue;
                }
                r = 0;
                for (size_t k = 0; r == 0 && k < view->n_nodes; k++) {
                        const TreeNode *n = &view->nodes[k];
                        _cleanup_free_ char *path = NULL;

                        if (asprintf(&path, "%s%s", m->source, streq(n->path, "/") ? "" : n->path) < 0)
                                return -ENOMEM;
                        r = check(v, rule, path, view, n);
                }
                if (r > 0)
                        r = 0;
        }
        return r;
}

/* Returns 1 after a finding: one of a folder is enough. */
static int found(int r) {
        return r < 0 ? r : 1;
}

static int on_owner(Verify *v, const Rule *rule, const char *path, const TreeView *view, const TreeNode *n) {
        const Launch *l = v->launch;

        if (S_ISLNK(n->mode))
                return 0;
        if (n->uid == l->uid)
                return found(verify_find(v, rule, NULL, path, "belongs to %s, the server's user", l->user));
        if (n->mode & S_IWOTH && !(n->mode & S_ISVTX))
                return found(verify_find(v, rule, NULL, path, "may be written by anyone, with mode %04o",
                                         n->mode & 07777));
        if (n->gid == l->gid && n->mode & S_IWGRP)
                return found(verify_find(v, rule, NULL, path,
                                         "may be written by the server's group, with mode %04o",
                                         n->mode & 07777));
        return 0;
}

static int check_owner(Verify *v, const Rule *rule) {
        return for_each_document(v, rule, on_owner);
}

static int on_private(Verify *v, const Rule *rule, const char *path, const TreeView *view,
                      const TreeNode *n) {
        static const char *const folders[] = { ".git", ".svn", ".hg", "CVS" };
        static const char *const files[] = { ".env",   "*.sql",  "*.bak", "*.orig", "*~",
                                             ".*.swp", "id_rsa", "*.pem", "*.key" };
        const char *name = path_name(path);

        for (size_t i = 0; S_ISDIR(n->mode) && i < ELEMENTSOF(folders); i++)
                if (streq(name, folders[i]))
                        return found(verify_find(v, rule, NULL, path, "is served with all that is in it"));
        for (size_t i = 0; S_ISREG(n->mode) && i < ELEMENTSOF(files); i++)
                if (fnmatch(files[i], name, 0) == 0)
                        return found(verify_find(v, rule, NULL, path,
                                                 "is served, and was hardly meant to be"));
        return 0;
}

static int check_private(Verify *v, const Rule *rule) {
        return for_each_document(v, rule, on_private);
}

/* The page that a distribution puts there, told by its own words. */
static int on_sample(Verify *v, const Rule *rule, const char *path, const TreeView *view,
                     const TreeNode *n) {
        static const char *const words[] = { "Apache2 Debian Default Page", "Apache2 Ubuntu Default Page",
                                             "<h1>It works!</h1>", "Test Page for the" };
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        char text[4096];
        ssize_t size;

        if (!S_ISREG(n->mode) || fnmatch("index*.htm*", path_name(path), 0) != 0)
                return 0;
        /* In the view: whose document it is may put a link in its place meanwhile. */
        fd = rootpath_open_regular(view->root_fd, n->path, &st);
        size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (size < 0)
                return 0;
        text[size] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strstr(text, words[i]))
                        return found(verify_find(v, rule, NULL, path,
                                                 "is the page that came with the package"));
        return 0;
}

static int check_sample(Verify *v, const Rule *rule) {
        return for_each_document(v, rule, on_sample);
}

static int check_writable_bind(Verify *v, const Rule *rule) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < v->launch->n_mounts; i++)
                if (v->launch->mounts[i].type == MOUNT_BIND_RW)
                        r = verify_find(v, rule, NULL, v->launch->mounts[i].source,
                                        "may be written by the jail, at %s", v->launch->mounts[i].target);
        return r;
}

const Rule rules_documents[] = {
        { .id = "host-document-owner",
          .part = RULE_HOST,
          .severity = RULE_WARNING,
          .title = "Documents belong to somebody else than the server's user",
          .why = "The jail sees them read-only; whatever else runs as that user on the host does not. Looks at the first 20000 files of each folder.",
          .action = "chown the documents to who edits them; chmod go-w.",
          .benchmark = "CIS 3.4, CIS 3.11; STIG V-214284",
          .check = check_owner },
        { .id = "host-document-private",
          .part = RULE_HOST,
          .severity = RULE_WARNING,
          .title = "No repositories, dumps, backups or keys lie among the documents",
          .why = "Apache serves what lies there. The first one of each folder is shown.",
          .action = "Move it out, or refuse it in Apache's configuration (RedirectMatch 404).",
          .benchmark = "CIS 5.11, CIS 5.12",
          .check = check_private },
        { .id = "host-sample-page",
          .part = RULE_HOST,
          .severity = RULE_NOTE,
          .title = "The distribution's default page is not served",
          .why = "It tells which server and distribution this is, and that nobody has looked yet.",
          .action = "Put your own in its place.",
          .benchmark = "CIS 5.4; STIG V-214242",
          .check = check_sample },
        { .id = "host-bind-writable",
          .part = RULE_HOST,
          .severity = RULE_NOTE,
          .title = "The jail can write no folder of the host",
          .why = "Where Bind= says so it can, to stay. Who uses the folder on the host must not trust what is in it.",
          .action = "Nothing, if it is meant. Writable= gives a place that is empty at each start.",
          .check = check_writable_bind },
        {},
};
