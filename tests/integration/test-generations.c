/* A jail moves from one generation to another, or stays what it was: update, rollback, diff, why. */

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>

#include "hammer.h"
#include "jailtest.h"

TestSuite(generations, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 120);

#define STATE JAILD_STATE_DIR "/" JAILTEST_NAME

static void assert_serves(void) {
        HttpReply reply = http_get(JAILTEST_URL, NULL);

        cr_assert_eq(reply.status, 200, "%ld %s", reply.status, reply.error ?: "");
}

static void assert_current(unsigned number) {
        cr_assert_str_eq(strrchr(realpath(STATE "/current", NULL), '/') + 1, path("%u", number));
}

static void assert_generations(const char *expected) {
        RunResult r = run("ls", "-A", "-x", "-w0", STATE "/generations", NULL);

        r.out[strcspn(r.out, "\n")] = '\0';
        cr_assert_str_eq(r.out, expected);
}

/* A connection that came just before the switch is the old server's, which ends it in its own time. */
static void await_status(const char *where, long status) {
        HttpReply reply = {};

        for (unsigned i = 0; i < 2000 && reply.status != status; i++)
                reply = http_get(path(JAILTEST_URL "%s", where), NULL);
        cr_assert_eq(reply.status, status, "%ld %s", reply.status, reply.error ?: "");
}

/* One more directive, so that the next generation is another one. */
static void change_configuration(const char *text) {
        file_write("/etc/apache2/conf-enabled/zz-test.conf", text);
}

Test(generations, update_replaces_the_server_and_loses_nobody) {
        HammerCount count;
        Hammer *hammer;
        pid_t master;

        apache_make_private();
        master = jail_use_running();
        hammer = hammer_start(JAILTEST_PORT, 2 * USEC_PER_MSEC);
        for (unsigned i = 2; i <= 5; i++) {
                pid_t old = master;

                change_configuration(path("ServerTokens Prod\n# %u\n", i));
                jailctl_ok("update", JAILTEST_NAME);
                master = (pid_t) jail_status_number("main-pid");
                cr_assert_neq(master, old);
                cr_assert_eq(jail_status_number("generation"), i);
                assert_current(i);
        }
        count = hammer_stop(hammer);
        hammer_assert_lost_nobody(count);
        /* Keep=3, and nothing temporary. */
        assert_generations("3  4  5");
}

Test(generations, update_without_a_change_changes_nothing) {
        pid_t master = jail_use_running();
        RunResult r = jailctl_ok("update", JAILTEST_NAME);

        cr_assert(strstr(r.out, "generation 1 is up to date"), "%s", r.out);
        cr_assert_eq(jail_status_number("main-pid"), master);
        assert_generations("1");
}

Test(generations, update_of_a_broken_configuration_changes_nothing) {
        pid_t master;
        RunResult r;

        apache_make_private();
        master = jail_use_running();
        change_configuration("ServerTokens Prod\nNoSuchDirective on\n");
        r = jailctl("update", JAILTEST_NAME);
        cr_assert_eq(r.status, 1);
        cr_assert(strstr(r.err, "nothing was changed, generation 1 serves on"), "%s", r.err);
        cr_assert(strstr(r.err,
                         "line 2 of /etc/apache2/conf-enabled/zz-test.conf: Invalid command 'NoSuchDirective'"),
                  "%s", r.err);
        cr_assert_eq(jail_status_number("main-pid"), master);
        assert_current(1);
        assert_generations("1");
        assert_serves();
}

/* What the host's httpd -t cannot know: it fails in the room only. */
Test(generations, update_to_what_does_not_start_changes_nothing) {
        pid_t master = jail_use_running();
        RunResult r;

        jail_conf_write(JAILTEST_NAME,
                        JAILTEST_CONF "[Files]\nExclude=/usr/lib/apache2/modules/mod_dir.so\n");
        r = jailctl("update", JAILTEST_NAME);
        cr_assert_eq(r.status, 1);
        cr_assert(strstr(r.err, "nothing was changed, generation 1 serves on"), "%s", r.err);
        cr_assert(strstr(r.err, "mod_dir.so"), "%s", r.err);
        cr_assert_eq(jail_status_number("main-pid"), master);
        cr_assert_eq(jail_status_number("generation"), 1);
        assert_current(1);
        assert_generations("1");
        assert_serves();
}

