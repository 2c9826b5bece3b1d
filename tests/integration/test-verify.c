/* verify: a clean jail passes, and each rule finds what it is for: exactly that is broken, and exactly that is found. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "intruder.h"
#include "jailtest.h"
#include "keeper.h"
#include "rules.h"
#include "strv.h"
#include "verify-check.h"

/* The host's side is changed, too: in this test case's own view of it. */
static void setup(void) {
        cr_assert_eq(unshare(CLONE_NEWNS), 0);
        cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
        cr_assert_eq(run("sh", "-ec",
                         "mkdir -p /media/etc/up /media/etc/work; rm -rf /media/etc/up/* /media/later\n"
                         "mount -t overlay -o lowerdir=/etc,upperdir=/media/etc/up,workdir=/media/etc/work etc /etc\n"
                         "rm -rf /etc/rc.local /etc/rc[2345].d/S*apache2 /etc/systemd/system/*.wants/apache2.service\n"
                         "cp -p /etc/passwd /etc/shadow /etc/apache2/ports.conf /media\n"
                         "mount -t tmpfs -o mode=0755 tmpfs /var/www/html; echo hello >/var/www/html/index.html",
                         NULL)
                                     .status,
                     0);
        jailtest_setup();
}

TestSuite(verify, .init = setup, .fini = jailtest_teardown, .timeout = 120);

Test(verify, each_rule_on_the_tree) {
        break_each(tree_rows, "--tree");
}

Test(verify, each_rule_on_directives) {
        break_each(apache_rows, "--tree");
}

static bool is_about_directives(const char *id) {
        return strncmp(id, "apache-", strlen("apache-")) == 0;
}

/* What an administrator who has read the benchmarks writes, asked of the true httpd. */
Test(verify, directives_of_a_hardened_site) {
        apache_make_private();
        cr_assert_eq(run("a2enmod", "-q", "headers", "allowmethods", NULL).status, 0);
        file_write("/etc/apache2/conf-enabled/security.conf",
                   "ServerTokens Prod\nServerSignature Off\nTraceEnable Off\nTimeout 10\nLimitRequestBody 102400\n"
                   "HttpProtocolOptions Strict Require1.0\n"
                   "Header always set Content-Security-Policy \"frame-ancestors 'self'\"\n"
                   "Header always set Referrer-Policy same-origin\n"
                   "Header always set Permissions-Policy geolocation=()\n"
                   "<Directory />\nOptions None\n</Directory>\n"
                   "<Directory /var/www/>\nOptions None\nAllowMethods GET POST OPTIONS\n</Directory>\n");
        (void) unlink("/etc/apache2/conf-enabled/javascript-common.conf");
        /* The other folders and times are as Debian has them. */
        cr_assert_eq(run("sed", "-i", "-e", "s/Options Indexes/Options/", "-e", "s/^Timeout .*//",
                         "/etc/apache2/apache2.conf", NULL)
                                     .status,
                     0);
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        jailctl_ok("build", JAILTEST_NAME);
        for (char **id = found_ids("--tree"); id && *id; id++)
                cr_expect(!is_about_directives(*id), "%s: %s", *id, jailctl("verify", JAILTEST_NAME).out);
}

/* And the contrary: each with the file and the line that it is in, in as many servers as there are. */
Test(verify, directives_of_a_careless_site) {
        RunResult r;

        apache_make_private();
        file_write("/etc/apache2/conf-enabled/careless.conf",
                   "<Directory />\nRequire all granted\nAllowOverride All\n</Directory>\n"
                   "<VirtualHost *:80>\nTraceEnable On\nServerName one\n</VirtualHost>\n"
                   "<IfModule mod_headers.c>\nTimeout 1\n</IfModule>\n");
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        jailctl_ok("build", JAILTEST_NAME);
        r = jailctl("verify", JAILTEST_NAME);
        cr_expect_eq(r.status, 0, "%s", r.out);
        for (const char *const *line = (const char *const[]){ "conf-enabled/careless.conf:2",
                                                              "conf-enabled/careless.conf:3",
                                                              "conf-enabled/careless.conf:6", NULL };
             *line; line++)
                cr_expect(strstr(r.out, *line), "%s is not in %s", *line, r.out);
        cr_expect(strstr(r.out, "Timeout 300"), "%s", r.out);
}

