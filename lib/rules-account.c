/* The one user: in the jail, and on the host. */

#include <pwd.h>
#include <shadow.h>

#include "rootpath.h"
#include "verify-internal.h"

/* Users of the system, as Debian and Fedora number them. */
#define SYSTEM_UID_MAX 999

/* Of etc/passwd and etc/group in the tree, which have some lines at most. */
#define ACCOUNTS_SIZE_MAX (64 * 1024)

/* A file of the tree as a stream, without links out of it, or NULL. */
static FILE *open_in_tree(const Verify *v, const char *path) {
        struct stat st;
        _cleanup_close_ int fd = rootpath_open_regular(v->view->root_fd, path, &st);
        FILE *f;

        if (fd < 0 || st.st_size > ACCOUNTS_SIZE_MAX)
                return NULL;
        f = fdopen(fd, "r");
        if (f)
                TAKE_FD(fd);
        return f;
}

static bool is_no_password(const char *s) {
        return streq(s, "x") || streq(s, "*") || s[0] == '!';
}

typedef struct Account {
        const char *name;
        const char *password;
        const char *id;
        /* Of passwd. */
        const char *shell;
} Account;

static int for_each_line(Verify *v, const Rule *rule, const char *path, bool is_passwd,
                         int (*fn)(Verify *v, const Rule *rule, const char *path, const Account *a)) {
        _cleanup_fclose_ FILE *f = open_in_tree(v, path);
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        int r = 0;

        while (r >= 0 && f && getline(&line, &size, f) > 0) {
                char *rest = line;
                Account a;

                line[strcspn(line, "\n")] = '\0';
                a.name = strsep(&rest, ":");
                a.password = strsep(&rest, ":") ?: "";
                a.id = strsep(&rest, ":") ?: "";
                for (int i = 0; is_passwd && i < 3; i++)
                        (void) strsep(&rest, ":");
                a.shell = rest ?: "";
                if (*a.name)
                        r = fn(v, rule, path, &a);
        }
        return r;
}

/* Calls fn for each line, with its fields; is_passwd tells the formats apart. A finding explains that the file's content is
 * another one. */
static int for_each_account(Verify *v, const Rule *rule, const char *path, bool is_passwd,
                            int (*fn)(Verify *v, const Rule *rule, const char *path, const Account *a)) {
        const TreeNode *n = treeview_find(v->view, path);
        size_t n_before = v->n_findings;
        int r = for_each_line(v, rule, path, is_passwd, fn);

        if (n && v->n_findings > n_before)
                v->nodes[n - v->view->nodes].explained |= rule->explains;
        return r;
}

static int on_user(Verify *v, const Rule *rule, const char *path, const Account *a) {
        if (streq(a->name, v->launch->user) && strtoul(a->id, NULL, 10) == v->launch->uid)
                return 0;
        return verify_find(v, rule, NULL, path, "knows of the user %s (%s)", a->name, a->id);
}

static int on_group(Verify *v, const Rule *rule, const char *path, const Account *a) {
        if (strtoul(a->id, NULL, 10) == v->launch->gid && *a->id)
                return 0;
        return verify_find(v, rule, NULL, path, "knows of the group %s (%s)", a->name, a->id);
}

static int check_users(Verify *v, const Rule *rule) {
        int r = for_each_account(v, rule, "/etc/passwd", true, on_user);

        return r < 0 ? r : for_each_account(v, rule, "/etc/group", false, on_group);
}

static int on_password(Verify *v, const Rule *rule, const char *path, const Account *a) {
        if (is_no_password(a->password))
                return 0;
        return verify_find(v, rule, NULL, path,
                           *a->password ? "has a password of %s" : "lets %s in without a password", a->name);
}