/* An update to the site as text in its configuration, under visitors: refused for that reason, and none of them noticed. */
static void assert_refused(const char *text, const char *reason) {
        HammerCount count;
        Hammer *hammer;
        pid_t master;
        RunResult r;

        apache_make_private();
        master = jail_use_running();
        change_configuration(text);
        hammer = hammer_start(JAILTEST_PORT, 2 * USEC_PER_MSEC);
        r = jailctl("update", JAILTEST_NAME);
        count = hammer_stop(hammer);
        cr_assert_eq(r.status, 1, "%s", r.out);
        cr_assert(strstr(r.err, reason), "%s", r.err);
        cr_assert(strstr(r.err, "nothing was changed, generation 1 serves on"), "%s", r.err);
        hammer_assert_lost_nobody(count);
        cr_assert_eq(jail_status_number("main-pid"), master);
        cr_assert_eq(jail_status_number("generation"), 1);
        cr_assert_eq(jail_status_number("restarts"), 0);
        assert_current(1);
        assert_generations("1");
        assert_serves();
}

Test(generations, update_to_what_answers_badly_changes_nothing) {
        assert_refused("Redirect 500 /\n", "generation 2 answers http://127.0.0.1:8080/ with status 500");
}

/* It starts, and each worker ends as soon as somebody asks it. */
Test(generations, update_to_what_does_not_answer_changes_nothing) {
        file_write("/media/end.lua", "function e(r)\n  os.exit(1)\nend\n");
        assert_refused("LoadModule lua_module /usr/lib/apache2/modules/mod_lua.so\n"
                       "LuaHookTranslateName /media/end.lua e\n",
                       "generation 2 does not answer http://127.0.0.1:8080/");
}

/* By [Health], where there is one: what it calls good is good. */
Test(generations, update_by_the_health_check) {
        RunResult r;

        apache_make_private();
        jail_use_running();
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "[Health]\nUrl=http://localhost/manual\nExpect=404\n");
        change_configuration("Alias /manual /var/www/html/index.html\n");
        r = jailctl("update", JAILTEST_NAME);
        cr_assert_eq(r.status, 1);
        cr_assert(strstr(r.err, "generation 2 answers http://localhost/manual with status 200"), "%s",
                  r.err);
        assert_current(1);
        change_configuration("Redirect 500 /index.html\n");
        jailctl_ok("update", JAILTEST_NAME);
        assert_current(2);
}

/* What was broken before may be broken after: else nobody could mend the rest. */
Test(generations, update_of_what_answers_as_badly) {
        apache_make_private();
        change_configuration("Redirect 503 /\n");
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        jailctl_ok("build", JAILTEST_NAME);
        jailctl_ok("start", JAILTEST_NAME);
        change_configuration("ServerTokens Prod\nRedirect 503 /\n");
        jailctl_ok("update", JAILTEST_NAME);
        assert_current(2);
        cr_assert_eq(jail_status_number("generation"), 2);
}

/* It serves already, and cannot become current: then it must not serve. */
Test(generations, update_that_cannot_be_kept_goes_back) {
        RunResult r;

        apache_make_private();
        jail_use_running();
        change_configuration("Alias /changed /var/www/html/index.html\n");
        if (run("chattr", "+i", STATE, NULL).status != 0)
                cr_skip_test("this file system has no attributes");
        r = jailctl("update", JAILTEST_NAME);
        cr_assert_eq(run("chattr", "-i", STATE, NULL).status, 0);
        cr_assert_eq(r.status, 1);
        cr_assert(strstr(r.err, "nothing was changed, generation 1 serves on"), "%s", r.err);
        cr_assert_eq(jail_status_number("generation"), 1);
        assert_current(1);
        assert_generations("1");
        await_status("changed", 404);
}

Test(generations, rollback_serves_the_earlier_one) {
        RunResult r;

        apache_make_private();
        jail_use_running();
        change_configuration("Alias /changed /var/www/html/index.html\n");
        jailctl_ok("update", JAILTEST_NAME);
        await_status("changed", 200);

        r = jailctl_ok("rollback", JAILTEST_NAME);
        cr_assert(strstr(r.out, "generation 1 serves, in the place of 2"), "%s", r.out);
        await_status("changed", 404);
        assert_current(1);

        r = jailctl("rollback", JAILTEST_NAME, "2");
        cr_assert_eq(r.status, 0, "%s", r.err);
        await_status("changed", 200);
        r = jailctl("rollback", JAILTEST_NAME, "7");
        cr_assert_eq(r.status, 1);
        cr_assert(strstr(r.err, "there is no generation 7"), "%s", r.err);
        assert_current(2);
}

