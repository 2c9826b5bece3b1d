/* The promises of the first whole path: a page through the jail, the room around it, and what happens when it dies. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "hammer.h"
#include "jailtest.h"

TestSuite(first_light, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 120);

static void assert_field(pid_t pid, const char *field, const char *expected) {
        const char *value = process_field(pid, field);

        cr_assert_not_null(value, "process %d has gone", pid);
        cr_assert_str_eq(value, expected, "%s is %s", field, value);
}

static void assert_serves(void) {
        HttpReply reply = http_get(JAILTEST_URL, NULL);

        cr_assert_eq(reply.status, 200, "%ld %s", reply.status, reply.error ?: "");
}

Test(first_light, default_page) {
        HttpReply reply;

        jail_use_running();
        reply = http_get(JAILTEST_URL, NULL);
        cr_assert_eq(reply.status, 200, "%ld %s", reply.status, reply.error ?: "");
        cr_assert_str_eq(reply.body, file_read("/var/www/html/index.html"));
}

/* What is left out is not mounted either, in a Writable= place that it would have been in least of all. */
Test(first_light, documents_left_out) {
        static const char *const places[] = { "", "Writable=/var/www\n" };

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                jail_conf_write(JAILTEST_NAME,
                                path("%s[Files]\n%sExclude=/var/www/html\n", JAILTEST_CONF, places[i]));
                jailctl_ok("build", JAILTEST_NAME);
                jailctl_ok("start", JAILTEST_NAME);
                cr_expect_eq(http_get(JAILTEST_URL, NULL).status, 404);
                jailctl_ok("stop", JAILTEST_NAME);
        }
}

Test(first_light, true_client_address_in_access_log) {
        jail_use_running();
        cr_assert_eq(http_get(JAILTEST_URL, "127.0.0.5").status, 200);
        cr_assert(file_wait_for(JAILD_LOG_DIR "/" JAILTEST_NAME "/access.log", "127.0.0.5 - - [", 10));
}

Test(first_light, worker_has_no_privilege) {
        static const char *const fields[][2] = {
                { "CapInh", "0000000000000000" },
                { "CapPrm", "0000000000000000" },
                { "CapEff", "0000000000000000" },
                { "CapBnd", "0000000000000000" },
                { "CapAmb", "0000000000000000" },
                { "NoNewPrivs", "1" },
                { "Seccomp", "2" },
                { "Umask", "0077" },
        };
        pid_t master = jail_use_running(), worker = process_child(master);

        cr_assert_neq(worker, 0);
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                assert_field(master, fields[i][0], fields[i][1]);
                assert_field(worker, fields[i][0], fields[i][1]);
        }
        cr_assert_neq(atoi(process_field(worker, "Uid")), 0);
        cr_assert_neq(atoi(process_field(worker, "Gid")), 0);
}

static void assert_own_namespace(pid_t pid, const char *type) {
        struct stat ours, theirs;

        cr_assert_eq(stat(path("/proc/self/ns/%s", type), &ours), 0);
        cr_assert_eq(stat(path("/proc/%d/ns/%s", pid, type), &theirs), 0);
        cr_assert_neq(ours.st_ino, theirs.st_ino, "the %s namespace is the host's", type);
}

Test(first_light, namespaces_of_its_own) {
        static const char *const types[] = { "mnt", "pid", "net", "ipc", "uts", "cgroup" };
        pid_t worker = process_child(jail_use_running());
        char *nspid;

        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                assert_own_namespace(worker, types[i]);
        /* The master is process 1 in there. */
        nspid = process_field((pid_t) jail_status_number("main-pid"), "NSpid");
        cr_assert_str_eq(strrchr(nspid, '\t') + 1, "1", "%s", nspid);
}

Test(first_light, network_has_only_loopback) {
        pid_t worker = process_child(jail_use_running());
        char *text = file_read(path("/proc/%d/net/dev", worker)), *save;
        unsigned n = 0;

        /* Two lines of heading. */
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                if (n++ >= 2)
                        cr_assert_str_eq(strndupa(line + strspn(line, " "), 3), "lo:", "%s", line);
        cr_assert_eq(n, 3);
}

