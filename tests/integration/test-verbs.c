/* The verbs that are too small for a file of tests of their own: what they say and that they change no more than they say. */

#include <criterion/criterion.h>

#include "jailtest.h"

TestSuite(verbs, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 60);

static void assert_says(const char *text, const char *line) {
        cr_assert(strstr(text, line), "'%s' is not in: %s", line, text);
}

/* Of what there is on disk, with times. */
static char *state_of_disk(void) {
        return run("find", JAILD_STATE_DIR, JAILD_LOG_DIR, JAILD_CONF_DIR, "-printf", "%p %T@ %i\n", NULL)
                        .out;
}

Test(verbs, configtest_has_apache_read_it_and_changes_nothing) {
        RunResult r;
        char *before;

        apache_make_private();
        jail_use_built();
        before = state_of_disk();
        r = jailctl_ok("configtest", JAILTEST_NAME);
        cr_assert_str_eq(r.out, "Syntax OK\n");
        cr_assert_str_eq(state_of_disk(), before);

        file_write("/etc/apache2/conf-enabled/zz-test.conf", "NoSuchDirective on\n");
        r = jailctl("configtest", JAILTEST_NAME);
        cr_assert_eq(r.status, 1, "%d", r.status);
        cr_assert_str_eq(r.out, "");
        assert_says(r.err, "Invalid command 'NoSuchDirective'");
        assert_says(r.err, "zz-test.conf");
        cr_assert_str_eq(state_of_disk(), before);

        /* What Apache likes and a build would refuse is told as well. */
        file_write("/etc/apache2/conf-enabled/zz-test.conf", "CustomLog \"|/bin/no-such-program\" common\n");
        r = jailctl("configtest", JAILTEST_NAME);
        cr_assert_eq(r.status, 1, "%d", r.status);
        assert_says(r.err, "/bin/no-such-program");
        cr_assert_eq(jailctl("configtest", "nobody").status, 4);
}

Test(verbs, the_words_of_apachectl_are_known) {
        pid_t master = jail_use_running();

        cr_assert_eq(jailctl("fullstatus", JAILTEST_NAME).status, 0);
        cr_assert_str_eq(jailctl("fullstatus", JAILTEST_NAME).out, jailctl("status", JAILTEST_NAME).out);
        jailctl_ok("graceful", JAILTEST_NAME);
        (void) jail_wait_for_other_master(master, 20);
        jailctl_ok("graceful-stop", JAILTEST_NAME);
        cr_assert_eq(process_count("apache2"), 0);
        cr_assert_eq(jailctl("fullstatus", JAILTEST_NAME).status, 3);
        cr_assert_eq(jailctl("graceful", JAILTEST_NAME).status, 3);
}

Test(verbs, list_has_every_jail_and_how_it_is) {
        char *text;

        cr_assert_str_eq(jailctl("list").out, "No jails.\n");
        jail_conf_write("broken", "[Jail]\nUmask=rwx\n");
        jail_use_running();
        text = jailctl("list").out;
        assert_says(text, "NAME   STATE      GENERATION LISTEN ");
        assert_says(text, "\nbroken bad-config -          -");
        assert_says(text, "\nweb    running    1          127.0.0.1:8080 ");
        assert_says(text, "\n\n2 jails.\n");
        text = jailctl("list", "--no-legend").out;
        cr_assert(!strstr(text, "NAME") && !strstr(text, "jails"), "%s", text);
        text = jailctl("list", "--generations", JAILTEST_NAME).out;
        assert_says(text, "NAME GENERATION BUILT");
        assert_says(text, "current, running");
}

Test(verbs, cat_says_where_each_value_is_from) {
        char *text;

        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        cr_assert_eq(jailctl("cat", "nobody").status, 4);
        text = jailctl_ok("cat", JAILTEST_NAME).out;
        assert_says(text, "[Network]\n");
        assert_says(text, path("Listen=127.0.0.1:8080 80"));
        assert_says(text, JAILD_CONF_DIR "/web.conf:4");
        assert_says(text, "Umask=0077");
        assert_says(text, "default");
        /* A drop-in is named where it is the last to speak. */
        (void) run("mkdir", JAILD_CONF_DIR "/web.conf.d", NULL);
        file_write(JAILD_CONF_DIR "/web.conf.d/10-umask.conf", "[Jail]\nUmask=0027\n");
        text = jailctl_ok("cat", JAILTEST_NAME).out;
        assert_says(text, "Umask=0027");
        assert_says(text, JAILD_CONF_DIR "/web.conf.d/10-umask.conf:2");
}
