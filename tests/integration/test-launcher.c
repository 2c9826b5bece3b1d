/* Launcher=apachectl: Debian's script leads to the same server, and nothing of what it took can be run afterwards. Apache's
 * own script is in test-layouts.c. */

#include <criterion/criterion.h>
#include <signal.h>

#include "apachetest.h"
#include "jailtest.h"

#define LAUNCHER_CONF JAILTEST_CONF "[Server]\nLauncher=apachectl\n"
#define JAILD_LOG     JAILD_LOG_DIR "/" JAILTEST_NAME "/jaild.log"
#define ERROR_LOG     JAILD_LOG_DIR "/" JAILTEST_NAME "/error.log"

static void setup(void) {
        jailtest_setup();
        apache_make_private();
}

TestSuite(launcher, .init = setup, .fini = jailtest_teardown, .timeout = 120);

static void assert_serves(void) {
        HttpReply reply = http_get(JAILTEST_URL, NULL);

        cr_assert_eq(reply.status, 200, "%ld %s", reply.status, reply.error ?: "");
}

/* The first process of the jail, which is the server and no shell, with nobody lost on the way. */
static pid_t master_is_httpd(void) {
        pid_t master = (pid_t) jail_status_number("main-pid");
        char *nspid = process_field(master, "NSpid");

        cr_assert_str_eq(process_field(master, "Name"), "apache2");
        cr_assert_str_eq(strrchr(nspid, '\t') + 1, "1", "%s", nspid);
        cr_assert_eq(jail_status_number("worker-deaths"), 0, "%s", file_read(JAILD_LOG));
        return master;
}

static void start(const char *conf) {
        RunResult r;

        jail_conf_write(JAILTEST_NAME, conf);
        r = jailctl_ok("build", JAILTEST_NAME);
        cr_assert_not_null(strstr(r.err, "Launcher=apachectl: a shell is in the jail"), "%s", r.err);
        jailctl_ok("start", JAILTEST_NAME);
        assert_serves();
}

Test(launcher, serves_as_without) {
        pid_t master, next;

        start(LAUNCHER_CONF);
        master = master_is_httpd();
        /* Apache's own graceful. */
        cr_assert_eq(kill(master, SIGUSR1), 0);
        cr_assert(file_wait_for(ERROR_LOG, "raceful restart", 10));
        assert_serves();
        cr_assert_eq(master_is_httpd(), master);

        jailctl_ok("configtest", JAILTEST_NAME);
        jail_bear_load(JAILTEST_URL);
        jailctl_ok("restart", JAILTEST_NAME);
        next = master_is_httpd();
        cr_assert_neq(next, master);
        apache_add_conf("test", "ServerSignature Off\n");
        jailctl_ok("update", JAILTEST_NAME);
        assert_serves();
        cr_assert_eq(jail_status_number("generation"), 2);

        jailctl_ok("stop", JAILTEST_NAME);
        cr_assert_eq(process_count("apache2"), 0u);
        cr_assert_null(strstr(file_read(JAILD_LOG), "refused"), "%s", file_read(JAILD_LOG));
}

/* Both ways: anew, and by the one that stands by. */
Test(launcher, recovers_from_the_death_of_the_master) {
        static const char *const more[] = { "", "[Supervise]\nStandby=yes\n" };

        for (size_t i = 0; i < ELEMENTSOF(more); i++) {
                pid_t master, standby = 0, next;

                start(path("%s%s", LAUNCHER_CONF, more[i]));
                master = master_is_httpd();
                if (more[i][0])
                        standby = jail_wait_for_standby(0);
                cr_assert_eq(kill(master, SIGKILL), 0);
                next = jail_wait_for_other_master(master, 20);
                cr_assert(standby == 0 || next == standby);
                (void) master_is_httpd();
                assert_serves();
                jailctl_ok("stop", JAILTEST_NAME);
        }
}

Test(launcher, says_that_it_is_weaker) {
        static const char *const files[] = { "/usr/sbin/apache2ctl", "/usr/bin/dash", "/usr/bin/id" };
        RunResult r;

        start(LAUNCHER_CONF);
        cr_assert_not_null(strstr(jailctl("status", JAILTEST_NAME).out, "A SHELL"));
        cr_assert_not_null(strstr(file_read(JAILD_LOG), "Launcher=apachectl: a shell is in the jail"));
        r = jailctl("verify", JAILTEST_NAME);
        cr_assert_eq(r.status, 0, "%s%s", r.out, r.err);
        cr_assert(strstr(r.out, "content-granted-interpreter") && !strstr(r.out, "warning"), "%s", r.out);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                r = jailctl("why", JAILTEST_NAME, files[i]);
                cr_assert(strstr(r.out, "Launcher=apachectl") ||
                                          strstr(r.out, "interpreter of /usr/sbin/apache2ctl"),
                          "%s%s", r.out, r.err);
        }
}

/* An Alias would show the folder, in which nothing can be run then. */
static const char any_program[] =
                APACHE_LOAD("cgid") APACHE_LOAD("rewrite") "<VirtualHost *:80>\n"
                                                           "RewriteEngine On\n"
                                                           "RewriteRule ^/run/(.*) /usr/bin/$1\n"
                                                           "<Location /run>\n"
                                                           "        Require all granted\n"
                                                           "        Options ExecCGI\n"
                                                           "        SetHandler cgi-script\n"
                                                           "</Location>\n"
                                                           "</VirtualHost>\n";

/* What the script may run, a worker may not. */
Test(launcher, grants_nothing_once_the_server_runs) {
        file_write("/etc/apache2/sites-enabled/000-default.conf", any_program);
        jail_conf_write(JAILTEST_NAME, LAUNCHER_CONF);
        jailctl_ok("build", JAILTEST_NAME);
        jailctl_ok("start", JAILTEST_NAME);
        cr_assert_neq(http_get(JAILTEST_URL "run/id", NULL).status, 200);
        cr_assert(file_wait_for(JAILD_LOG, "refused to run '/usr/bin/id'", 10), "%s%s", file_read(JAILD_LOG),
                  file_read(ERROR_LOG));
}

/* A jail that was built with it, and is no longer to have it, is started as if it never had. */
Test(launcher, follows_the_configuration) {
        start(LAUNCHER_CONF);
        jailctl_ok("stop", JAILTEST_NAME);
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        jailctl_ok("start", JAILTEST_NAME);
        assert_serves();
        cr_assert_null(strstr(jailctl("status", JAILTEST_NAME).out, "A SHELL"));
}