/* A generation of an earlier jaild has no record: that is said, and the rest is proved. */
Test(verify, directives_without_a_record) {
        char **ids;

        jail_use_built();
        cr_assert_eq(unlink(path("%s/../directives", jail_root())), 0);
        ids = found_ids("--tree");
        cr_assert(contains(ids, "apache-record"));
        for (; *ids; ids++)
                cr_expect(streq(*ids, "apache-record") || !is_about_directives(*ids), "%s", *ids);
}

Test(verify, each_rule_on_the_host) {
        break_each(host_rows, NULL);
}

static const struct {
        const char *id;
        IntruderLack lack;
} intruder_rows[] = {
        { "live-mount-namespace", INTRUDER_LACKS_MOUNT_NAMESPACE },
        { "live-pid-namespace", INTRUDER_LACKS_PID_NAMESPACE },
        { "live-network-namespace", INTRUDER_LACKS_NETWORK_NAMESPACE },
        { "live-ipc-namespace", INTRUDER_LACKS_IPC_NAMESPACE },
        { "live-uts-namespace", INTRUDER_LACKS_UTS_NAMESPACE },
        { "live-cgroup-namespace", INTRUDER_LACKS_CGROUP_NAMESPACE },
        { "live-time-namespace", INTRUDER_LACKS_TIME_NAMESPACE },
        { "live-capabilities", INTRUDER_HAS_CAPABILITIES },
        { "live-bounding-set", INTRUDER_HAS_BOUNDING_SET },
        { "live-no-new-privileges", INTRUDER_LACKS_NO_NEW_PRIVS },
        { "live-seccomp", INTRUDER_LACKS_SECCOMP },
        { "live-identity", INTRUDER_HAS_OTHER_USER },
        { "live-groups", INTRUDER_HAS_GROUP },
        { "live-umask", INTRUDER_HAS_OPEN_UMASK },
        { "live-dumpable", INTRUDER_IS_DUMPABLE },
        { "live-limits", INTRUDER_HAS_HIGH_LIMIT },
        { "live-root", INTRUDER_HAS_OTHER_ROOT },
        { "live-open-folder", INTRUDER_HOLDS_FOLDER },
        { "live-open-file", INTRUDER_HOLDS_FILE },
        { "live-foreign-socket", INTRUDER_HOLDS_SOCKET },
        { "live-listen", INTRUDER_LISTENS },
};

/* Whatever goes in from the host brings a program of the host, and is found by that. */
#define STRANGER "live-code live-program live-stranger"

Test(verify, each_rule_on_a_process) {
        pid_t master = jail_use_running(), pid = intruder_start(master, INTRUDER_LACKS_NOTHING);
        char **clean = found_ids("--live");

        for (size_t i = 0; i < ELEMENTSOF(intruder_rows); i++) {
                pid_t other = intruder_start(master, intruder_rows[i].lack);

                expect_only(intruder_rows[i].id, clean, "--live");
                intruder_end(other);
        }
        intruder_end(pid);
        cr_assert_null(found_ids("--live"));
}

Test(verify, who_went_in_by_another_way) {
        pid_t pid = intruder_start(jail_use_running(), INTRUDER_LACKS_NOTHING);
        char **ids = found_ids("--live");

        cr_assert(contains(ids, "live-stranger") && contains(ids, "live-program") &&
                  contains(ids, "live-code"));
        cr_assert_eq(strv_length(ids), 3);
        intruder_end(pid);
}