Test(generations, a_stopped_jail_takes_it_at_its_next_start) {
        apache_make_private();
        jail_use_built();
        change_configuration("Alias /changed /var/www/html/index.html\n");
        jailctl_ok("update", JAILTEST_NAME);
        assert_current(2);
        cr_assert_eq(jailctl("status", JAILTEST_NAME).status, 3);
        jailctl_ok("start", JAILTEST_NAME);
        await_status("changed", 200);
}

Test(generations, the_running_one_is_never_pruned) {
        apache_make_private();
        jail_use_running();
        for (unsigned i = 0; i < 5; i++) {
                change_configuration(path("ServerTokens Prod\n# %u\n", i));
                jailctl_ok("build", JAILTEST_NAME);
        }
        assert_generations("1  5  6");
        assert_current(6);
        assert_serves();
}

Test(generations, one_build_at_a_time) {
        int fd;
        RunResult r;

        jail_use_built();
        fd = open(STATE "/lock", O_RDWR | O_CLOEXEC);
        cr_assert(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
        for (const char *const *verb = (const char *const[]){ "build", "update", "rollback", NULL }; *verb;
             verb++) {
                r = jailctl(*verb, JAILTEST_NAME);
                cr_assert_eq(r.status, 1);
                cr_assert(strstr(r.err, "another build is under way"), "%s: %s", *verb, r.err);
        }
        assert_generations("1");
}

Test(generations, diff_says_what_and_whose) {
        json_object *o, *list, *item, *value;
        RunResult r;

        apache_make_private();
        jail_use_built();
        cr_assert_eq(run("a2enmod", "-q", "expires", NULL).status, 0);
        cr_assert_eq(unlink("/etc/apache2/conf-enabled/charset.conf"), 0);
        file_write("/etc/apache2/conf-available/security.conf", "ServerTokens Prod\n");
        jailctl_ok("build", JAILTEST_NAME);

        r = jailctl("diff", JAILTEST_NAME);
        cr_assert_eq(r.status, 0, "%s", r.err);
        cr_assert(strstr(r.out, "added   /usr/lib/apache2/modules/mod_expires.so"), "%s", r.out);
        cr_assert(strstr(r.out, "apache2-bin 2."), "%s", r.out);
        cr_assert(strstr(r.out, "removed /etc/apache2/conf-enabled/charset.conf"), "%s", r.out);
        cr_assert(strstr(r.out, "changed /etc/apache2/conf-available/security.conf"), "%s", r.out);
        cr_assert(strstr(r.out, "-> 18B"), "%s", r.out);

        r = jailctl("--json", "diff", JAILTEST_NAME, "2", "1");
        o = json_tokener_parse(r.out);
        cr_assert(json_object_object_get_ex(o, "differences", &list));
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                item = json_object_array_get_idx(list, i);
                json_object_object_get_ex(item, "path", &value);
                if (!streq(json_object_get_string(value), "/usr/lib/apache2/modules/mod_expires.so"))
                        continue;
                json_object_object_get_ex(item, "change", &value);
                cr_assert_str_eq(json_object_get_string(value), "removed");
                return;
        }
        cr_assert_fail("%s", r.out);
}

/* Directive, module, library, library. */
Test(generations, why_says_the_whole_chain) {
        const char *at;
        RunResult r;

        apache_make_private();
        cr_assert_eq(run("a2enmod", "-q", "ssl", NULL).status, 0);
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "Listen=127.0.0.1:8443 443\n");
        jailctl_ok("build", JAILTEST_NAME);
        r = jailctl("why", JAILTEST_NAME, "/usr/lib/x86_64-linux-gnu/libssl.so.3");
        cr_assert_eq(r.status, 0, "%s", r.err);
        at = strstr(r.out, "package libssl3");
        cr_assert(at, "%s", r.out);
        at = strstr(at, "needed by /usr/lib/apache2/modules/mod_ssl.so\n    LoadModule ssl_module "
                        "(/etc/apache2/mods-enabled/ssl.load:");
        cr_assert(at, "%s", r.out);

        r = jailctl("why", JAILTEST_NAME, "/bin/sh");
        cr_assert_eq(r.status, 1);
        cr_assert(strstr(r.err, "nothing asked for it"), "%s", r.err);
}

