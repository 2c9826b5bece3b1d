/* The self-test: asked from inside of a worker that serves others meanwhile, nothing that the room promises to deny works.
 * The attempts are in tests/probe. */

#include <criterion/criterion.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "apachetest.h"
#include "jailtest.h"
#include "probe.h"
#include "visitors.h"

TestSuite(room, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 120);

#define SECURE_URL "https://127.0.0.1:8443/"
#define PROBE_URL  JAILTEST_URL "probe"

static const char jail_conf[] = JAILTEST_CONF "Listen=127.0.0.1:8443 443\n";

static const char apache_conf[] = APACHE_LOAD("socache_shmcb") APACHE_LOAD("ssl") APACHE_LOAD("http2")
                APACHE_LOAD("rewrite") "LoadModule probe_module /etc/apache2/mod_probe.so\n"
                                       "Listen 443\n"
                                       "Protocols h2 http/1.1\n"
                                       "SSLSessionCache shmcb:${APACHE_RUN_DIR}/ssl_scache(512000)\n"
                                       "<VirtualHost *:443>\n"
                                       "        ServerName localhost\n"
                                       "        DocumentRoot /var/www/html\n"
                                       "        SSLEngine on\n"
                                       "        SSLCertificateFile /etc/apache2/test.crt\n"
                                       "        SSLCertificateKeyFile /etc/apache2/test.key\n"
                                       "        RewriteEngine on\n"
                                       "        RewriteRule ^/old$ /index.html [PT]\n"
                                       "</VirtualHost>\n"
                                       "<Location /probe>\n"
                                       "        SetHandler probe\n"
                                       "</Location>\n";

static const char *const visited[] = {
        JAILTEST_URL,     JAILTEST_URL "server-status?auto", SECURE_URL,
        SECURE_URL "old", SECURE_URL "server-status?auto",   NULL,
};

static void prepare(const char *mpm) {
        RunResult r;

        apache_make_private();
        apache_use_mpm(mpm);
        apache_make_certificate();
        r = run("cp", getenv("MOD_PROBE"), "/etc/apache2/mod_probe.so", NULL);
        cr_assert_eq(r.status, 0, "%s", r.err);
        apache_add_conf("test", apache_conf);
        jail_conf_write(JAILTEST_NAME, jail_conf);
        /* For the jail not to see. */
        cr_assert(setenv("JAILTEST_SECRET", "x", true) == 0 && setenv("INVOCATION_ID", "x", true) == 0);
        jailctl_ok("build", JAILTEST_NAME);
        jailctl_ok("start", JAILTEST_NAME);
}

/* Outside, for the jail to connect to. */
static int listen_abstract(void) {
        static const char name[] = "\0jail-probe";
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        memcpy(un.sun_path, name, sizeof(name) - 1);
        cr_assert(fd >= 0 &&
                  bind(fd, (struct sockaddr *) &un,
                       (socklen_t) (offsetof(struct sockaddr_un, sun_path) + sizeof(name) - 1)) == 0 &&
                  listen(fd, 1) == 0);
        return fd;
}

typedef struct Verdict {
        unsigned n;
        unsigned n_worked;
        char *worked;
} Verdict;

static void ask_worker(const Probe *probe, void *userdata) {
        Verdict *v = userdata;
        HttpReply reply = http_get(path("%s?%s", PROBE_URL, probe->name), NULL);

        v->n++;
        cr_log_info("%-12s %-28s %s", probe->area, probe->name, reply.body);
        if (reply.status == 200 && strncmp(reply.body, "refused: ", strlen("refused: ")) == 0)
                return;
        v->n_worked++;
        v->worked = path("%s\n  %s: %s: %s", v->worked, probe->area, probe->name,
                         reply.status == 200 ? "it worked"
                                             : reply.error ?: path("status %ld", reply.status));
}