static bool is_stranger(pid_t pid) {
        json_object *array = verify_findings_of(jailctl("--json", "--live", "verify", JAILTEST_NAME));
        const char *where = path("process %d (sleep)", pid);

        for (size_t i = 0; i < json_object_array_length(array); i++) {
                json_object *o = json_object_array_get_idx(array, i);

                if (streq(json_object_get_string(json_object_object_get(o, "rule")), "live-stranger") &&
                    streq(json_object_get_string(json_object_object_get(o, "where")), where))
                        return true;
        }
        return false;
}

static bool on_sleep(pid_t pid, void *userdata) {
        char *name = process_field(pid, "Name");

        /* The one before may be left as a zombie. */
        if (!name || !streq(name, "sleep") || (process_field(pid, "State") ?: "Z")[0] == 'Z')
                return false;
        *(pid_t *) userdata = pid;
        return true;
}

/* Its parent has gone, so that the master is its parent now; with a session of its own, too. */
Test(verify, who_went_in_and_was_left_there) {
        static const char *const commands[] = { "sleep 100 >/dev/null 2>&1 &",
                                                "setsid sleep 100 >/dev/null 2>&1 &" };
        pid_t master = jail_use_running();

        for (size_t i = 0; i < ELEMENTSOF(commands); i++) {
                pid_t pid = 0;

                cr_assert_eq(run("nsenter", "-t", path("%d", master), "-p", "-n", "-i", "-u", "--", "sh",
                                 "-c", commands[i], NULL)
                                             .status,
                             0);
                for (unsigned tries = 0; tries < 200 && !process_find(on_sleep, &pid); tries++)
                        usleep(50000);
                cr_assert_str_eq(process_field(pid, "PPid"), path("%d", master));
                cr_expect(is_stranger(pid), "%s", commands[i]);
                cr_assert_eq(kill(pid, SIGKILL), 0);
                cr_assert(process_wait_for_end(pid, 10));
        }
        cr_assert_null(found_ids("--live"));
}

/* Runs fn in namespaces of the jail, as root. */
static void in_namespaces(pid_t master, int flags, void (*fn)(void)) {
        pid_t pid = fork();
        int status;

        cr_assert_geq(pid, 0);
        if (pid == 0) {
                if (setns(pidfd_open(master, 0), flags) < 0)
                        _exit(1);
                fn();
                _exit(0);
        }
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert_eq(status, 0);
}

static void mount_something(void) {
        if (mount("x", "/etc/apache2/conf-available", "tmpfs", MS_NOSUID, NULL) < 0)
                _exit(2);
}

static void mount_over(void) {
        if (mount("x", "/var/www/html", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
                _exit(6);
}

static void make_root_writable(void) {
        if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL) < 0)
                _exit(3);
}

static void allow_execution(void) {
        if (mount(NULL, "/run/apache2", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, NULL) < 0)
                _exit(4);
}

/* It stays when its maker has gone. */
static void make_interface(void) {
        struct ifreq ifr = { .ifr_name = "back0", .ifr_flags = IFF_TUN | IFF_NO_PI };
        int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

        if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0 || ioctl(fd, TUNSETPERSIST, 1) < 0)
                _exit(5);
}

static const struct {
        const char *id;
        int flags;
        void (*fn)(void);
        const char *script;
} room_rows[] = {
        { "live-mounts", CLONE_NEWNS, mount_something },
        { "live-mounts", CLONE_NEWNS, mount_over },
        { "live-root-writable", CLONE_NEWNS, make_root_writable },
        { "live-mount-options", CLONE_NEWNS, allow_execution },
        { "live-interface", CLONE_NEWNET, make_interface },
        { "live-program", .script = "cp -a usr/sbin/apache2 ../new && mv ../new usr/sbin/apache2" },
        { "live-code", .script = "f=usr/lib/x86_64-linux-gnu/libc.so.6; cp -a $f ../new && mv ../new $f" },
        { "live-listen",
          .script = "sed -i 's|\"listens\":\\[|&{\"outside\":\"127.0.0.1:8081\",\"inside\":\"[::]:81\"},|' ../launch" },
        { "live-generation", .script = "cp -a .. ../../2 && ln -sfn generations/2 ../../../current" },
};

