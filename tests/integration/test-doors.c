/* The sockets that a jail is given are of the host's network. They are doors for who comes in, and for nobody who wants
 * to go out. The attempts are in tests/probe/probe-doors.c. */

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/socket.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "apachetest.h"
#include "jailtest.h"
#include "probe.h"

TestSuite(doors, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 120);

static const char apache_conf[] = "LoadModule probe_module /etc/apache2/mod_probe.so\n"
                                  "StartServers 1\nServerLimit 1\nThreadsPerChild 25\nMaxRequestWorkers 25\n"
                                  "MinSpareThreads 1\nMaxSpareThreads 25\n"
                                  "KeepAliveTimeout 60\n"
                                  "<Location /probe>\n"
                                  "        SetHandler probe\n"
                                  "</Location>\n";

static void build(const char *conf) {
        RunResult r;

        apache_make_private();
        apache_use_mpm("event");
        r = run("cp", getenv("MOD_PROBE"), "/etc/apache2/mod_probe.so", NULL);
        cr_assert_eq(r.status, 0, "%s", r.err);
        apache_add_conf("test", apache_conf);
        jail_conf_write(JAILTEST_NAME, conf);
        jailctl_ok("build", JAILTEST_NAME);
}

static struct sockaddr_in loopback(uint16_t port) {
        return (struct sockaddr_in){ .sin_family = AF_INET,
                                     .sin_port = htons(port),
                                     .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

static int bound_socket(uint16_t port) {
        struct sockaddr_in in = loopback(port);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

        cr_assert(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
                                  bind(fd, (struct sockaddr *) &in, sizeof(in)) == 0,
                  "%s", strerror(errno));
        return fd;
}

/* One that has been answered and is kept alive. */
static int visit(void) {
        static const char request[] = "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        struct sockaddr_in in = loopback(JAILTEST_PORT);
        int fd = bound_socket(PROBE_VISITOR_PORT);
        struct linger no_farewell = { .l_onoff = 1 };
        char buf[512];

        cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &no_farewell, sizeof(no_farewell)), 0);
        cr_assert(connect(fd, (struct sockaddr *) &in, sizeof(in)) == 0 &&
                  send(fd, request, sizeof(request) - 1, 0) == sizeof(request) - 1 &&
                  recv(fd, buf, sizeof(buf), 0) > 0);
        return fd;
}

static bool is_open(uint16_t port) {
        struct sockaddr_in in = loopback(port);
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct pollfd p = { .fd = fd, .events = POLLOUT };
        int error = 0;
        socklen_t length = sizeof(error);

        cr_assert_geq(fd, 0);
        if (connect(fd, (struct sockaddr *) &in, sizeof(in)) == 0)
                return true;
        return poll(&p, 1, 500) == 1 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 &&
               error == 0;
}

/* Somebody listens on a port that is nobody's, and is reached there. proc_net_tcp(5). */
static void assert_no_other_door(void) {
        char *text = file_read("/proc/net/tcp");

        for (char *save, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                unsigned port, state;

                if (sscanf(line, " %*u: %*8x:%x %*8x:%*x %x", &port, &state) == 2 && state == 0x0a &&
                    port != JAILTEST_PORT && port != PROBE_TARGET_PORT)
                        cr_assert(!is_open((uint16_t) port), "port %u is open", port);
        }
}

/* A door that was shut for a moment ends the worker behind it, and with it a visitor that only waits. */
static HttpReply probe_with_visitor(const Probe *p) {
        HttpReply reply = {};

        for (unsigned i = 0; i < 20; i++) {
                _cleanup_close_ int visitor = visit();

                reply = http_get(path("%sprobe?%s", JAILTEST_URL, p->name), NULL);
                if (reply.status != 200 || !streq(reply.body, "refused: EBADF\n"))
                        break;
        }
        return reply;
}

static void assert_no_way_out(void) {
        int target = bound_socket(PROBE_TARGET_PORT);

        cr_assert_eq(listen(target, 8), 0);
        cr_assert(is_open(PROBE_TARGET_PORT));
        for (const Probe *p = probe_doors; p->name; p++) {
                HttpReply reply = probe_with_visitor(p);

                cr_log_info("%s: %s", p->name, reply.body);
                cr_expect(reply.status == 200 &&
                                          strncmp(reply.body, "refused: ", strlen("refused: ")) == 0 &&
                                          !streq(reply.body, "refused: EBADF\n"),
                          "%s: %s", p->name, reply.error ?: reply.body);
                assert_no_other_door();
        }
        close_fd(target);
        /* Whatever was done to the door, the next instance finds it open. */
        jailctl_ok("restart", JAILTEST_NAME);
        cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 200);
}

Test(doors, lead_nowhere) {
        build(JAILTEST_CONF);
        jailctl_ok("start", JAILTEST_NAME);
        assert_no_way_out();
}

/* A duplicate of the listening socket of the server. */
static int take_door(void) {
        _cleanup_close_ int pidfd = pidfd_open((pid_t) jail_status_number("main-pid"), 0);
        int fd = -EBADF, is_listening = 0;

        for (int i = 3; i < 64 && !is_listening; i++) {
                close_fd(fd);
                fd = pidfd_getfd(pidfd, i, 0);
                (void) getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &(socklen_t){ sizeof(int) });
        }
        cr_assert(is_listening);
        return fd;
}

static int option_of(int fd, int option) {
        int value = -1;

        cr_assert_eq(getsockopt(fd, SOL_SOCKET, option, &value, &(socklen_t){ sizeof(int) }), 0);
        return value;
}

static void assert_buffers(int receive_bytes, int send_bytes, int locks) {
        _cleanup_close_ int fd = take_door();

        cr_assert_eq(option_of(fd, SO_RCVBUF), receive_bytes, "%d", option_of(fd, SO_RCVBUF));
        cr_assert_eq(option_of(fd, SO_SNDBUF), send_bytes, "%d", option_of(fd, SO_SNDBUF));
        cr_assert_eq(option_of(fd, SO_BUF_LOCK), locks);
        /* As a hostile worker may leave it. */
        cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){ 2304 }, sizeof(int)), 0);
}

/* What Apache is told takes effect, and nothing that another instance was told or did. */
Test(doors, buffers) {
        _cleanup_close_ int new = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int receive_bytes = option_of(new, SO_RCVBUF), send_bytes = option_of(new, SO_SNDBUF);

        build(JAILTEST_CONF);
        jailctl_ok("start", JAILTEST_NAME);
        assert_buffers(receive_bytes, send_bytes, 0);
        apache_add_conf("buffers", "SendBufferSize 70000\n");
        jailctl_ok("update", JAILTEST_NAME);
        assert_buffers(receive_bytes, 2 * 70000, SOCK_SNDBUF_LOCK);
        jailctl_ok("rollback", JAILTEST_NAME);
        assert_buffers(receive_bytes, send_bytes, 0);
}

/* The kernels of Debian 12 and RHEL 9 have a Landlock that knows files alone. */
Test(doors, lead_nowhere_without_landlock) {
        build(JAILTEST_CONF);
        jail_start_without_landlock();
        assert_no_way_out();
}