Test(first_light, root_is_the_generation_and_read_only) {
        pid_t worker = process_child(jail_use_running());
        struct stat built, seen;
        char *text, *save;

        cr_assert_eq(stat(jail_root(), &built), 0);
        cr_assert_eq(stat(path("/proc/%d/root", worker), &seen), 0);
        cr_assert(built.st_dev == seen.st_dev && built.st_ino == seen.st_ino);

        text = file_read(path("/proc/%d/mountinfo", worker));
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char where[256], options[256];

                cr_assert_eq(sscanf(line, "%*s %*s %*s %*s %255s %255s", where, options), 2);
                if (streq(where, "/")) {
                        cr_assert_str_eq(strndupa(options, 3), "ro,", "%s", line);
                        return;
                }
        }
        cr_assert_fail("no root in mountinfo");
}

/* The healthy period is not waited for: a burst that ends in giving up is not what this is about. */
static const char unyielding[] =
                JAILTEST_CONF "[Supervise]\nRestartSec=1ms\nRestartMaxSec=10ms\nStartLimitBurst=1000\n";

/* Also of one whose place another had taken before the kernel was done with it. */
static void assert_is_reaped(pid_t pid) {
        for (unsigned i = 0; i < 100 && access(path("/proc/%d", pid), F_OK) == 0; i++)
                usleep(50000);
        cr_assert_neq(access(path("/proc/%d", pid), F_OK), 0, "process %d is still there", pid);
}

/* The supervisor has a pidfd of each worker a moment after its fork. Then it need not wait for the whole namespace's end. */
static void wait_until_worker_is_watched(pid_t master) {
        const char *watched = path("grep -qs '^Pid:[[:space:]]*%d$' /proc/%s/fdinfo/*",
                                   process_child(master), process_field(master, "PPid"));

        while (run("sh", "-c", watched, NULL).status != 0)
                usleep(20000);
}

Test(first_light, killed_master_refuses_nobody) {
        enum {
                KILLS = 20
        };
        pid_t killed[KILLS], master;
        HammerCount count;
        Hammer *hammer;

        jail_use_built();
        jail_conf_write(JAILTEST_NAME, unyielding);
        jailctl_ok("start", JAILTEST_NAME);
        master = (pid_t) jail_status_number("main-pid");

        hammer = hammer_start(JAILTEST_PORT, 2 * USEC_PER_MSEC);
        for (unsigned i = 0; i < KILLS; i++) {
                assert_serves();
                if (i % 2 == 0)
                        wait_until_worker_is_watched(master);
                cr_assert_eq(kill(master, SIGKILL), 0);
                killed[i] = master;
                master = jail_wait_for_other_master(master, 20);
                cr_assert_str_eq(jail_status_string("last-failure"), "httpd killed by SIGKILL");
        }
        assert_serves();
        count = hammer_stop(hammer);
        for (unsigned i = 0; i < KILLS; i++)
                assert_is_reaped(killed[i]);

        cr_log_info("%u answered, %u reset, the slowest in %u ms", count.ok, count.reset,
                    (unsigned) (count.worst_usec / USEC_PER_MSEC));
        cr_assert_eq(count.refused, 0, "%u refused", count.refused);
        cr_assert_eq(count.bad, 0, "%u without an answer", count.bad);
        cr_assert_gt(count.ok, KILLS);
        cr_assert_eq(jail_status_number("restarts"), KILLS);
}

Test(first_light, restart_loses_nobody) {
        HammerCount count;
        Hammer *hammer;
        pid_t master = jail_use_running();

        hammer = hammer_start(JAILTEST_PORT, 2 * USEC_PER_MSEC);
        for (unsigned i = 0; i < 5; i++) {
                jailctl_ok("restart", JAILTEST_NAME);
                master = jail_wait_for_other_master(master, 20);
                jailctl_ok("reload", JAILTEST_NAME);
        }
        count = hammer_stop(hammer);
        hammer_assert_lost_nobody(count);
        cr_assert_eq(jail_status_number("restarts"), 0);
}

Test(first_light, stop_leaves_nothing) {
        pid_t master = jail_use_running(), supervisor = atoi(process_field(master, "PPid"));

        jailctl_ok("stop", JAILTEST_NAME);
        cr_assert(process_wait_for_end(master, 0));
        /* It has let go of everything; only the kernel may not be done with it. */
        cr_assert(process_wait_for_end(supervisor, 5));
        cr_assert_eq(process_count("apache2"), 0);
        cr_assert_eq(process_count("jaild"), 0);
        cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 0);
        cr_assert_eq(jailctl("status", JAILTEST_NAME).status, 3);
        /* Nothing to stop is no failure of stop, and the next start finds no trace. */
        cr_assert_eq(jailctl("stop", JAILTEST_NAME).status, 0);
        jailctl_ok("start", JAILTEST_NAME);
        assert_serves();
}