/* The jail is started anew for each. */
Test(verify, each_rule_on_the_room) {
        jail_use_built();
        for (size_t i = 0; i < ELEMENTSOF(room_rows); i++) {
                pid_t master;

                jailctl_ok("start", JAILTEST_NAME);
                master = (pid_t) jail_status_number("main-pid");
                if (room_rows[i].fn)
                        in_namespaces(master, room_rows[i].flags, room_rows[i].fn);
                else
                        run_script(room_rows[i].id, room_rows[i].script);
                expect_only(room_rows[i].id, NULL, "--live");
                jailctl_ok("stop", JAILTEST_NAME);
                run_script(room_rows[i].id,
                           "ln -sfn generations/1 /var/lib/jaild/" JAILTEST_NAME "/current");
                restore("/media/" JAILTEST_NAME);
        }
}

Test(verify, traced_process) {
        pid_t worker = process_child(jail_use_running());

        cr_assert_eq(ptrace(PTRACE_SEIZE, worker, 0, 0), 0, "%s", strerror(errno));
        expect_only("live-traced", NULL, "--live");
        /* A traced process does not end without its tracer. */
        cr_assert_eq(ptrace(PTRACE_INTERRUPT, worker, 0, 0), 0);
        cr_assert_eq(waitpid(worker, NULL, __WALL), worker);
        cr_assert_eq(ptrace(PTRACE_DETACH, worker, 0, 0), 0);
}

/* A kernel without Landlock, as far as the jail can tell. */
Test(verify, landlock_not_in_force) {
        jail_use_built();
        jail_start_without_landlock();
        expect_only("live-landlock", NULL, "--live");
}

static bool has_row(const char *id) {
        static const char *const others[] = { "live-stranger", "live-traced", "live-landlock",
                                              "apache-record" };
        const BreakRow *const tables[] = { tree_rows, host_rows, apache_rows };

        for (size_t i = 0; i < ELEMENTSOF(tables); i++)
                for (const BreakRow *row = tables[i]; row->id; row++)
                        if (streq(row->id, id))
                                return true;
        for (size_t i = 0; i < ELEMENTSOF(intruder_rows); i++)
                if (streq(intruder_rows[i].id, id))
                        return true;
        for (size_t i = 0; i < ELEMENTSOF(room_rows); i++)
                if (streq(room_rows[i].id, id))
                        return true;
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                if (streq(others[i], id))
                        return true;
        return false;
}

Test(verify, no_rule_is_without_a_test) {
        _cleanup_free_ const Rule *const *rules = NULL;
        int n = rules_list(&rules);

        cr_assert_geq(n, 45);
        for (int i = 0; i < n; i++)
                cr_expect(has_row(rules[i]->id), "nothing breaks %s", rules[i]->id);
}

/* Whose name the kernel writes in another way than everybody else. */
Test(verify, folder_with_a_blank_in_its_name) {
        cr_assert_eq(run("mkdir", "-p", "/media/my site", NULL).status, 0);
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "[Files]\nBindReadOnly=/media/my site\n");
        jailctl_ok("build", JAILTEST_NAME);
        jailctl_ok("start", JAILTEST_NAME);
        cr_assert_null(found_ids("--live"), "%s", jailctl("verify", "--live", JAILTEST_NAME).out);
}

/* Whoever edits documents cannot keep them from being looked at without that being said. */
Test(verify, documents_nested_too_deep_to_be_looked_at) {
        char **ids;

        jail_use_built();
        cr_assert_eq(run("sh", "-ec", "cd /var/www/html; for i in $(seq 300); do mkdir d; cd d; done", NULL)
                                     .status,
                     0);
        ids = found_ids(NULL);
        cr_expect(contains(ids, "host-document-owner") && contains(ids, "host-document-private"));
}

