/* The addresses of a jail: those that its clients reach, and how they come and go. */

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "apachetest.h"
#include "hammer.h"
#include "jailtest.h"

static void setup(void) {
        jailtest_setup();
        apache_make_private();
}

TestSuite(network, .init = setup, .fini = jailtest_teardown, .timeout = 60);

#define ACCESS_LOG JAILD_LOG_DIR "/" JAILTEST_NAME "/access.log"
#define ERROR_LOG  JAILD_LOG_DIR "/" JAILTEST_NAME "/error.log"
#define JAILD_LOG  JAILD_LOG_DIR "/" JAILTEST_NAME "/jaild.log"

static void build(const char *conf) {
        jail_conf_write(JAILTEST_NAME, conf);
        jailctl_ok("build", JAILTEST_NAME);
}

static void assert_answers(const char *url) {
        HttpReply reply = http_get(url, NULL);

        cr_assert_eq(reply.status, 200, "%s: %ld %s\n%s", url, reply.status, reply.error ?: "",
                     file_read(JAILD_LOG));
}

static void assert_nobody_there(const char *url) {
        HttpReply reply = http_get(url, NULL);

        cr_assert_eq(reply.status, 0, "%s: %ld", url, reply.status);
}

/* The old server takes clients until it has closed its own, which is soon. */
static void assert_nobody_there_soon(const char *url) {
        time_t deadline = time(NULL) + 10;

        while (http_get(url, NULL).status != 0)
                cr_assert_lt(time(NULL), deadline, "%s answers still", url);
}

static void ports(const char *text) {
        file_write("/etc/apache2/ports.conf", text);
}

Test(network, both_families_on_one_socket) {
        build("[Network]\nListen=8080 80\n");
        jailctl_ok("start", JAILTEST_NAME);
        assert_answers("http://127.0.0.1:8080/");
        assert_answers("http://[::1]:8080/");
        cr_assert_eq(http_get("http://127.0.0.1:8080/", "127.0.0.5").status, 200);
        cr_assert(file_wait_for(ACCESS_LOG, "::1 - - [", 10), "%s", file_read(ACCESS_LOG));
        cr_assert(file_wait_for(ACCESS_LOG, "127.0.0.5 - - [", 10), "%s", file_read(ACCESS_LOG));
}

Test(network, one_family_alone) {
        ports("Listen [::1]:80\n");
        build("[Network]\nListen=[::1]:8080 [::1]:80\n");
        jailctl_ok("start", JAILTEST_NAME);
        assert_answers("http://[::1]:8080/");
        assert_nobody_there("http://127.0.0.1:8080/");
}

Test(network, several_addresses) {
        ports("Listen 80\nListen 127.0.0.1:81\nListen [::1]:82\nListen 0.0.0.0:83\n");
        build("");
        jailctl_ok("start", JAILTEST_NAME);
        assert_answers("http://127.0.0.1:80/");
        assert_answers("http://[::1]:80/");
        assert_answers("http://127.0.0.1:81/");
        assert_answers("http://[::1]:82/");
        assert_answers("http://127.0.0.2:83/");
        assert_nobody_there("http://127.0.0.2:81/");
        assert_nobody_there("http://[::1]:83/");
}

/* Each group of workers binds the address for itself. */
Test(network, buckets_of_cores) {
        apache_add_conf("test", "ListenCoresBucketsRatio 1\n");
        build(JAILTEST_CONF);
        jailctl_ok("start", JAILTEST_NAME);
        for (unsigned i = 0; i < 20; i++)
                assert_answers(JAILTEST_URL);
        jailctl_ok("restart", JAILTEST_NAME);
        assert_answers(JAILTEST_URL);
        cr_assert_eq(jail_status_number("worker-deaths"), 0);
}

/* A new Listen line is there after a reload, and one that was taken out is not; nobody else notices. */
static void add_and_remove(const char *mpm) {
        Hammer *hammer;

        apache_use_mpm(mpm);
        build(JAILTEST_CONF);
        jailctl_ok("start", JAILTEST_NAME);
        hammer = hammer_start(JAILTEST_PORT, 5 * USEC_PER_MSEC);

        ports("Listen 80\nListen 81\n");
        build(JAILTEST_CONF "Listen=127.0.0.1:8081 81\n");
        /* It is the supervisor who knows the addresses of the jail's configuration. */
        jailctl_ok("reload", JAILTEST_NAME);
        assert_answers("http://127.0.0.1:8081/");

        ports("Listen 80\n");
        build(JAILTEST_CONF);
        jailctl_ok("reload", JAILTEST_NAME);
        assert_nobody_there_soon("http://127.0.0.1:8081/");
        assert_answers(JAILTEST_URL);
        hammer_assert_lost_nobody(hammer_stop(hammer));
}

