/* To go in and look: what is seen is what the server has, nothing is left behind, and the visitor is no more than the
 * server. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "events.h"
#include "jailtest.h"

TestSuite(enter, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 60);

#define enter(...) jailctl("enter", JAILTEST_NAME, "--", __VA_ARGS__)

static RunResult enter_ok(const char *script) {
        RunResult r = enter("sh", "-c", script);

        cr_assert_eq(r.status, 0, "%d: %s%s", r.status, r.out, r.err);
        return r;
}

/* All that can be told of a tree, but for the times that telling it changes. */
static char *tree_state(void) {
        return run("find", JAILD_STATE_DIR, "-printf", "%p %y %m %u %g %s %T@ %C@ %n %i\n", NULL).out;
}

/* What the visitor has and the jail has not is said. */
static void assert_said(RunResult r) {
        cr_assert(strstr(r.err, "/proc and /run/host are the visitor's"), "%s", r.err);
}

static void assert_sees_root(void) {
        RunResult r = enter("ls", "-A", "/");
        char *expected = run("sh", "-c", path("(ls -A %s; echo proc) | LC_ALL=C sort", jail_root()), NULL)
                                         .out;

        cr_assert_eq(r.status, 0, "%s", r.err);
        cr_assert_str_eq(r.out, expected);
        assert_said(r);
        /* And in full: owners, modes, sizes of what the jail has. */
        cr_assert_str_eq(enter_ok("cd / && stat -c '%n %F %u %a %s' etc etc/passwd dev/null usr/lib").out,
                         run("sh", "-c",
                             path("cd %s && stat -c '%%n %%F %%u %%a %%s' etc etc/passwd dev/null usr/lib",
                                  jail_root()),
                             NULL)
                                         .out);
}

Test(enter, running_server) {
        pid_t master = jail_use_running();
        char *mounts = file_read(path("/proc/%d/mountinfo", master)), *tree = tree_state();
        RunResult r;

        assert_sees_root();

        /* Processes: the server, as number one, its workers, and the visitor. */
        r = enter("ps", "-eo", "pid,comm", "--no-headers");
        cr_assert_eq(r.status, 0, "%s", r.err);
        cr_assert(strstr(r.out, "  1 apache2\n"), "%s", r.out);
        cr_assert(strstr(r.out, " ps\n"), "%s", r.out);
        cr_assert_not(strstr(r.out, "jaild"), "%s", r.out);
        cr_assert_not(strstr(r.out, "test-enter"), "%s", r.out);

        /* The network: a loopback. */
        r = enter("ip", "-brief", "link");
        cr_assert_eq(r.status, 0, "%s%s", r.out, r.err);
        cr_assert(strstr(r.out, "lo ") == r.out && strchr(r.out, '\n') == r.out + strlen(r.out) - 1, "%s",
                  r.out);

        /* The very namespaces of the server, but for the mounts. */
        for (size_t i = 0; i < 4; i++) {
                const char *name = ((const char *[]){ "pid", "net", "ipc", "uts" })[i];
                char link[64] = "";

                cr_assert_gt(readlink(path("/proc/%d/ns/%s", master, name), link, sizeof(link) - 1), 0);
                cr_assert_eq(strncmp(enter_ok(path("readlink /proc/self/ns/%s", name)).out, link,
                                     strlen(link)),
                             0);
        }

        /* No trace: not in the tree, not in the server's mounts, and verify has nothing new to say. */
        cr_assert_str_eq(file_read(path("/proc/%d/mountinfo", master)), mounts);
        cr_assert(streq(tree_state(), tree));
        cr_assert_eq(jail_status_number("main-pid"), master);
        cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 200);
}

/* Before a visit and after it verify says the same. */
Test(enter, verify_is_as_before) {
        char *before;

        jail_use_running();
        before = jailctl("verify", "--tree", JAILTEST_NAME).out;
        /* Not all of the host, which is at /run/host. */
        enter_ok("ls -lR /dev /etc /usr /var >/dev/null 2>&1; true");
        cr_assert_str_eq(jailctl("verify", "--tree", JAILTEST_NAME).out, before);
}

Test(enter, nothing_runs) {
        char *tree;
        RunResult r;

        jail_use_built();
        tree = tree_state();
        assert_sees_root();
        r = enter("ip", "-brief", "link");
        cr_assert(strstr(r.out, "lo ") == r.out && strchr(r.out, '\n') == r.out + strlen(r.out) - 1, "%s%s",
                  r.out, r.err);
        r = enter("ps", "-eo", "comm", "--no-headers");
        cr_assert_str_eq(r.out, "jaild-inspect\nps\n", "%s%s", r.out, r.err);
        cr_assert_str_eq(enter_ok("uname -n").out, "web\n");
        cr_assert(streq(tree_state(), tree));
        cr_assert_eq(process_count("jaild-inspect"), 0);
        cr_assert_eq(process_count("apache2"), 0);
}

/* What a visitor leaves running is ended, and nothing else. */
Test(enter, nobody_stays) {
        pid_t master = jail_use_running();

        enter_ok("sleep 1000 >/dev/null 2>&1 & (setsid sh -c 'sleep 1000 & sleep 1000' >/dev/null 2>&1 &) ; true");
        cr_assert_eq(process_count("sleep"), 0);
        cr_assert_eq(jail_status_number("main-pid"), master);
        cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 200);
}

