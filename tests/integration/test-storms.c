/* A jail cannot make its supervisor crash, block or grow. The storms are in tests/probe/probe-storms.c. */

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <systemd/sd-bus.h>

#include "apachetest.h"
#include "bus.h"
#include "hammer.h"
#include "jailtest.h"

static void setup(void) {
        jailtest_setup();
        apache_make_private();
}

TestSuite(storms, .init = setup, .fini = jailtest_teardown, .timeout = 120);

#define PROBE_URL JAILTEST_URL "probe?"

static pid_t run_jail(const char *more) {
        RunResult r = run("cp", getenv("MOD_PROBE"), "/etc/apache2/mod_probe.so", NULL);

        cr_assert_eq(r.status, 0, "%s", r.err);
        apache_add_conf("test", "LoadModule probe_module /etc/apache2/mod_probe.so\n"
                                "<Location /probe>\n"
                                "        SetHandler probe\n"
                                "</Location>\n");
        jail_conf_write(JAILTEST_NAME, path("%s%s", JAILTEST_CONF, more));
        jailctl_ok("build", JAILTEST_NAME);
        jailctl_ok("start", JAILTEST_NAME);
        return (pid_t) jail_status_number("main-pid");
}

typedef struct Size {
        long memory_kib;
        unsigned descriptors;
} Size;

static Size supervisor_size(pid_t master) {
        pid_t supervisor = atoi(process_field(master, "PPid"));
        RunResult r = run("find", path("/proc/%d/fd", supervisor), "-type", "l", NULL);
        Size size = { .memory_kib = atol(process_field(supervisor, "VmRSS")) };

        for (const char *c = r.out; *c; c++)
                size.descriptors += *c == '\n';
        return size;
}

static void storm(const char *name) {
        HttpReply reply = http_get(path("%s%s", PROBE_URL, name), NULL);

        cr_assert(reply.status == 200 && strstr(reply.body, "WORKED"), "%s: %ld %s %s", name, reply.status,
                  reply.error ?: "", reply.body);
}

/* The first time warms up what may be warm, and the second must cost nothing. Others are served meanwhile. */
static void bear(const char *name, const char *more) {
        pid_t master = run_jail(more);
        Size before, after;
        HammerCount count;
        Hammer *hammer;

        storm(name);
        before = supervisor_size(master);
        hammer = hammer_start(JAILTEST_PORT, 20 * USEC_PER_MSEC);
        storm(name);
        /* It has an ear for others, too. */
        cr_assert_str_eq(jail_status_string("state"), "running");
        count = hammer_stop(hammer);
        after = supervisor_size(master);

        hammer_assert_lost_nobody(count);
        cr_assert_eq(jail_status_number("main-pid"), master);
        cr_assert_leq(after.memory_kib, before.memory_kib + 512, "%ld KiB, before %ld", after.memory_kib,
                      before.memory_kib);
        cr_assert_leq(after.descriptors, before.descriptors, "%u descriptors, before %u", after.descriptors,
                      before.descriptors);
        cr_assert_lt(strlen(file_read(JAILD_LOG_DIR "/" JAILTEST_NAME "/jaild.log")), 16384, "%s",
                     file_read(JAILD_LOG_DIR "/" JAILTEST_NAME "/jaild.log"));
}

Test(storms, binds) {
        bear("storm-of-binds", "");
}

Test(storms, callers_that_die) {
        bear("storm-of-deaths", "[Sandbox]\nSystemCallFilter=+cgi\n");
}

Test(storms, forks) {
        bear("storm-of-forks", "[Sandbox]\nLimitNPROC=200\n");
}

/* It listens to others while somebody talks without end. */
Test(storms, output) {
        pid_t master = run_jail("");

        storm("storm-of-output");
        for (unsigned i = 0; i < 5; i++)
                cr_assert_eq(jail_status_number("main-pid"), master);
        jailctl_ok("stop", JAILTEST_NAME);
}

/* A master that only looks as if it had ended is ended: nothing is left that the supervisor does not know. */
Test(storms, master_that_plays_dead) {
        pid_t master, worker;

        file_write("/etc/apache2/conf-enabled/lost.conf", "Define LOST_MASTER\n");
        master = run_jail("");
        worker = process_child(master);
        cr_assert_gt(worker, 0);
        /* The supervisor knows the worker a moment after its birth. */
        sleep(1);
        cr_assert_eq(kill(master, SIGUSR2), 0);
        /* The kernel tells nobody. */
        while (process_field(master, "State")[0] != 'Z')
                usleep(10000);
        cr_assert_eq(kill(worker, SIGKILL), 0);
        jail_wait_for_other_master(master, 20);
        cr_assert(process_wait_for_end(master, 10));
}

#define ASKERS 16

/* A user of the host who wants to know all, without end. */
static _Noreturn void ask_until_killed(void) {
        sd_bus *bus = NULL;
        int r;

        if (setgid(65534) < 0 || setuid(65534) < 0)
                _exit(EXIT_FAILURE);
        for (;;) {
                sd_bus_message *reply = NULL;

                if (!bus &&
                    (sd_bus_new(&bus) < 0 ||
                     sd_bus_set_address(bus, "unix:path=" JAILD_RUN_DIR "/" JAILTEST_NAME "/control") < 0 ||
                     sd_bus_start(bus) < 0))
                        _exit(EXIT_FAILURE);
                r = sd_bus_call_method(bus, NULL, JAIL_BUS_PATH, "org.freedesktop.DBus.Properties", "GetAll",
                                       NULL, &reply, "s", JAIL_BUS_INTERFACE);
                sd_bus_message_unref(reply);
                if (r < 0)
                        bus = sd_bus_close_unref(bus);
        }
}

