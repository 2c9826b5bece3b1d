/* What --json writes is what conf/jailctl.schema.json says, of every verb that takes it. */

#include <criterion/criterion.h>

#include "jailtest.h"

TestSuite(json, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 120);

/* What one of them writes, by the name that the schema has for it. */
static void assert_valid(const char *entry, const char *text) {
        const char *file = JAILD_RUN_DIR "/written.json";
        RunResult r;

        file_write(file, text);
        r = run("sh", "-c", path("exec " JSON_IS_VALID " " SCHEMA " '%s' <%s", entry, file), NULL);
        cr_assert_eq(r.status, 0, "%s: %s\n%s", entry, r.err, text);
}

/* The verbs of the next generation and the running jail, which the test has set up. Each is named by what comes before its
 * first blank; those that name no jail are of all. */
static const struct {
        const char *entry;
        const char *arguments[4];
} cases[] = {
        { "list", { "list" } },
        { "list --generations", { "list", "--generations" } },
        { "status", { "status", JAILTEST_NAME } },
        { "status", { "status" } },
        { "cat", { "cat", JAILTEST_NAME } },
        { "build --dry-run", { "build", "--dry-run", JAILTEST_NAME } },
        { "verify", { "verify", JAILTEST_NAME } },
        { "doctor", { "doctor" } },
        { "trace", { "trace", JAILTEST_NAME } },
        { "update", { "update", JAILTEST_NAME } },
        { "diff", { "diff", JAILTEST_NAME } },
        { "why", { "why", JAILTEST_NAME, "/usr/sbin/apache2" } },
        { "outdated", { "outdated" } },
        { "rollback", { "rollback", JAILTEST_NAME } },
        { "build", { "build", JAILTEST_NAME } },
};

static bool has_case(const char *verb) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                if (streq(cases[i].arguments[0], verb))
                        return true;
        return false;
}

Test(json, is_what_the_schema_says) {
        jail_conf_write("broken", "[Jail]\nUmask=rwx\n");
        apache_make_private();
        jail_use_running();
        file_write("/etc/apache2/conf-enabled/zz-test.conf",
                   "LoadModule rewrite_module /usr/lib/apache2/modules/mod_rewrite.so\n");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const char *const *a = cases[i].arguments;
                RunResult r = run(jailctl_path(), "--json", a[0], a[1], a[2], a[3], NULL);

                /* A verdict may be against the jail, which is no failure to say so. */
                cr_assert(r.status == 0 || r.out[0], "%s: %d %s", cases[i].entry, r.status, r.err);
                assert_valid(cases[i].entry, r.out);
        }
        jailctl_ok("stop", JAILTEST_NAME);
        assert_valid("status", jailctl("--json", "status").out);
}

/* An administrator's text, and the name of a file, need be no UTF-8; JSON must. */
Test(json, is_utf8_whatever_is_in_it) {
        apache_make_private();
        file_write("/etc/apache2/caf\xe9.conf", "# \n");
        file_write("/etc/apache2/conf-enabled/zz-test.conf", "Include /etc/apache2/caf\xe9.conf\n");
        jail_conf_write(JAILTEST_NAME, "[Jail]\nDescription=caf\xe9\n[Network]\nListen=127.0.0.1:8080 80\n");
        assert_valid("build --dry-run", jailctl("--json", "build", "--dry-run", JAILTEST_NAME).out);
        assert_valid("status", jailctl("--json", "status").out);
        assert_valid("cat", jailctl("--json", "cat", JAILTEST_NAME).out);
        cr_assert(strstr(jailctl("--json", "status").out, "\"caf?\""));
}

Test(json, every_verb_that_takes_it_is_in_the_schema) {
        char *help = jailctl("--help").out, *line = strstr(help, "--json"), *save;
        unsigned n = 0;

        cr_assert_not_null(line);
        line[strcspn(line, "\n)")] = '\0';
        for (char *verb = strtok_r(strchr(line, '(') + 1, ", ", &save); verb;
             verb = strtok_r(NULL, ", ", &save)) {
                cr_expect(has_case(verb), "%s", verb);
                n++;
        }
        cr_assert_gt(n, 5);
}
