/* One server takes another's place, and nobody notices: a standby after a crash, the next one after a request. */

#include <criterion/criterion.h>
#include <limits.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

#include "download.h"
#include "hammer.h"
#include "jailtest.h"
#include "visitors.h"

TestSuite(replace, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 180);

static const char with_standby[] = JAILTEST_CONF
                "[Supervise]\nStandby=yes\nRestartSec=1ms\nRestartMaxSec=10ms\nStartLimitBurst=1000\n";

static pid_t main_pid(void) {
        return (pid_t) jail_status_number("main-pid");
}

static void start_with_standby(void) {
        jail_use_built();
        jail_conf_write(JAILTEST_NAME, with_standby);
        jailctl_ok("start", JAILTEST_NAME);
}

static long status_of(const char *url) {
        return http_get(url, NULL).status;
}

/* Every death that finds a standby is answered by that standby, and every standby by another. */
Test(replace, standby_refuses_nobody) {
        enum {
                KILLS = 10
        };
        Hammer *hammer;
        HammerCount count;

        start_with_standby();
        hammer = hammer_start(JAILTEST_PORT, 2 * USEC_PER_MSEC);
        for (unsigned i = 0; i < KILLS; i++) {
                pid_t master = main_pid(), standby = jail_wait_for_standby(0);

                cr_assert_eq(kill(master, SIGKILL), 0);
                cr_assert_eq(jail_wait_for_other_master(master, 20), standby);
        }
        count = hammer_stop(hammer);
        cr_log_info("%u answered, %u reset, the slowest in %u ms", count.ok, count.reset,
                    (unsigned) (count.worst_usec / USEC_PER_MSEC));
        cr_assert_eq(count.refused, 0, "%u refused", count.refused);
        cr_assert_eq(count.bad, 0, "%u without an answer", count.bad);
        cr_assert_eq(jail_status_number("restarts"), KILLS);
}

/* Whether the process has written the pid file of Debian's configuration in its jail. */
static bool has_pid_file(pid_t pid) {
        char path[PATH_MAX];

        snprintf(path, sizeof(path), "/proc/%d/root/run/apache2/apache2.pid", pid);
        return access(path, F_OK) == 0;
}

static bool has_children(pid_t pid) {
        char path[64];
        char *children;
        bool r;

        snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
        children = file_read(path);
        r = children[0] != '\0';
        free(children);
        return r;
}

static void assert_takes_over(pid_t standby, pid_t master) {
        cr_assert_eq(kill(master, SIGKILL), 0);
        cr_assert_eq(jail_wait_for_other_master(master, 20), standby);
        cr_assert_eq(status_of(JAILTEST_URL), 200);
}

/* All that takes long is behind it: its configuration has been read twice and is in force. */
Test(replace, standby_lacks_only_its_workers) {
        pid_t master, standby;

        start_with_standby();
        master = main_pid();
        standby = jail_wait_for_standby(0);
        cr_assert(has_pid_file(standby));
        cr_assert(!has_children(standby));
        cr_assert(has_children(master));
        assert_takes_over(standby, master);
        cr_assert(has_children(standby));
}

/* What a jail can do to its listening sockets, which are those of its standby as well. */
static unsigned shut_doors(pid_t master) {
        _cleanup_close_ int pidfd = pidfd_open(master, 0);
        unsigned n = 0;

        for (int i = 3; i < 64; i++) {
                _cleanup_close_ int fd = pidfd_getfd(pidfd, i, 0);
                int is_listening = 0;

                if (fd >= 0 &&
                    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &(socklen_t){ sizeof(int) }) ==
                                    0 &&
                    is_listening && shutdown(fd, SHUT_RDWR) == 0)
                        n++;
        }
        return n;
}

Test(replace, standby_finds_the_doors_open) {
        pid_t master, standby;

        start_with_standby();
        master = main_pid();
        standby = jail_wait_for_standby(0);
        cr_assert_eq(shut_doors(master), 1);
        assert_takes_over(standby, master);
}

/* What it would serve is what a start would serve now. */
Test(replace, standby_is_of_the_current_generation) {
        pid_t master, standby;

        start_with_standby();
        master = main_pid();
        standby = jail_wait_for_standby(0);
        jailctl_ok("build", JAILTEST_NAME);
        standby = jail_wait_for_standby(standby);
        cr_assert_eq(main_pid(), master);
        cr_assert_eq(jail_status_number("generation"), 1);
        cr_assert_eq(kill(master, SIGKILL), 0);
        cr_assert_eq(jail_wait_for_other_master(master, 20), standby);
        cr_assert_eq(jail_status_number("generation"), 2);
        cr_assert_eq(status_of(JAILTEST_URL), 200);

        /* And after a reload it is not the one that had read what was before. */
        standby = jail_wait_for_standby(standby);
        jailctl_ok("reload", JAILTEST_NAME);
        cr_assert_neq(jail_wait_for_standby(standby), standby);
}

/* A standby that ends is no failure of the server. */
Test(replace, standby_that_ends_is_nobodys_loss) {
        pid_t master, standby;

        start_with_standby();
        master = main_pid();
        standby = jail_wait_for_standby(0);
        cr_assert_eq(kill(standby, SIGKILL), 0);
        cr_assert(process_wait_for_end(standby, 20));
        cr_assert_eq(status_of(JAILTEST_URL), 200);
        cr_assert_eq(main_pid(), master);
        cr_assert_eq(jail_status_number("restarts"), 0);
        /* Without it, a death is answered by a start. */
        cr_assert_eq(kill(master, SIGKILL), 0);
        cr_assert_neq(jail_wait_for_other_master(master, 20), standby);
        cr_assert_eq(status_of(JAILTEST_URL), 200);
}

