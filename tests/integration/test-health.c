/* A server that runs and does not serve: found, named, replaced, and given up where that does not help. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "apachetest.h"
#include "helper.h"
#include "jailtest.h"

TestSuite(health, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 120);

#define QUICK "IntervalSec=50ms\nGraceSec=0\nFailures=2\n"

/* The jail with these lines more, started. What hangs is not waited for long. */
static pid_t use_running_with(const char *conf) {
        jail_use_built();
        jail_conf_write(JAILTEST_NAME, path(JAILTEST_CONF "[Supervise]\nStopTimeoutSec=1s\n%s", conf));
        jailctl_ok("start", JAILTEST_NAME);
        return (pid_t) jail_status_number("main-pid");
}

/* Wait until status says this of that. */
static void assert_comes(const char *key, const char *text) {
        for (unsigned i = 0; i < 200; i++) {
                if (strstr(jail_status_string(key), text))
                        return;
                usleep(50000);
        }
        cr_assert(false, "%s is not '%s' but '%s'", key, text, jail_status_string(key));
}

static void assert_fails_with(const char *text) {
        cr_assert(file_wait_for(JAILD_RUN_DIR "/" JAILTEST_NAME "/last.json", "failed", 60), "%s",
                  jailctl("status", JAILTEST_NAME).out);
        cr_assert_str_eq(jail_status_string("state"), "failed");
        cr_assert(strstr(jail_status_string("last-failure"), text), "%s",
                  jail_status_string("last-failure"));
        cr_assert_eq(process_count("apache2") + process_count("jaild") + process_count("jaild-probe"), 0);
}

/* Every process of the jail: what hangs, hangs as a whole. */
static bool stop_if_apache(pid_t pid, void *userdata) {
        const char *name = process_field(pid, "Name");

        if (name && streq(name, "apache2"))
                cr_assert_eq(kill(pid, SIGSTOP), 0);
        return false;
}

/* The standby is named: it and its own are to live. */
static bool stop_unless_standby(pid_t pid, void *userdata) {
        return pid == *(pid_t *) userdata ? false : stop_if_apache(pid, NULL);
}

Test(health, good_server_is_left_alone) {
        pid_t master = use_running_with("[Health]\nUrl=http://localhost/\nExpectBody=Apache2\n" QUICK);

        assert_comes("health", "status 200 in ");
        cr_assert_eq(jail_status_number("main-pid"), master);
        cr_assert_eq(jail_status_number("restarts"), 0);
        cr_assert_str_eq(jail_status_string("last-failure"), "");
}

Test(health, hanging_server_is_replaced) {
        pid_t master = use_running_with("[Health]\nUrl=http://localhost/\nTimeoutSec=300ms\n" QUICK), other;

        assert_comes("health", "status 200");
        process_find(stop_if_apache, NULL);
        other = jail_wait_for_other_master(master, 20);
        cr_assert(strstr(jail_status_string("last-failure"), "no answer within 300 ms"), "%s",
                  jail_status_string("last-failure"));
        cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 200);
        assert_comes("health", "status 200");
        cr_assert_eq(jail_status_number("main-pid"), other);
        cr_assert_eq(jail_status_number("restarts"), 1);
}

Test(health, standby_takes_the_place) {
        pid_t master = use_running_with(
                        "[Supervise]\nStandby=yes\n[Health]\nUrl=http://localhost/\nTimeoutSec=300ms\n" QUICK);
        pid_t standby;

        standby = jail_wait_for_standby(0);
        process_find(stop_unless_standby, &standby);
        cr_assert_eq(jail_wait_for_other_master(master, 20), standby);
}

Test(health, server_that_is_never_well_is_given_up) {
        jail_use_built();
        file_write(path("%s/etc/apache2/conf-enabled/broken.conf", jail_root()), "Redirect 500 /\n");
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "[Supervise]\nStopTimeoutSec=1s\nStartLimitBurst=2\n"
                                                     "[Health]\nUrl=http://localhost/\n" QUICK);
        jailctl_ok("start", JAILTEST_NAME);
        assert_fails_with("status 500 instead of 200-399");
}