Test(generations, outdated_names_files_and_packages) {
        RunResult r;

        apache_make_private();
        jail_use_running();
        r = jailctl("outdated", JAILTEST_NAME);
        cr_assert(r.status == 0 && strstr(r.out, "generation 1 is up to date"), "%d %s%s", r.status, r.out,
                  r.err);
        /* Touched is not newer. */
        cr_assert_eq(run("touch", "/etc/apache2/apache2.conf", NULL).status, 0);
        cr_assert_eq(jailctl("outdated", JAILTEST_NAME).status, 0);

        file_write("/etc/apache2/conf-available/security.conf", "ServerTokens Prod\n");
        r = jailctl("outdated", JAILTEST_NAME);
        cr_assert_eq(r.status, 1);
        cr_assert(strstr(r.out, "/etc/apache2/conf-available/security.conf") && strstr(r.out, "apache2"),
                  "%s", r.out);

        /* Only with the administrator's word. */
        cr_assert_eq(jailctl("outdated", "--update").status, 1);
        cr_assert_eq(jail_status_number("generation"), 1);
        jail_conf_write(JAILTEST_NAME, "[Jail]\nAutoUpdate=yes\n" JAILTEST_CONF);
        cr_assert_eq(jailctl("outdated", "--update").status, 0);
        cr_assert_eq(jail_status_number("generation"), 2);
        cr_assert_eq(jailctl("outdated", JAILTEST_NAME).status, 0);
}

/* Against slips of root; and what is pruned goes all the same. */
Test(generations, immutable_where_asked_for) {
        RunResult r;

        apache_make_private();
        jail_conf_write(JAILTEST_NAME, "[Jail]\nImmutable=yes\nKeep=1\n" JAILTEST_CONF);
        jailctl_ok("build", JAILTEST_NAME);
        if (run("lsattr", "-d", STATE "/current/root", NULL).status != 0)
                cr_skip_test("this file system has no attributes");
        cr_assert_neq(run("rm", path("%s/etc/passwd", jail_root()), NULL).status, 0);
        cr_assert_neq(run("touch", path("%s/etc/new", jail_root()), NULL).status, 0);
        cr_assert_neq(run("sh", "-c", path("echo x >>%s/etc/hosts", jail_root()), NULL).status, 0);
        cr_assert(strstr(file_read(STATE "/current/manifest"), "flags="));
        r = jailctl("verify", "--tree", JAILTEST_NAME);
        cr_assert_null(strstr(r.out, "tree-immutable"), "%s", r.out);
        jailctl_ok("start", JAILTEST_NAME);
        assert_serves();

        change_configuration("ServerTokens Prod\n");
        jailctl_ok("update", JAILTEST_NAME);
        jailctl_ok("build", JAILTEST_NAME);
        assert_generations("2  3");
        assert_serves();
}

static int64_t build_number(const char *key) {
        RunResult r = jailctl("--json", "build", JAILTEST_NAME);
        json_object *value;

        cr_assert_eq(r.status, 0, "%s", r.err);
        cr_assert(json_object_object_get_ex(json_tokener_parse(r.out), key, &value));
        return json_object_get_int64(value);
}

/* On XFS as on btrfs; no link, so that a change of one is none of the other. */
Test(generations, unchanged_files_share_their_blocks) {
        static const char image[] = JAILD_LOG_DIR "/image";
        char *copies[2];
        RunResult r;

        r = run("sh", "-euc",
                "truncate -s 320M $0; mkfs.xfs -q -m reflink=1 $0; mount -o loop $0 " JAILD_STATE_DIR, image,
                NULL);
        cr_assert_eq(r.status, 0, "%s", r.err);
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        cr_assert_eq(build_number("shared-bytes"), 0);
        cr_assert_gt(build_number("shared-bytes"), build_number("bytes") * 9 / 10);

        for (unsigned i = 0; i < 2; i++)
                copies[i] = path(STATE "/generations/%u/root/usr/sbin/apache2", i + 1);
        cr_assert_eq(run("cmp", copies[0], copies[1], NULL).status, 0);
        cr_assert_eq(run("sh", "-c", "echo x >>$0", copies[0], NULL).status, 0);
        cr_assert_neq(run("cmp", copies[0], copies[1], NULL).status, 0);
        r = run("mtree", "-f", STATE "/generations/2/manifest", "-p", STATE "/generations/2/root", NULL);
        cr_assert_eq(r.status, 0, "%s", r.out);
        cr_assert_eq(umount2(JAILD_STATE_DIR, MNT_DETACH), 0);
}