Test(network, listen_added_and_removed_on_event) {
        add_and_remove("event");
}

Test(network, listen_added_and_removed_on_prefork) {
        add_and_remove("prefork");
}

/* As apachectl graceful does it, from outside: Apache's own way, without a new master. */
Test(network, graceful_by_signal) {
        static const char *const mpms[] = { "event", "prefork" };

        for (size_t i = 0; i < ELEMENTSOF(mpms); i++) {
                pid_t master;

                apache_use_mpm(mpms[i]);
                build(JAILTEST_CONF);
                jailctl_ok("start", JAILTEST_NAME);
                master = (pid_t) jail_status_number("main-pid");
                cr_assert_eq(kill(master, SIGUSR1), 0);
                cr_assert(file_wait_for(ERROR_LOG, "raceful restart", 10));
                assert_answers(JAILTEST_URL);
                cr_assert_eq(jail_status_number("main-pid"), master);
                cr_assert_eq(jail_status_number("worker-deaths"), 0, "%s\n%s", file_read(JAILD_LOG),
                             file_read(ERROR_LOG));
                jailctl_ok("stop", JAILTEST_NAME);
                cr_assert_null(strstr(file_read(ERROR_LOG), "AH00056"), "%s", file_read(ERROR_LOG));
                cr_assert_eq(unlink(ERROR_LOG), 0);
        }
}

/* prefork's master wakes an idle child by a connection to its own address: one that leads to the jail's own socket, so
 * that children that are too many go. */
Test(network, prefork_wakes_its_children) {
        apache_use_mpm("prefork");
        apache_add_conf("test", "StartServers 6\nMinSpareServers 1\nMaxSpareServers 2\n");
        build(JAILTEST_CONF "[Supervise]\nStopTimeoutSec=20s\n");
        jailctl_ok("start", JAILTEST_NAME);
        assert_answers(JAILTEST_URL);
        cr_assert(file_wait_for(ACCESS_LOG, "(internal dummy connection)", 20), "%s", file_read(ACCESS_LOG));
        jailctl_ok("restart", JAILTEST_NAME);
        assert_answers(JAILTEST_URL);
        jailctl_ok("stop", JAILTEST_NAME);
        cr_assert_null(strstr(file_read(JAILD_LOG), "refused"), "%s", file_read(JAILD_LOG));
        /* "did not exit", and "connect to listener" */
        cr_assert_null(strstr(file_read(ERROR_LOG), "AH00045"), "%s", file_read(ERROR_LOG));
        cr_assert_null(strstr(file_read(ERROR_LOG), "AH00056"), "%s", file_read(ERROR_LOG));
}

static ino_t network_of(pid_t pid) {
        struct stat st;

        cr_assert_eq(stat(path("/proc/%d/ns/net", pid), &st), 0, "%s", strerror(errno));
        return st.st_ino;
}

/* Whatever starts a server, it comes into the network that the jail has already, which is not the host's. */
Test(network, instances_share_that_of_the_jail) {
        pid_t master = jail_use_running();
        ino_t of_jail = network_of(master);

        cr_assert_neq(of_jail, network_of(getpid()));
        cr_assert_eq(network_of((pid_t) atoi(process_field(master, "PPid"))), network_of(getpid()));
        for (unsigned i = 0; i < 2; i++) {
                cr_assert_eq(kill(master, SIGKILL), 0);
                master = jail_wait_for_other_master(master, 10);
                cr_assert_eq(network_of(master), of_jail);
        }
        jailctl_ok("reload", JAILTEST_NAME);
        cr_assert_eq(network_of((pid_t) jail_status_number("main-pid")), of_jail);
}

Test(network, address_that_is_not_granted) {
        RunResult r;

        ports("Listen 80\nListen 81\n");
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        r = jailctl("build", JAILTEST_NAME);
        cr_assert(r.status == 1 && strstr(r.err, "/etc/apache2/ports.conf:2: Listen 81"), "%d %s", r.status,
                  r.err);
}
