/* What is bound or copied into a jail may be in folders of users, who can put links there at any time: none of them leads
 * the root that follows it to what is not theirs. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "jailtest.h"

#define USER 12345
#define HOME "/srv/user"
#define SAYS JAILD_LOG_DIR "/" JAILTEST_NAME "/jaild.log"

static void setup(void) {
        jailtest_setup();
        apache_make_private();
        cr_assert_eq(mount("jailtest", "/srv", "tmpfs", 0, NULL), 0);
        cr_assert_eq(mkdir(HOME, 0755), 0);
        cr_assert_eq(mkdir(HOME "/site", 0755), 0);
        file_write(HOME "/site/index.html", "the site");
        cr_assert_eq(run("chown", "-R", path("%d", USER), HOME, NULL).status, 0);
}

TestSuite(owners, .init = setup, .fini = jailtest_teardown, .timeout = 60);

static void put_link(const char *target, const char *link, uid_t owner) {
        cr_assert_eq(run("ln", "-sfn", target, link, NULL).status, 0);
        cr_assert_eq(lchown(link, owner, owner), 0);
}

static void add_site(const char *more) {
        file_write("/etc/apache2/sites-enabled/000-default.conf", path("<VirtualHost *:80>\n"
                                                                       " DocumentRoot " HOME "/site\n"
                                                                       " <Directory " HOME ">\n"
                                                                       "  Require all granted\n%s"
                                                                       " </Directory>\n"
                                                                       "</VirtualHost>\n",
                                                                       more));
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
}

/* By a restart, the one before might still answer. */
static void start_again(void) {
        jailctl_ok("stop", JAILTEST_NAME);
        jailctl_ok("start", JAILTEST_NAME);
}

Test(owners, document_root_becomes_a_link) {
        add_site("");
        jailctl_ok("build", JAILTEST_NAME);
        cr_assert_eq(rename(HOME "/site", HOME "/moved"), 0);
        put_link("/etc", HOME "/site", USER);
        jailctl_ok("start", JAILTEST_NAME);
        cr_assert(file_wait_for(SAYS, HOME "/site: a link of a user", 5));
        cr_assert_eq(http_get(JAILTEST_URL "passwd", NULL).status, 404);

        /* To the user's own, or put there by root. */
        put_link(HOME "/moved", HOME "/site", USER);
        start_again();
        cr_assert_str_eq(http_get(JAILTEST_URL, NULL).body, "the site");
        cr_assert_eq(run("chown", "-R", "0:0", HOME "/moved", NULL).status, 0);
        put_link(HOME "/moved", HOME "/site", 0);
        start_again();
        cr_assert_str_eq(http_get(JAILTEST_URL, NULL).body, "the site");
}

/* One site less, and not none. */
Test(owners, document_root_is_gone) {
        add_site("");
        jailctl_ok("build", JAILTEST_NAME);
        cr_assert_eq(rename(HOME "/site", HOME "/moved"), 0);
        jailctl_ok("start", JAILTEST_NAME);
        cr_assert(file_wait_for(SAYS, HOME "/site: No such file", 5));
        cr_assert_eq(http_get(JAILTEST_URL "index.html", NULL).status, 404);
        cr_assert_eq(rename(HOME "/moved", HOME "/site"), 0);
        start_again();
        cr_assert_str_eq(http_get(JAILTEST_URL, NULL).body, "the site");
}

/* Neither is it followed where it was there before the build; and where an administrator asks for it, he is told. */
Test(owners, document_root_is_a_link) {
        RunResult r;

        add_site("");
        cr_assert_eq(rename(HOME "/site", HOME "/moved"), 0);
        put_link("/run", HOME "/site", USER);
        r = jailctl_ok("build", JAILTEST_NAME);
        cr_assert(strstr(r.err, HOME "/site: a link of a user"), "%s%s", r.out, r.err);
        jailctl_ok("start", JAILTEST_NAME);
        cr_assert_neq(http_get(JAILTEST_URL "jaild/web/lock", NULL).status, 200);
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "[Files]\nBind=" HOME "/site\n");
        r = jailctl("build", JAILTEST_NAME);
        cr_assert_eq(r.status, 1, "%s%s", r.out, r.err);
        cr_assert(strstr(r.err, HOME "/site: a link of a user"), "%s", r.err);
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        put_link(HOME "/moved", HOME "/site", USER);
        jailctl_ok("build", JAILTEST_NAME);
        start_again();
        cr_assert_str_eq(http_get(JAILTEST_URL, NULL).body, "the site");
}

/* What is mounted within what a user has is not mounted over what httpd has. */
Test(owners, folder_within_becomes_a_link) {
        RunResult r;

        add_site("");
        cr_assert_eq(mkdir("/srv/uploads", 0755), 0);
        cr_assert_eq(mkdir(HOME "/site/up", 0755), 0);
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "[Files]\nBind=/srv/uploads:" HOME "/site/up\n");
        jailctl_ok("build", JAILTEST_NAME);
        jailctl_ok("start", JAILTEST_NAME);
        jailctl_ok("stop", JAILTEST_NAME);
        cr_assert_eq(rmdir(HOME "/site/up"), 0);
        put_link("/etc/apache2", HOME "/site/up", USER);
        r = jailctl("start", JAILTEST_NAME);
        cr_assert_eq(r.status, 1, "%s%s", r.out, r.err);
        cr_assert(strstr(r.err, "step 'root' of entering the room failed"), "%s", r.err);
        cr_assert(strstr(r.err, "(" HOME "/site/up)"), "%s", r.err);
}

Test(owners, password_file_that_is_a_link) {
        RunResult r;

        file_write("/srv/secret", "root:hash");
        cr_assert_eq(chmod("/srv/secret", 0600), 0);
        put_link("/srv/secret", HOME "/users", USER);
        add_site(" AuthType Basic\n AuthName x\n AuthUserFile " HOME "/users\n");
        r = jailctl("build", JAILTEST_NAME);
        cr_assert_eq(r.status, 1, "%s%s", r.out, r.err);
        cr_assert(strstr(r.err, HOME "/users: a link of a user"), "%s", r.err);

        /* What everybody may read is no secret. */
        cr_assert_eq(chmod("/srv/secret", 0644), 0);
        jailctl_ok("build", JAILTEST_NAME);
}

Test(owners, secret_that_is_a_link) {
        RunResult r;

        add_site("");
        file_write("/srv/secret", "a key");
        cr_assert_eq(chmod("/srv/secret", 0600), 0);
        file_write(HOME "/key", "a key");
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "[Files]\nSecret=" HOME "/key\n");
        jailctl_ok("build", JAILTEST_NAME);
        put_link("/srv/secret", HOME "/key", USER);
        r = jailctl("start", JAILTEST_NAME);
        cr_assert_eq(r.status, 1, "%s%s", r.out, r.err);
        cr_assert(strstr(r.err, HOME "/key: a link of a user"), "%s", r.err);
        put_link("/srv/secret", HOME "/key", 0);
        jailctl_ok("start", JAILTEST_NAME);
}