/* The default site's jail is its programs and libraries, and hardly anything else. */
Test(generations, minimal) {
        int64_t all = 0, closure = 0;
        json_object *entries, *value;

        jail_use_built();
        cr_assert(json_object_object_get_ex(json_object_from_file(STATE "/current/origins"), "entries",
                                            &entries));
        for (size_t i = 0; i < json_object_array_length(entries); i++) {
                json_object *e = json_object_array_get_idx(entries, i);
                int64_t size;

                if (!json_object_object_get_ex(e, "size", &value))
                        continue;
                size = json_object_get_int64(value);
                all += size;
                json_object_object_get_ex(e, "path", &value);
                if (strstr(json_object_get_string(value), "/lib/") ||
                    strstr(json_object_get_string(value), "/sbin/"))
                        closure += size;
        }
        cr_assert_gt(closure, 0);
        cr_assert_leq(all * 100, closure * 105, "%ld bytes for a closure of %ld", (long) all,
                      (long) closure);
}

Test(generations, the_same_host_gives_the_same_manifest) {
        jail_use_built();
        jailctl_ok("build", JAILTEST_NAME);
        for (const char *const *name =
                             (const char *const[]){ "manifest", "launch", "origins", "directives", NULL };
             *name; name++)
                cr_assert_str_eq(file_read(path(STATE "/generations/1/%s", *name)),
                                 file_read(path(STATE "/generations/2/%s", *name)), "%s", *name);
}

/* Others' tools read it, and find what was changed. */
Test(generations, other_tools_check_the_manifest) {
        RunResult r;

        jail_use_built();
        r = run("bsdtar", "-tf", STATE "/current/manifest", NULL);
        cr_assert_eq(r.status, 0, "%s", r.err);
        cr_assert(strstr(r.out, "./usr/sbin/apache2\n"), "%s", r.out);

        r = run("mtree", "-f", STATE "/current/manifest", "-p", STATE "/current/root", NULL);
        cr_assert(r.status == 0 && *r.out == '\0', "%d %s", r.status, r.out);
        file_write(STATE "/current/root/etc/passwd", "root::0:0::/:/bin/sh\n");
        r = run("mtree", "-f", STATE "/current/manifest", "-p", STATE "/current/root", NULL);
        cr_assert_eq(r.status, 2);
        cr_assert(strstr(r.out, "etc/passwd") && strstr(r.out, "sha256"), "%s", r.out);
}

/* Who edits Apache's configuration and reloads, as ever, learns why nothing is different. */
Test(generations, reload_tells_that_the_host_has_changed) {
        static const char *const
                        changes[] = { "echo '# a line' >>/etc/apache2/sites-available/000-default.conf",
                                      "a2enmod -q rewrite", "rm /etc/apache2/conf-enabled/charset.conf" },
                        *const told[] = { "/etc/apache2/sites-available/000-default.conf has changed",
                                          "/etc/apache2/mods-enabled has changed",
                                          "/etc/apache2/conf-enabled has changed" };

        apache_make_private();
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        jailctl_ok("build", JAILTEST_NAME);
        jailctl_ok("start", JAILTEST_NAME);
        for (size_t i = 0; i < ELEMENTSOF(changes); i++) {
                RunResult r;

                cr_assert_str_eq(jailctl_ok("reload", JAILTEST_NAME).err, "");
                cr_assert_eq(run("sh", "-ec", changes[i], NULL).status, 0);
                r = jailctl_ok("reload", JAILTEST_NAME);
                cr_expect(strstr(r.err, told[i]) && strstr(r.err, "jailctl update web"), "%s", r.err);
                jailctl_ok("update", JAILTEST_NAME);
        }
}