/* Nobody who asks keeps it from writing logs, or from missing a server that has ended. */
Test(storms, questions) {
        pid_t master = run_jail(""), asker[ASKERS];

        for (size_t i = 0; i < ASKERS; i++) {
                asker[i] = fork();
                if (asker[i] == 0)
                        ask_until_killed();
        }
        cr_assert_eq(http_get(JAILTEST_URL "marked", NULL).status, 404);
        cr_assert(file_wait_for(JAILD_LOG_DIR "/" JAILTEST_NAME "/access.log", "marked", 20));
        cr_assert_eq(kill(master, SIGKILL), 0);
        jail_wait_for_other_master(master, 20);
        for (size_t i = 0; i < ASKERS; i++)
                kill(asker[i], SIGKILL);
        jailctl_ok("stop", JAILTEST_NAME);
}

/* Where the logs cannot be written, what Apache says is dropped and the server goes on. */
Test(storms, full_disk_for_logs) {
        pid_t master;
        Size before, after;

        cr_assert_eq(mkdir(JAILD_LOG_DIR "/" JAILTEST_NAME, 0750), 0);
        cr_assert_eq(mount("jailtest", JAILD_LOG_DIR "/" JAILTEST_NAME, "tmpfs", 0, "size=64k"), 0);
        master = run_jail("");
        before = supervisor_size(master);
        for (unsigned i = 0; i < 3000; i++)
                cr_assert_eq(http_get(JAILTEST_URL "none", NULL).status, 404);
        after = supervisor_size(master);
        cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 200);
        cr_assert_eq(jail_status_number("main-pid"), master);
        cr_assert_leq(after.memory_kib, before.memory_kib + 512);
        jailctl_ok("restart", JAILTEST_NAME);
        cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 200);
}

/* Nobody reads the logs: the supervisor stands still. What is in the pipe's mebibyte is not lost, and the server only waits
 * when it is full. */
Test(storms, supervisor_that_stands_still) {
        pid_t master = run_jail(""), supervisor = atoi(process_field(master, "PPid"));

        cr_assert_eq(kill(supervisor, SIGSTOP), 0);
        for (unsigned i = 0; i < 1000; i++)
                cr_assert_eq(http_get(JAILTEST_URL, "127.0.0.9").status, 200);
        cr_assert_eq(kill(supervisor, SIGCONT), 0);
        cr_assert_eq(http_get(JAILTEST_URL, "127.0.0.10").status, 200);
        cr_assert(file_wait_for(JAILD_LOG_DIR "/" JAILTEST_NAME "/access.log", "127.0.0.10", 20));
        cr_assert_str_eq(
                        run("grep", "-c", "^127.0.0.9 ", JAILD_LOG_DIR "/" JAILTEST_NAME "/access.log", NULL)
                                        .out,
                        "1000\n");
}

/* Its own room: no capability but those that have a use, none to be gained, and system calls that are never made. */
Test(storms, supervisor_has_little) {
        static const unsigned never[] = { 13 /* NET_RAW */,
                                          16 /* SYS_MODULE */,
                                          17 /* SYS_RAWIO */,
                                          22 /* SYS_BOOT */,
                                          25 /* SYS_TIME */,
                                          27 /* MKNOD */,
                                          39 /* BPF */ };
        pid_t supervisor = atoi(process_field(run_jail(""), "PPid"));
        unsigned long bounding = strtoul(process_field(supervisor, "CapBnd"), NULL, 16);

        cr_assert_str_eq(process_field(supervisor, "NoNewPrivs"), "1");
        cr_assert_str_eq(process_field(supervisor, "Seccomp"), "2");
        cr_assert_eq(strtoul(process_field(supervisor, "CapPrm"), NULL, 16), bounding);
        cr_assert_eq(strtoul(process_field(supervisor, "CapInh"), NULL, 16), 0);
        cr_assert_eq(strtoul(process_field(supervisor, "CapAmb"), NULL, 16), 0);
        for (size_t i = 0; i < ELEMENTSOF(never); i++)
                cr_assert_eq(bounding & (1UL << never[i]), 0, "capability %u", never[i]);
}

/* And it takes nothing while nothing happens: no turn of a processor, and none of what root has few of for all jails
 * (fs.inotify.max_user_instances). The last of its timers runs out a second after the start. */
Test(storms, supervisor_at_rest) {
        pid_t supervisor = atoi(process_field(run_jail(""), "PPid"));
        bool rests = false;

        for (unsigned i = 0; !rests && i < 5; i++) {
                const char *before = process_field(supervisor, "voluntary_ctxt_switches");

                sleep(2);
                rests = streq(process_field(supervisor, "voluntary_ctxt_switches"), before);
        }
        cr_assert(rests, "it is woken all the time");
        cr_assert_str_eq(run("find", path("/proc/%d/fd", supervisor), "-lname", "*inotify*", NULL).out, "");
}