/* More names of attributes than fit into a page. */
Test(verify, document_with_many_attributes) {
        jail_use_built();
        for (unsigned i = 0; i < 200; i++)
                cr_assert_eq(setxattr("/var/www/html/index.html",
                                      path("user.a-long-name-of-an-attribute-%u", i), "x", 1, 0),
                             0, "%s", strerror(errno));
        cr_expect(!contains(found_ids(NULL), "host-document-owner"));
}

Test(verify, clean_jail_passes) {
        RunResult r;

        jail_use_running();
        r = jailctl("verify", JAILTEST_NAME);
        cr_assert_eq(r.status, 0, "%s%s", r.out, r.err);
        cr_assert(strstr(r.out, "as promised") && !strstr(r.out, "NOT AS PROMISED"), "%s", r.out);
        cr_assert_null(strstr(r.out, "warning"), "%s", r.out);
        r = jailctl("--quiet", "verify", JAILTEST_NAME);
        cr_assert(r.status == 0 && !*r.out && !*r.err);
}

/* The server that a new supervisor took over is no child of it. */
Test(verify, adopted_and_standby_pass) {
        Keeper *k;

        jail_use_built();
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "[Supervise]\nStandby=yes\n");
        k = keeper_start();
        cr_assert(keeper_wait_ready(k, 30), "%s", file_read(KEEPER_LOG));
        (void) jail_wait_for_standby(0);
        cr_assert_null(found_ids("--live"));
        (void) keeper_end(k, SIGKILL);
        keeper_begin(k);
        cr_assert(keeper_wait_ready(k, 30), "%s", file_read(KEEPER_LOG));
        (void) jail_wait_for_standby(0);
        cr_assert_null(found_ids("--live"));
        jailctl_ok("stop", JAILTEST_NAME);
}

Test(verify, tampering_while_it_runs) {
        char **ids;
        RunResult r;

        jail_use_running();
        run_script("tampering",
                   "f=usr/lib/x86_64-linux-gnu/libz.so.1.2.13; cp $f ../new; echo x >>../new; chmod 444 ../new; mv ../new $f\n"
                   "install -m 4755 /bin/true usr/sbin/helper\n"
                   "mount --bind /etc/hostname etc/mime.types\n"
                   "chmod 0666 etc/nsswitch.conf\n"
                   "echo toor:x:0:0::/:/bin/sh >>etc/passwd");
        ids = found_ids(NULL);
        cr_assert(contains(ids, "tree-content"), "library");
        cr_assert(contains(ids, "live-code"), "library that runs no longer");
        cr_assert(contains(ids, "tree-set-id"), "set-id");
        cr_assert(contains(ids, "tree-mounted"), "bind mount");
        cr_assert(contains(ids, "tree-world-writable"), "mode");
        cr_assert(contains(ids, "account-other-user") && contains(ids, "account-shell"), "user");
        r = jailctl("verify", JAILTEST_NAME);
        cr_assert_eq(r.status, 1);
        cr_assert(strstr(r.out, "NOT AS PROMISED"), "%s", r.out);
        run_script("tampering", "umount etc/mime.types");
}