Test(replace, busy_clients_notice_nothing) {
        static const char *const urls[] = { JAILTEST_URL, NULL };
        Visitors *visitors;
        VisitorsCount count;

        jail_use_running();
        visitors = visitors_start(urls, 16);
        for (unsigned i = 0; i < 3; i++) {
                jailctl_ok("restart", JAILTEST_NAME);
                jailctl_ok("reload", JAILTEST_NAME);
        }
        jailctl_ok("update", JAILTEST_NAME);
        count = visitors_stop(visitors);
        cr_assert_eq(count.other, 0, "%u failed of %u: %s", count.other, count.http1, count.first_other);
        cr_assert_gt(count.http1, 200);
        cr_assert_eq(jail_status_number("restarts"), 0);
}

Test(replace, downloads_are_finished) {
        Download *restarted, *reloaded;
        pid_t first, second;

        download_prepare();
        first = jail_use_running();
        restarted = download_begin();
        jailctl_ok("restart", JAILTEST_NAME);
        second = main_pid();
        reloaded = download_begin();
        jailctl_ok("reload", JAILTEST_NAME);
        cr_assert_not(process_wait_for_end(first, 0));
        cr_assert_not(process_wait_for_end(second, 0));

        cr_assert(download_end(restarted));
        cr_assert(process_wait_for_end(first, 20));
        cr_assert(download_end(reloaded));
        cr_assert(process_wait_for_end(second, 20));
        cr_assert_eq(status_of(JAILTEST_URL), 200);
}

/* The new server listens where it is to listen now, and nobody is kept waiting where it does not, even while the old one
 * is still busy. */
Test(replace, addresses_come_and_go) {
        Download *download;
        HttpReply gone;

        download_prepare();
        jail_use_running();
        download = download_begin();
        jail_conf_write(JAILTEST_NAME, "[Jail]\n[Network]\nListen=127.0.0.1:8081 80\n");
        jailctl_ok("build", JAILTEST_NAME);
        jailctl_ok("restart", JAILTEST_NAME);
        cr_assert_eq(status_of("http://127.0.0.1:8081/"), 200);
        gone = http_get(JAILTEST_URL, NULL);
        cr_assert_eq(gone.status, 0);
        cr_assert(strcasestr(gone.error, "connect"), "%s", gone.error);
        cr_assert(download_end(download));

        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        jailctl_ok("build", JAILTEST_NAME);
        jailctl_ok("restart", JAILTEST_NAME);
        cr_assert_eq(status_of(JAILTEST_URL), 200);
        cr_assert_eq(status_of("http://127.0.0.1:8081/"), 0);
}

/* Somebody else has the new address: the old server never noticed. */
Test(replace, address_of_somebody_else_costs_nothing) {
        pid_t master = jail_use_running();
        RunResult r;

        jail_conf_write("other", "[Jail]\n[Network]\nListen=127.0.0.1:8081 80\n");
        jailctl_ok("build", "other");
        jailctl_ok("start", "other");
        jail_conf_write(JAILTEST_NAME, "[Jail]\n[Network]\nListen=127.0.0.1:8081 80\n");
        jailctl_ok("build", JAILTEST_NAME);
        r = jailctl("restart", JAILTEST_NAME);
        cr_assert_eq(r.status, 1);
        cr_assert(strstr(r.err, "127.0.0.1:8081"), "%s", r.err);
        cr_assert_eq(main_pid(), master);
        cr_assert_eq(status_of(JAILTEST_URL), 200);
        jailctl_ok("stop", "other");
}

static const char *open_files_limit(pid_t pid) {
        char *line = strstr(file_read(path("/proc/%d/limits", pid)), "Max open files");
        unsigned limit = 0;

        cr_assert_eq(sscanf(line, "Max open files %u", &limit), 1);
        return path("%u", limit);
}

/* What rooms are made by is read again when a server is asked for, and only then; what is wrong is refused first. */
Test(replace, configuration_is_read_again) {
        pid_t master = jail_use_running(), other;
        RunResult r;

        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "[Sandbox]\nLimitNOFILE=1234\n");
        cr_assert_eq(kill(master, SIGKILL), 0);
        other = jail_wait_for_other_master(master, 20);
        cr_assert_str_neq(open_files_limit(other), "1234");
        jailctl_ok("restart", JAILTEST_NAME);
        cr_assert_str_eq(open_files_limit(main_pid()), "1234");
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "[Sandbox]\nLimitNOFILE=2345\n");
        jailctl_ok("reload", JAILTEST_NAME);
        cr_assert_str_eq(open_files_limit(main_pid()), "2345");
        cr_assert(strstr(jailctl_ok("status", JAILTEST_NAME).out, "2345"));

        master = main_pid();
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "[Sandbox]\nLimitNOFILES=1\n");
        r = jailctl("restart", JAILTEST_NAME);
        cr_assert_eq(r.status, 1);
        cr_assert(strstr(r.err, JAILTEST_NAME ".conf:6: "), "%s", r.err);
        cr_assert_eq(main_pid(), master);
        cr_assert_eq(status_of(JAILTEST_URL), 200);
        /* And what was asked for and refused is not what comes after a crash. */
        cr_assert_eq(kill(master, SIGKILL), 0);
        cr_assert_str_eq(open_files_limit(jail_wait_for_other_master(master, 20)), "2345");
}