Test(first_light, killed_supervisor_leaves_no_server_behind) {
        pid_t master = jail_use_running();

        cr_assert_eq(kill(atoi(process_field(master, "PPid")), SIGKILL), 0);
        cr_assert(process_wait_for_end(master, 10));
        cr_assert_eq(jailctl("status", JAILTEST_NAME).status, 3);
        jailctl_ok("start", JAILTEST_NAME);
        assert_serves();
}

/* The lock of a supervisor is there for everybody to see, and whoever can read a file can lock it. */
Test(first_light, nobody_else_can_keep_it_from_starting) {
        int ready[2];
        char byte;
        pid_t pid;

        jail_use_running();
        jailctl_ok("stop", JAILTEST_NAME);
        cr_assert_eq(pipe(ready), 0);
        pid = fork();
        if (pid == 0) {
                struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
                int fd = setresuid(65534, 65534, 65534) == 0 ? open(JAILD_RUN_DIR "/" JAILTEST_NAME "/lock",
                                                                    O_RDONLY | O_CLOEXEC)
                                                             : -1;

                if (fcntl(fd, F_SETLK, &lock) == 0 && write(ready[1], "", 1) == 1)
                        (void) pause();
                _exit(1);
        }
        close(ready[1]);
        cr_assert_eq(read(ready[0], &byte, 1), 1, "it could not lock");
        jailctl_ok("start", JAILTEST_NAME);
        assert_serves();
        cr_assert_eq(jailctl("status", JAILTEST_NAME).status, 0);
        cr_assert_eq(kill(pid, SIGKILL), 0);
}

static void break_configuration(void) {
        file_write(path("%s/etc/apache2/conf-enabled/broken.conf", jail_root()),
                   "ServerTokens Prod\nNoSuchDirective on\n");
}

static void assert_names_the_fault(const char *text) {
        cr_assert(strstr(text, "/etc/apache2/conf-enabled/broken.conf"), "%s", text);
        cr_assert(strstr(text, "line 2"), "%s", text);
        cr_assert(strstr(text, "NoSuchDirective"), "%s", text);
}

Test(first_light, reload_refuses_broken_configuration) {
        pid_t master = jail_use_running();
        RunResult r;

        break_configuration();
        r = jailctl("reload", JAILTEST_NAME);
        cr_assert_eq(r.status, 1, "%d %s", r.status, r.err);
        assert_names_the_fault(r.err);
        cr_assert_str_eq(jail_status_string("state"), "running");
        cr_assert_eq(jail_status_number("main-pid"), master);
        assert_serves();
}

Test(first_light, start_says_once_what_is_broken) {
        RunResult r;

        jail_use_built();
        break_configuration();
        r = jailctl("start", JAILTEST_NAME);
        cr_assert_eq(r.status, 1, "%d %s", r.status, r.err);
        assert_names_the_fault(r.err);
        cr_assert_eq(jailctl("status", JAILTEST_NAME).status, 3);
        cr_assert_str_eq(jail_status_string("state"), "failed");
        assert_names_the_fault(jail_status_string("last-failure"));
        cr_assert_eq(process_count("apache2") + process_count("jaild"), 0);
}

/* Without it the server starts, answers now and then, and loses a worker each second. */
Test(first_light, dying_workers_are_not_healthy) {
        RunResult r;

        jail_use_built();
        r = run("find", jail_root(), "-name", "libgcc_s.so.1", "-type", "f", "-delete", "-print", NULL);
        cr_assert(r.status == 0 && *r.out, "there is no libgcc_s.so.1 to remove");

        r = jailctl("start", JAILTEST_NAME);
        if (r.status == 0)
                cr_assert(file_wait_for(JAILD_RUN_DIR "/" JAILTEST_NAME "/last.json", "failed", 60), "%s",
                          jailctl("status", JAILTEST_NAME).out);
        cr_assert_str_eq(jail_status_string("state"), "failed");
        cr_assert(strstr(jail_status_string("last-failure"), "workers") ||
                                  strstr(jail_status_string("last-failure"), "libgcc_s"),
                  "%s", jail_status_string("last-failure"));
        cr_assert_eq(jailctl("status", JAILTEST_NAME).status, 3);
}