/* A virtual host that the name alone chooses, by TLS with its name in the greeting, and the page by HTTP/2. */
Test(health, tls_with_the_name_and_http2) {
        const char *log = JAILD_LOG_DIR "/" JAILTEST_NAME "/asked.log";

        apache_make_private();
        apache_make_certificate();
        apache_add_conf("tls",
                        APACHE_LOAD("socache_shmcb") APACHE_LOAD("ssl") APACHE_LOAD(
                                        "http2") "Listen 443\n"
                                                 "Protocols h2 http/1.1\n"
                                                 "SSLStrictSNIVHostCheck on\n"
                                                 "SSLCertificateFile /etc/apache2/test.crt\n"
                                                 "SSLCertificateKeyFile /etc/apache2/test.key\n"
                                                 "<VirtualHost *:443>\n"
                                                 "        ServerName other.test\n"
                                                 "        SSLEngine on\n"
                                                 "        Redirect 500 /\n"
                                                 "</VirtualHost>\n"
                                                 "<VirtualHost *:443>\n"
                                                 "        ServerName shop.test\n"
                                                 "        DocumentRoot /var/www/html\n"
                                                 "        SSLEngine on\n"
                                                 "        CustomLog ${APACHE_LOG_DIR}/asked.log \"%H sni=%{SSL_TLS_SNI}x %>s\"\n"
                                                 "</VirtualHost>\n");
        jail_conf_write(JAILTEST_NAME,
                        JAILTEST_CONF "Listen=127.0.0.1:8443 443\n"
                                      "[Health]\nUrl=https://shop.test:8443/\nExpectBody=Apache2\n" QUICK);
        jailctl_ok("build", JAILTEST_NAME);
        jailctl_ok("start", JAILTEST_NAME);
        assert_comes("health", "status 200 in ");
        cr_assert(file_wait_for(log, "HTTP/2.0 sni=shop.test 200\n", 20), "%s", file_read(log));
        cr_assert_eq(jail_status_number("restarts"), 0);
}

Test(health, start_has_its_grace) {
        pid_t master = use_running_with(
                        "[Supervise]\nStartLimitBurst=1\n"
                        "[Health]\nUrl=http://localhost/no-such-page\nIntervalSec=50ms\nFailures=1\n");

        assert_comes("health", "status 404");
        cr_assert_eq(jail_status_number("main-pid"), master);
        cr_assert_eq(jail_status_number("restarts"), 0);
}

/* A mistake in Url= costs the checks, not the server. */
Test(health, url_of_nobody_is_said) {
        pid_t master = use_running_with("[Health]\nUrl=http://localhost:81/\n" QUICK);

        assert_comes("health", "port 81");
        cr_assert_eq(jail_status_number("main-pid"), master);
}

static bool is_probe(pid_t pid, void *userdata) {
        const char *name = process_field(pid, "Name");

        if (!name || !streq(name, "jaild-probe") || !streq(process_field(pid, "Seccomp") ?: "", "2"))
                return false;
        *(pid_t *) userdata = pid;
        return true;
}

Test(health, probe_may_do_nothing) {
        pid_t probe = 0;

        (void) use_running_with(
                        "[Health]\nUrl=http://localhost/\nTimeoutSec=20s\nIntervalSec=50ms\nGraceSec=1min\n");
        process_find(stop_if_apache, NULL);
        for (unsigned i = 0; i < 200 && probe == 0; i++) {
                process_find(is_probe, &probe);
                usleep(20000);
        }
        cr_assert_gt(probe, 0, "no probe");
        cr_assert_neq(atoi(process_field(probe, "Uid")), 0);
        cr_assert_neq(atoi(process_field(probe, "Gid")), 0);
        cr_assert_str_eq(process_field(probe, "Groups"), "");
        cr_assert_str_eq(process_field(probe, "CapPrm"), "0000000000000000");
        cr_assert_str_eq(process_field(probe, "CapBnd"), "0000000000000000");
        cr_assert_str_eq(process_field(probe, "NoNewPrivs"), "1");
}

