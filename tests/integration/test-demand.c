/* A jail that waits for its first visitor, and goes to sleep after its last. systemd-socket-activate(1) is systemd here. */

#include <criterion/criterion.h>
#include <dirent.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "jailtest.h"

TestSuite(demand, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 120);

#define IDLE_CONF JAILTEST_CONF "[Supervise]\nIdleStopSec=400ms\n"

static void wait_for_state(const char *state) {
        for (unsigned i = 0; i < 400 && !streq(jail_status_string("state"), state); i++)
                usleep(50000);
        cr_assert_str_eq(jail_status_string("state"), state);
}

static bool no_apache(void) {
        for (unsigned i = 0; i < 400; i++) {
                if (process_count("apache2") == 0)
                        return true;
                usleep(20000);
        }
        return false;
}

static bool is_jaild(pid_t pid, void *userdata) {
        *(pid_t *) userdata = pid;
        return streq(process_field(pid, "Name") ?: "", "jaild");
}

/* How many networks the supervisor keeps. */
static unsigned networks_held(void) {
        char target[64] = "";
        unsigned n = 0;
        pid_t pid;
        DIR *d;

        cr_assert(process_find(is_jaild, &pid));
        d = opendir(path("/proc/%d/fd", pid));
        cr_assert_not_null(d);
        for (struct dirent *e; (e = readdir(d));)
                n += readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1) > 0 &&
                     strncmp(target, "net:", 4) == 0;
        closedir(d);
        return n;
}

Test(demand, nobody_comes_and_somebody_does) {
        jail_use_built();
        jail_conf_write(JAILTEST_NAME, IDLE_CONF);
        jailctl_ok("start", JAILTEST_NAME);
        for (unsigned i = 0; i < 3; i++) {
                wait_for_state("idle");
                cr_assert(no_apache());
                cr_assert_eq(networks_held(), 0);
                cr_assert_eq(jailctl("status", JAILTEST_NAME).status, 0);
                cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 200);
                cr_assert_str_eq(jail_status_string("state"), "running");
                cr_assert_eq(networks_held(), 1);
        }
        cr_assert_eq(jail_status_number("restarts"), 0);
        wait_for_state("idle");
        jailctl_ok("reload", JAILTEST_NAME);
        jailctl_ok("stop", JAILTEST_NAME);
        cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 0);
        for (unsigned i = 0; i < 50 && process_count("jaild") > 0; i++)
                usleep(20000);
        cr_assert_eq(process_count("jaild"), 0);
}

static int visit(void) {
        struct sockaddr_in sa = { .sin_family = AF_INET,
                                  .sin_port = htons(JAILTEST_PORT),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        cr_assert(fd >= 0 && connect(fd, (struct sockaddr *) &sa, sizeof(sa)) == 0, "%s", strerror(errno));
        return fd;
}

/* Connected and slow is not gone. */
Test(demand, who_is_connected_is_not_left) {
        pid_t master;
        int fd;

        jail_use_built();
        jail_conf_write(JAILTEST_NAME, IDLE_CONF);
        jailctl_ok("start", JAILTEST_NAME);
        master = (pid_t) jail_status_number("main-pid");
        fd = visit();
        cr_assert_gt(write(fd, "GET / HTTP/1.0\r\n", 16), 0);
        sleep(2);
        cr_assert_str_eq(jail_status_string("state"), "running");
        cr_assert_eq(jail_status_number("main-pid"), master);
        cr_assert_eq(close(fd), 0);
        wait_for_state("idle");
}

static pid_t activator_start(void) {
        pid_t pid = fork();

        cr_assert_geq(pid, 0);
        if (pid == 0) {
                execlp("systemd-socket-activate", "systemd-socket-activate", "--listen=127.0.0.1:8080",
                       "--fdname=http", "--setenv=JAILD_PROBE", jaild_path(), JAILTEST_NAME, NULL);
                _exit(127);
        }
        return pid;
}

/* jaild takes systemd's socket, serves who woke it, and ends when it is not needed: the socket is systemd's. */
Test(demand, first_client_of_systemd_is_answered) {
        pid_t supervisor;
        unsigned i = 0;
        int status;

        jail_use_built();
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "[Supervise]\nOnDemand=yes\nIdleStopSec=400ms\n");
        supervisor = activator_start();
        while (http_get(JAILTEST_URL, NULL).status != 200) {
                cr_assert_lt(i++, 200u, "nobody listens");
                usleep(20000);
        }
        cr_assert_str_eq(jail_status_string("state"), "running");
        cr_assert_eq(jail_status_number("restarts"), 0);
        cr_assert_eq(waitpid(supervisor, &status, 0), supervisor);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d", status);
        cr_assert_eq(process_count("apache2") + process_count("jaild"), 0);
}

/* The units for systemd. */
Test(demand, generator_writes_the_ports) {
        const char *generator = getenv("JAILD_GENERATOR"), *dir = JAILD_LOG_DIR "/units";
        char *unit;
        RunResult r;

        cr_assert_not_null(generator);
        cr_assert_eq(mkdir(dir, 0755), 0);
        jail_conf_write("one",
                        "[Jail]\n[Network]\nListen=127.0.0.1:8080 80\nListen=[::]:81\n[Supervise]\nOnDemand=yes\n");
        jail_conf_write("two", "[Jail]\n[Network]\nListen=127.0.0.1:8082 80\n");
        jail_conf_write("three", "[Jail]\n[Supervise]\nOnDemand=yes\n");
        jail_conf_write("four",
                        "[Jail]\n[Network]\nListen=0.0.0.0:84\nListen=[::]:84\n[Supervise]\nOnDemand=yes\n");
        r = run(generator, dir, dir, dir, NULL);
        cr_assert_eq(r.status, 0, "%s", r.err);
        cr_assert(strstr(r.err, "three.conf: OnDemand=yes needs Listen="), "%s", r.err);

        unit = file_read(path("%s/jaild-http@one.socket", dir));
        cr_assert_not_null(unit);
        cr_assert(strstr(unit, "\nListenStream=127.0.0.1:8080\nListenStream=[::]:81\n"), "%s", unit);
        cr_assert(strstr(unit, "\nService=jaild@one.service\n") && strstr(unit, "\nBindIPv6Only=both\n"),
                  "%s", unit);
        cr_assert(strstr(file_read(path("%s/jaild-http@four.socket", dir)), "\nBindIPv6Only=ipv6-only\n"));
        cr_assert_eq(access(path("%s/sockets.target.wants/jaild-http@one.socket", dir), F_OK), 0);
        cr_assert_neq(access(path("%s/jaild-http@two.socket", dir), F_OK), 0);
        cr_assert_neq(access(path("%s/jaild-http@three.socket", dir), F_OK), 0);
}