/* As much as the server, and no more. */
Test(enter, what_the_visitor_is) {
        RunResult r;

        jail_use_running();
        r = enter_ok("id -u; cat /proc/self/status");
        cr_assert_eq(strncmp(r.out, "33\n", 3), 0, "%s", r.out);
        cr_assert(strstr(r.out, "CapEff:\t0000000000000000\n"), "%s", r.out);
        cr_assert(strstr(r.out, "CapBnd:\t0000000000000000\n"), "%s", r.out);
        cr_assert(strstr(r.out, "NoNewPrivs:\t1\n"), "%s", r.out);
        cr_assert(strstr(r.out, "Seccomp:\t2\n"), "%s", r.out);
        cr_assert(strstr(r.out, "Groups:\t \n"), "%s", r.out);
        /* What the filter refuses to the server it refuses to the visitor, or it is told. */
        r = enter("sh", "-c", "unshare -r true 2>&1; mount -t tmpfs x /tmp 2>&1");
        cr_assert_neq(r.status, 0);
        cr_assert(strstr(r.err, "refused to it as well: "), "%s", r.err);
        cr_assert(strstr(r.err, "unshare"), "%s", r.err);
        /* Nothing of the host's processes, nor of its devices. */
        cr_assert_str_eq(enter_ok("ls /run/host/proc /run/host/sys").out,
                         "/run/host/proc:\n\n/run/host/sys:\n");
        cr_assert_neq(enter("sh", "-c", "cat /run/host/dev/null").status, 0);
}

Test(enter, to_look_only_and_to_write) {
        RunResult r;

        jail_use_running();
        r = enter("sh", "-c", "echo x >/run/apache2/visited");
        cr_assert_neq(r.status, 0);
        cr_assert(strstr(r.err, "Read-only file system"), "%s", r.err);
        r = jailctl("enter", "--rw", JAILTEST_NAME, "--", "sh", "-c", "echo x >/run/apache2/visited");
        cr_assert_eq(r.status, 0, "%s", r.err);
        /* It is really there: for the server, and for the next visitor. */
        cr_assert_str_eq(enter_ok("cat /run/apache2/visited").out, "x\n");
        /* The root is as read-only as it is for the server. */
        cr_assert_neq(jailctl("enter", "--rw", JAILTEST_NAME, "--", "touch", "/etc/x").status, 0);
        cr_assert_neq(jailctl("enter", "--rw", "--as-root", JAILTEST_NAME, "--", "touch", "/etc/x").status,
                      0);
}

Test(enter, exit_status_and_scripts) {
        RunResult r;

        jail_use_built();
        cr_assert_eq(enter("sh", "-c", "exit 42").status, 42);
        cr_assert_eq(enter("sh", "-c", "kill -9 $$").status, 137);
        r = enter("no-such-program");
        cr_assert_eq(r.status, 1);
        cr_assert(strstr(r.err, "no-such-program: No such file or directory"), "%s", r.err);
        /* A script of the host's, by its interpreter. */
        file_write("/usr/local/bin/jaild-visit", "#!/bin/sh -e\necho $0 $1\n");
        cr_assert_eq(chmod("/usr/local/bin/jaild-visit", 0755), 0);
        r = enter("jaild-visit", "x");
        (void) unlink("/usr/local/bin/jaild-visit");
        cr_assert_eq(r.status, 0, "%s", r.err);
        cr_assert_str_eq(r.out, "/run/host/usr/local/bin/jaild-visit x\n");
}

Test(enter, refusals) {
        int fd = open(jailctl_path(), O_PATH);
        RunResult r;

        cr_assert_eq(jailctl("enter", "nobody", "--", "true").status, 4);
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        r = enter("true");
        cr_assert_eq(r.status, 1);
        cr_assert(strstr(r.err, "jailctl build web"), "%s", r.err);
        cr_assert_eq(chmod(JAILD_CONF_DIR "/web.conf", 0644), 0);
        for (size_t i = 0; i < 2; i++) {
                r = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--",
                        path("/proc/self/fd/%d", fd), ((const char *[]){ "enter", "trace" })[i],
                        JAILTEST_NAME, NULL);
                cr_assert_eq(r.status, 1, "%s", r.err);
                cr_assert(strstr(r.err, "needs root: "), "%s", r.err);
        }
}

static void setup_journal(void) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket" };
        int fd;

        cr_assert(unshare(CLONE_NEWNS) == 0 && mount("run", "/run", "tmpfs", 0, "mode=0755") == 0 &&
                                  mkdir("/run/jaild", 0755) == 0 && mkdir("/run/systemd", 0755) == 0 &&
                                  mkdir("/run/systemd/journal", 0755) == 0,
                  "%s", strerror(errno));
        jailtest_setup();
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        cr_assert(fd >= 0 && dup2(fd, 99) == 99 && bind(fd, (struct sockaddr *) &sa, sizeof(sa)) == 0, "%s",
                  strerror(errno));
}

Test(enter, as_root_is_said_and_journaled, .init = setup_journal) {
        char entry[4096] = "";
        RunResult r;

        jail_use_built();
        r = jailctl("enter", "--as-root", JAILTEST_NAME, "--", "sh", "-c", "id -u; cat /proc/self/status");
        cr_assert_eq(r.status, 0, "%s", r.err);
        cr_assert_eq(strncmp(r.out, "0\n", 2), 0, "%s", r.out);
        cr_assert(strstr(r.out, "CapEff:\t0000000000000000\n"), "%s", r.out);
        cr_assert(strstr(r.err, "AS ROOT"), "%s", r.err);
        cr_assert_gt(recv(99, entry, sizeof(entry) - 1, 0), 0);
        cr_assert(strstr(entry, event_message_id(EVENT_ENTERED_AS_ROOT)), "%s", entry);
        cr_assert(strstr(entry, "JAIL=web\n"), "%s", entry);
        /* Who is no more than the server is nobody's business. */
        enter_ok("true");
        cr_assert_lt(recv(99, entry, sizeof(entry) - 1, 0), 0);
}