/* What a worker has open, as the kernel names it: nothing of the supervisor's, and no folder. */
static void assert_descriptors(pid_t pid) {
        static const char *const kinds[] = {
                "/dev/null", "/dev/zero", "/var/log/apache2/",      "/var/run/apache2/",   "/run/apache2/",
                "pipe:",     "socket:",   "anon_inode:[eventpoll]", "anon_inode:[eventfd]"
        };
        RunResult r = run("find", path("/proc/%d/fd", pid), "-type", "l", "-printf", "%l\n", NULL);

        cr_assert(r.status == 0 && *r.out, "%s", r.err);
        for (char *save, *line = strtok_r(r.out, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                const char *inside = line;
                bool is_known = false;

                /* A name in the jail is shown as the path of the generation, or from the file system it is on. */
                if (strncmp(line, JAILD_STATE_DIR, strlen(JAILD_STATE_DIR)) == 0 && strstr(line, "/root/"))
                        inside = strstr(line, "/root/") + strlen("/root");
                for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                        is_known |= strncmp(inside, kinds[i], strlen(kinds[i])) == 0;
                cr_assert(is_known, "%d has %s open", pid, line);
        }
}

/* Nobody can read httpd's program, so that its memory belongs to root, whoever runs it. */
static void assert_not_dumpable(pid_t pid) {
        struct stat st;

        cr_assert_eq(stat(path("/proc/%d/mem", pid), &st), 0);
        cr_assert_eq(st.st_uid, 0, "%d can be looked into by user %u", pid, st.st_uid);
}

static void assert_all_denied(const char *mpm, bool has_http2) {
        Verdict verdict = { .worked = path("%s", "") };
        VisitorsCount count;
        Visitors *visitors;
        int64_t master;
        int fd;

        prepare(mpm);
        fd = listen_abstract();
        master = jail_status_number("main-pid");
        visitors = visitors_start(visited, 3);
        probe_each(ask_worker, &verdict);
        count = visitors_stop(visitors);
        close_fd(fd);

        cr_assert_eq(verdict.n_worked, 0, "%u of %u probes were not refused:%s", verdict.n_worked, verdict.n,
                     verdict.worked);
        assert_descriptors(process_child((pid_t) master));
        assert_not_dumpable((pid_t) master);
        assert_not_dumpable(process_child((pid_t) master));
        /* And nobody else noticed. */
        cr_assert_eq(count.other, 0, "%u: %s", count.other, count.first_other);
        cr_assert(count.http1 > 0 && count.compressed > 0 && (count.http2 > 0) == has_http2,
                  "%u by HTTP/1.1, %u by HTTP/2, %u compressed", count.http1, count.http2, count.compressed);
        cr_assert_eq(jail_status_number("main-pid"), master);
        cr_assert_eq(jail_status_number("worker-deaths"), 0);
}

Test(room, nothing_works_on_event) {
        assert_all_denied("event", true);
}

Test(room, nothing_works_on_worker) {
        assert_all_denied("worker", true);
}

/* mod_http2 refuses to serve on it. */
Test(room, nothing_works_on_prefork) {
        assert_all_denied("prefork", false);
}

/* Each layer has its name, in the status and in the log. */
Test(room, layers_have_names) {
        static const char *const names[] = { "namespaces: mount, pid, net, ipc, uts, cgroup",
                                             "read-only root",
                                             "empty network",
                                             "no capabilities",
                                             "no new privileges",
                                             "seccomp allow-list",
                                             "Landlock ABI ",
                                             "limits: no core files" };
        const char *log, *status;

        jail_use_running();
        log = file_read(JAILD_LOG_DIR "/" JAILTEST_NAME "/jaild.log");
        status = jailctl("--json", "status", JAILTEST_NAME).out;
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                /* A kernel without it says that instead. */
                if (strncmp(names[i], "Landlock", strlen("Landlock")) == 0 && strstr(log, "has no Landlock"))
                        continue;
                cr_assert(strstr(log, path("layer: %s", names[i])), "%s: %s", names[i], log);
                cr_assert(strstr(status, names[i]), "%s: %s", names[i], status);
        }
}

/* A socket that is looked for in vain is named, for who forgot to show it to the jail. */
Test(room, missing_socket_is_named) {
        Verdict verdict = { .worked = path("%s", "") };

        prepare("event");
        ask_worker(probe_find("connect-services"), &verdict);
        cr_assert_eq(verdict.n_worked, 0, "%s", verdict.worked);
        cr_assert(file_wait_for(
                        JAILD_LOG_DIR "/" JAILTEST_NAME "/jaild.log",
                        "no socket /run/mysqld/mysqld.sock in the jail; if there is one outside, add "
                        "'BindReadOnly=/run/mysqld'",
                        5));
        /* Who would follow such advice for these has no jail any more. */
        cr_assert_null(strstr(file_read(JAILD_LOG_DIR "/" JAILTEST_NAME "/jaild.log"), "docker"));
        cr_assert_null(strstr(file_read(JAILD_LOG_DIR "/" JAILTEST_NAME "/jaild.log"), "/run/systemd"));
        cr_assert_null(strstr(file_read(JAILD_LOG_DIR "/" JAILTEST_NAME "/jaild.log"), "/run/jaild"));
}

/* By an ordinary process of somebody who is nobody special, so that nothing of it can hurt. */
static void try_outside(const Probe *probe, void *userdata) {
        unsigned *worked = userdata;
        int status;
        pid_t pid = fork();

        cr_assert_geq(pid, 0);
        if (pid == 0) {
                alarm(2);
                if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr) ||
                    setsid() < 0 || setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
                    setresuid(65534, 65534, 65534) < 0)
                        _exit(EXIT_FAILURE);
                _exit(probe_run(probe) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
        }
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        *worked += WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

/* The probes have teeth. */
Test(room, plenty_works_without_it) {
        unsigned worked = 0;

        probe_each(try_outside, &worked);
        cr_log_info("%u work without a room", worked);
        cr_assert_geq(worked, 60, "only %u", worked);
}