Test(verify, fix_mends_modes_owners_and_flags_and_nothing_else) {
        RunResult r;

        jail_use_built();
        run_script("fix",
                   "chmod u+s usr/sbin/apache2; chmod o+w etc/hosts; chown www-data etc/nsswitch.conf\n"
                   "chgrp 1000 etc/mime.types; chmod 0755 ..; chattr +i etc/group; chmod 400 etc/localtime || true");
        r = jailctl("--fix", "verify", JAILTEST_NAME);
        cr_assert_eq(r.status, 0, "%s%s", r.out, r.err);
        cr_assert(strstr(r.out, "mended: /usr/sbin/apache2: mode 4111 set to 0111"), "%s", r.out);
        cr_assert(strstr(r.out, "mended: /etc/nsswitch.conf: owner 33:0 set to 0:0"), "%s", r.out);
        cr_assert_null(strstr(r.out, "warning"), "%s", r.out);

        run_script("fix", "chattr -i etc/group; echo x >>etc/hosts; "
                          "install -m 444 /dev/null etc/motd");
        r = jailctl("--fix", "verify", JAILTEST_NAME);
        cr_assert_eq(r.status, 1);
        cr_assert(strstr(r.err, "/etc/hosts: not mended (tree-content)"), "%s", r.err);
        cr_assert_eq(access(path("%s/etc/motd", jail_root()), F_OK), 0);
}

Test(verify, fix_works_on_what_is_immutable) {
        RunResult r;

        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "[Jail]\nImmutable=yes\n");
        jailctl_ok("build", JAILTEST_NAME);
        jailctl_ok("verify", JAILTEST_NAME);
        run_script("fix",
                   "chattr -i etc/hosts etc/group usr/sbin/apache2 && chmod u+s usr/sbin/apache2 && chattr +i usr/sbin/apache2\n"
                   "chmod o+w etc/group");
        r = jailctl("--fix", "verify", JAILTEST_NAME);
        cr_assert_eq(r.status, 0, "%s%s", r.out, r.err);
        cr_assert(strstr(r.out, "mended: /etc/hosts: made immutable"), "%s", r.out);
        cr_assert(strstr(r.out, "mended: /usr/sbin/apache2: mode 4111 set to 0111"), "%s", r.out);
        cr_assert_null(strstr(r.out, "warning"), "%s", r.out);
        run_script("fix", "lsattr -d etc/hosts etc/group usr/sbin/apache2 | awk '!/^....i/ { exit 1 }'");
}

/* What is read leaves no trace: not in a file, a folder or a link that was never read since it was made. They are listed by a
 * way that leaves none, either. */
Test(verify, changes_no_access_times_and_follows_no_link_out) {
        static const char list[] =
                        "(cd /media/look && find . -printf '%p %A@ %C@\\n'; stat -c %x /media/outside/file)"
                        " | sort >/media/";
        RunResult r;

        jail_use_built();
        run_script("times",
                   "mkdir -p /media/outside /media/look; echo secret >/media/outside/file; ln -s /media/outside etc/out\n"
                   "find . /media/outside -exec touch -h -a -d 2001-01-01 {} +\n"
                   "mount --bind . /media/look; mount -o remount,bind,noatime /media/look");
        run_script("times", path("%sbefore", list));
        r = jailctl("--json", "verify", JAILTEST_NAME);
        cr_assert_eq(r.status, 1);
        cr_assert(strstr(r.out, "/etc/out") && !strstr(r.out, "/etc/out/"), "%s", r.out);
        run_script("times", path("%safter; diff /media/before /media/after >&2", list));
        run_script("times", "umount /media/look");
}

Test(verify, says_what_it_needs) {
        RunResult r;

        jail_use_built();
        r = run("setpriv", "--reuid", "www-data", "--clear-groups", jailctl_path(), "verify", JAILTEST_NAME,
                NULL);
        cr_assert_eq(r.status, 1);
        cr_assert(strstr(r.err, "needs root"), "%s", r.err);
        r = jailctl("--live", "verify", JAILTEST_NAME);
        cr_assert_eq(r.status, 3);
        cr_assert(strstr(r.err, "does not run"), "%s", r.err);
        cr_assert_eq(run("rm", "-r", JAILD_STATE_DIR "/" JAILTEST_NAME, NULL).status, 0);
        r = jailctl("verify", JAILTEST_NAME);
        cr_assert_eq(r.status, 1);
        cr_assert(strstr(r.err, "nothing is built"), "%s", r.err);
}