Test(health, notify_is_told_without_privileges) {
        const char *script = JAILD_LOG_DIR "/tell", *told = JAILD_LOG_DIR "/told";
        pid_t master;

        /* Slow, so that the next event waits for it. */
        file_write(script, "#!/bin/sh\n[ $EVENT != server-died ] || sleep 0.3\n"
                           "echo \"$JAIL $EVENT uid=$(id -u) $1\" >>" JAILD_LOG_DIR "/told\n");
        file_write(told, "");
        cr_assert(chmod(script, 0755) == 0 && chmod(told, 0666) == 0 && chmod(JAILD_LOG_DIR, 0755) == 0);
        master = use_running_with(path("[Supervise]\nStartLimitBurst=2\nNotify=%s argument\n", script));
        cr_assert_eq(kill(master, SIGKILL), 0);
        cr_assert(file_wait_for(told,
                                JAILTEST_NAME " server-died uid=65534 argument\n" JAILTEST_NAME
                                              " recovered uid=65534",
                                20),
                  "%s", file_read(told));

        /* The last word is heard, too, though the supervisor has ended its loop when its turn comes. */
        file_write(path("%s/etc/apache2/conf-enabled/broken.conf", jail_root()), "NoSuchDirective on\n");
        cr_assert_eq(kill((pid_t) jail_status_number("main-pid"), SIGKILL), 0);
        assert_fails_with("NoSuchDirective");
        cr_assert(file_wait_for(told, JAILTEST_NAME " gave-up uid=65534", 10), "%s", file_read(told));
}

/* Nothing of us runs in our child before we are gone: it waits for the processor that we do not give away. */
static void hold_processor(void) {
        const struct sched_param first = { .sched_priority = 1 };
        cpu_set_t here;

        CPU_ZERO(&here);
        CPU_SET(sched_getcpu(), &here);
        if (sched_setaffinity(0, sizeof(here), &here) < 0 ||
            sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first) < 0)
                cr_log_warn("no real-time scheduling: whether the helper is late is left to chance");
}

/* A supervisor that starts a helper, and is killed at once or when the helper runs. */
static _Noreturn void supervisor_main(const int pipe_fd[2], bool at_once) {
        char *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" }, (char[]){ "echo; exec sleep 600" }, NULL };
        char *environment[] = { NULL }, byte;
        Helper *helper;

        if (at_once)
                hold_processor();
        if (helper_start(NULL,
                         &(HelperSpec){
                                         .argv = argv,
                                         .environment = environment,
                                         .uid = 65534,
                                         .gid = 65534,
                                         .in_fd = -EBADF,
                                         .out_fd = pipe_fd[1],
                                         .timeout_usec = 600 * USEC_PER_SEC,
                         },
                         NULL, NULL, &helper) < 0 ||
            (!at_once && read(pipe_fd[0], &byte, 1) != 1))
                _exit(EXIT_FAILURE);
        (void) kill(getpid(), SIGKILL);
        _exit(EXIT_FAILURE);
}

static void assert_helper_ends(bool at_once) {
        struct pollfd p = { .events = POLLIN };
        int pipe_fd[2], status;
        ssize_t k;
        char byte;
        pid_t pid;

        cr_assert_eq(pipe2(pipe_fd, O_CLOEXEC), 0);
        pid = fork();
        if (pid == 0)
                supervisor_main(pipe_fd, at_once);
        (void) close(pipe_fd[1]);
        cr_assert(waitpid(pid, &status, 0) == pid);
        cr_assert(WIFSIGNALED(status), "it could not start a helper");
        /* The helper had the other end. */
        p.fd = pipe_fd[0];
        do {
                cr_assert_eq(poll(&p, 1, 20000), 1, "the helper outlives its supervisor");
                k = read(pipe_fd[0], &byte, 1);
        } while (k > 0);
        cr_assert_eq(k, 0);
        (void) close(pipe_fd[0]);
}

Test(health, no_helper_outlives_its_supervisor) {
        assert_helper_ends(false);
        assert_helper_ends(true);
}