static int check_passwords(Verify *v, const Rule *rule) {
        static const char *const shadows[] = { "/etc/shadow", "/etc/shadow-", "/etc/gshadow",
                                               "/etc/gshadow-", "/etc/passwd-" };
        int r = for_each_account(v, rule, "/etc/passwd", true, on_password);

        if (r >= 0)
                r = for_each_account(v, rule, "/etc/group", false, on_password);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(shadows); i++) {
                const TreeNode *n = treeview_find(v->view, shadows[i]);

                if (n)
                        r = verify_find(v, rule, &v->nodes[n - v->view->nodes], NULL, "is there");
        }
        return r;
}

static bool is_no_shell(const char *shell) {
        const char *name = path_name(shell);

        return streq(name, "false") || streq(name, "nologin");
}

static int on_shell(Verify *v, const Rule *rule, const char *path, const Account *a) {
        return is_no_shell(a->shell) ? 0
                                     : verify_find(v, rule, NULL, path, "gives %s the shell %s", a->name,
                                                   *a->shell ? a->shell : "/bin/sh");
}

static int check_shell(Verify *v, const Rule *rule) {
        return for_each_account(v, rule, "/etc/passwd", true, on_shell);
}

static int check_host_shell(Verify *v, const Rule *rule) {
        const struct passwd *pw = getpwuid(v->launch->uid);

        if (!pw || is_no_shell(pw->pw_shell))
                return 0;
        return verify_find(v, rule, NULL, pw->pw_name, "has the shell %s on the host",
                           *pw->pw_shell ? pw->pw_shell : "/bin/sh");
}

static int check_host_password(Verify *v, const Rule *rule) {
        const struct passwd *pw = getpwuid(v->launch->uid);
        const struct spwd *sp = pw ? getspnam(pw->pw_name) : NULL;

        if (!sp || sp->sp_pwdp[0] == '!' || sp->sp_pwdp[0] == '*')
                return 0;
        return verify_find(v, rule, NULL, sp->sp_namp, "can log in on the host: its password is not locked");
}

static int check_host_uid(Verify *v, const Rule *rule) {
        if (v->launch->uid <= SYSTEM_UID_MAX)
                return 0;
        return verify_find(v, rule, NULL, v->launch->user, "has the number %u, which is a person's",
                           v->launch->uid);
}

const Rule rules_account[] = {
        { .id = "account-other-user",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "The jail knows of one user and one group",
          .why = "Names of the host's users are of no use to the server, and of some to who has broken in.",
          .action = "jailctl build makes etc/passwd and etc/group.",
          .check = check_users,
          .explains = DIFFERS_CONTENT },
        { .id = "account-password",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "There is no password in the jail",
          .why = "A hash that can be read is a password that can be guessed, at leisure and elsewhere.",
          .action = "Remove it; change the password where it is used. jailctl build makes etc/passwd and etc/group.",
          .check = check_passwords,
          .explains = DIFFERS_CONTENT | DIFFERS_EXTRA },
        { .id = "account-shell",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "The jail's user has no shell",
          .why = "Nothing logs in here.",
          .action = "jailctl build makes etc/passwd.",
          .benchmark = "CIS 3.2",
          .check = check_shell,
          .explains = DIFFERS_CONTENT },
        { .id = "host-account-shell",
          .part = RULE_HOST,
          .severity = RULE_WARNING,
          .title = "The server's user has no shell on the host",
          .why = "A service is no person: who becomes it must not get a shell by that.",
          .action = "usermod -s /usr/sbin/nologin USER",
          .benchmark = "CIS 3.2",
          .check = check_host_shell },
        { .id = "host-account-password",
          .part = RULE_HOST,
          .severity = RULE_ERROR,
          .title = "The server's user cannot log in on the host",
          .why = "Its password would be a way into the host.",
          .action = "usermod -L USER",
          .benchmark = "CIS 3.3",
          .check = check_host_password },
        { .id = "host-account-number",
          .part = RULE_HOST,
          .severity = RULE_WARNING,
          .title = "The server's user has a number of the system",
          .why = "Numbers of persons are given anew, with all files that have them.",
          .action = "Make a user for the server (adduser --system), and name it in Apache's configuration or with User=.",
          .check = check_host_uid },
        {},
};
