/* Apache's logs outside: nothing is lost or torn while they are rotated, too much of them is dropped and counted, and
 * jailctl logs shows them. Where a log is needed that Apache would take long to write, the test writes to the FIFO in the
 * jail, as a worker does: each line in one write(2). */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "jailtest.h"

#define LOGS       JAILD_LOG_DIR "/" JAILTEST_NAME
#define ACCESS_LOG LOGS "/access.log"

#define N_WRITERS    4
#define N_LINES_EACH 250000

TestSuite(logs, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 120);

/* JAILTEST_NAME with these lines in [Log], running. */
static void use_running(const char *lines) {
        jail_use_built();
        jail_conf_write(JAILTEST_NAME, path(JAILTEST_CONF "[Log]\n%s", lines));
        jailctl_ok("start", JAILTEST_NAME);
}

static int fifo_open(void) {
        int fd = open(path("%s/var/log/apache2/access.log", jail_root()), O_WRONLY | O_CLOEXEC);

        cr_assert_geq(fd, 0, "%s", strerror(errno));
        return fd;
}

/* As long as lines of access.log are, more or less. */
static size_t make_line(char *buf, size_t size, unsigned writer, unsigned number) {
        return (size_t) snprintf(
                        buf, size, "writer %u line %u %.*s\n", writer, number, (int) (number % 97),
                        "................................................................................"
                        "................");
}

static pid_t writer_start(unsigned writer, unsigned n_lines) {
        pid_t pid = fork();

        cr_assert_geq(pid, 0);
        if (pid == 0) {
                int fd = fifo_open();
                char line[256];

                for (unsigned i = 0; i < n_lines; i++) {
                        size_t n = make_line(line, sizeof(line), writer, i);

                        if (write(fd, line, n) != (ssize_t) n)
                                _exit(1);
                }
                _exit(0);
        }
        return pid;
}

static void writer_wait(pid_t pid) {
        int status;

        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert_eq(status, 0);
}

static void write_all(unsigned n_writers, unsigned n_lines) {
        pid_t pid[N_WRITERS];

        for (unsigned i = 0; i < n_writers; i++)
                pid[i] = writer_start(i, n_lines);
        for (unsigned i = 0; i < n_writers; i++)
                writer_wait(pid[i]);
}

/* Every line of text is one that a writer wrote, whole, and next[] is how many of each there were, in order. Where gaps
 * are allowed a line may be missing, but no line comes twice or too early. */
static void check_lines(const char *text, unsigned next[N_WRITERS], bool allow_gaps) {
        char line[256];

        while (*text) {
                const char *end = strchr(text, '\n');
                unsigned writer, number;
                size_t n;

                cr_assert_not_null(end, "half a line: %.100s", text);
                /* sscanf() measures all of a text first, however little it reads. */
                snprintf(line, sizeof(line), "%.40s", text);
                cr_assert_eq(sscanf(line, "writer %u line %u ", &writer, &number), 2, "torn: %.100s", text);
                cr_assert_lt(writer, N_WRITERS);
                n = make_line(line, sizeof(line), writer, number);
                cr_assert(n == (size_t) (end + 1 - text) && memcmp(line, text, n) == 0, "mixed: %.200s",
                          text);
                cr_assert(allow_gaps ? number >= next[writer] : number == next[writer],
                          "line %u of writer %u after %u", number, writer, next[writer]);
                next[writer] = number + 1;
                text = end + 1;
        }
}

/* How many rotated files there are. */
static unsigned n_rotated(void) {
        unsigned n = 0;

        while (access(path(ACCESS_LOG ".%u", n + 1), F_OK) == 0)
                n++;
        return n;
}

static uint64_t file_bytes(const char *file) {
        struct stat st;

        return stat(file, &st) == 0 ? (uint64_t) st.st_size : 0;
}

Test(logs, a_million_lines_at_full_speed_and_rotation) {
        unsigned next[N_WRITERS] = {}, n;

        use_running("MaxSize=4M\nKeep=1000\n");
        write_all(N_WRITERS, N_LINES_EACH);
        /* The stop takes what is left. */
        jailctl_ok("stop", JAILTEST_NAME);

        n = n_rotated();
        cr_assert_gt(n, 10, "%u rotations", n);
        for (unsigned i = n; i > 0; i--) {
                /* A pipe's worth more, and no less. */
                cr_assert(file_bytes(path(ACCESS_LOG ".%u", i)) >= 4 << 20 &&
                          file_bytes(path(ACCESS_LOG ".%u", i)) <= 6 << 20);
                check_lines(file_read(path(ACCESS_LOG ".%u", i)), next, false);
        }
        check_lines(file_read(ACCESS_LOG), next, false);
        for (unsigned i = 0; i < N_WRITERS; i++)
                cr_assert_eq(next[i], N_LINES_EACH);
}

Test(logs, keeps_so_many) {
        use_running("MaxSize=64K\nKeep=2\n");
        file_write(ACCESS_LOG ".3", "what an earlier Keep= left\n");
        write_all(1, 40000);
        jailctl_ok("stop", JAILTEST_NAME);
        cr_assert_eq(n_rotated(), 2);
}

Test(logs, rotation_by_age) {
        use_running("MaxAge=1s\n");
        cr_assert_eq(http_get(JAILTEST_URL "first", "127.0.0.5").status, 404);
        cr_assert(file_wait_for(ACCESS_LOG ".1", "GET /first", 20));
        cr_assert_eq(http_get(JAILTEST_URL "second", "127.0.0.5").status, 404);
        cr_assert(file_wait_for(ACCESS_LOG ".1", "GET /second", 20));
        cr_assert(file_wait_for(ACCESS_LOG ".2", "GET /first", 20));
}

Test(logs, a_long_line_is_not_cut_by_a_rotation) {
        static char line[3 << 20];
        int fd;

        use_running("MaxSize=64K\n");
        fd = fifo_open();
        memset(line, 'x', sizeof(line));
        line[sizeof(line) - 1] = '\n';
        /* In parts, as a pipe takes it: the file passes MaxSize= long before the end of the line. */
        for (size_t done = 0; done < 256 * 1024; done += 4096)
                cr_assert_eq(write(fd, line, 4096), 4096);
        cr_assert(file_wait_for(ACCESS_LOG, "xxxx", 20));
        cr_assert_eq(write(fd, "end\n", 4), 4);
        cr_assert(file_wait_for(ACCESS_LOG ".1", "end\n", 20));
        cr_assert_eq(file_bytes(ACCESS_LOG ".1"), 256 * 1024 + 4);
        /* One without an end is cut, because a file must not grow for ever. */
        cr_assert_eq(write(fd, line, sizeof(line) - 1), (ssize_t) sizeof(line) - 1);
        jailctl_ok("stop", JAILTEST_NAME);
        cr_assert_leq(file_bytes(ACCESS_LOG ".1"), 3 << 20);
        cr_assert_geq(n_rotated(), 2);
}

/* What was kept is whole lines in order, and what is missing was counted: asked until the last of it has been taken. Then no
 * byte more was kept than most. Returns how many were dropped. */
static uint64_t check_kept(uint64_t most) {
        unsigned next[N_WRITERS] = {};
        uint64_t kept = 0, sent = 0, dropped = 0;
        char line[256];

        for (unsigned i = 0; i < N_LINES_EACH; i++)
                for (unsigned k = 0; k < N_WRITERS; k++)
                        sent += make_line(line, sizeof(line), k, i);
        for (unsigned i = 0; i < 1000 && kept + dropped != sent; i++) {
                dropped = (uint64_t) jail_status_number("log-dropped");
                kept = file_bytes(ACCESS_LOG);
        }
        cr_assert_eq(kept + dropped, sent, "%lu kept and %lu dropped of %lu", kept, dropped, sent);
        cr_assert_leq(kept, most, "%lu kept", kept);
        check_lines(file_read(ACCESS_LOG), next, true);
        return dropped;
}

Test(logs, a_flood_is_dropped_and_counted) {
        use_running("RateLimit=1M\n");
        write_all(N_WRITERS, N_LINES_EACH);
        /* Ten seconds' worth came at once, and as much again in as many seconds at most. */
        cr_assert_gt(check_kept(30 << 20), 0);
        cr_assert(file_wait_for(LOGS "/jaild.log", "the log access.log gets more than RateLimit= allows",
                                20));
        cr_assert(strstr(jailctl("status", JAILTEST_NAME).out, "Logs lost: "));
        cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 200);
}

Test(logs, a_full_disk_is_survived) {
        cr_assert_eq(mkdir(LOGS, 0750), 0);
        cr_assert_eq(mount("small", LOGS, "tmpfs", 0, "size=4M"), 0);
        use_running("MaxSize=1G\n");
        write_all(N_WRITERS, N_LINES_EACH);
        cr_assert_gt(check_kept(4 << 20), 0);
        cr_assert_str_eq(jail_status_string("last-notice"),
                         "cannot write, and must drop, what Apache says to the log access.log: No space left on device");
        cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 200);
        /* Room again: it goes on by itself, at the beginning of a line. */
        cr_assert_eq(mount("small", LOGS, "tmpfs", MS_REMOUNT, "size=100M"), 0);
        cr_assert_eq(http_get(JAILTEST_URL "again", "127.0.0.5").status, 404);
        cr_assert(file_wait_for(ACCESS_LOG, "\n127.0.0.5 - - [", 20));
}

/* jailctl logs, on its way: what it prints goes to the file. */
static pid_t follower_start(const char *file, const char *lines) {
        int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        pid_t pid;

        cr_assert_geq(fd, 0, "%s", strerror(errno));
        pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0) {
                if (dup2(fd, STDOUT_FILENO) == STDOUT_FILENO)
                        execl(jailctl_path(), "jailctl", "logs", "-f", "--access", lines, JAILTEST_NAME,
                              NULL);
                _exit(127);
        }
        close(fd);
        return pid;
}

Test(logs, follow_loses_nothing_over_rotations) {
        const char *out = JAILD_RUN_DIR "/followed";
        unsigned next[N_WRITERS] = {}, n = N_LINES_EACH / 10;
        pid_t follower;
        char line[256];

        use_running("MaxSize=128K\nKeep=1000\n");
        write_all(1, 1);
        cr_assert(file_wait_for(ACCESS_LOG, "writer 0 line 0", 20));
        follower = follower_start(out, "-n10");
        cr_assert(file_wait_for(out, "writer 0 line 0 ", 20));
        /* From here on it has its watch. */
        file_write(out, "");
        write_all(N_WRITERS, n);
        for (unsigned i = 0; i < N_WRITERS; i++) {
                make_line(line, sizeof(line), i, n - 1);
                cr_assert(file_wait_for(out, line, 30), "no %s", line);
        }
        cr_assert_eq(kill(follower, SIGTERM), 0);
        cr_assert_eq(waitpid(follower, NULL, 0), follower);
        cr_assert_gt(n_rotated(), 4);
        check_lines(file_read(out), next, false);
        for (unsigned i = 0; i < N_WRITERS; i++)
                cr_assert_eq(next[i], n);
}

static void assert_shows(RunResult r, const char *text) {
        cr_assert_eq(r.status, 0, "%s", r.err);
        cr_assert_str_eq(r.out, text);
}

Test(logs, shows_the_last_lines) {
        jail_use_built();
        cr_assert_eq(jailctl("logs", JAILTEST_NAME).status, 1);
        cr_assert(strstr(jailctl("logs", JAILTEST_NAME).err, "never served"));
        cr_assert_eq(jailctl("logs", "nobody").status, 4);
        cr_assert_eq(jailctl("logs", "-nx", JAILTEST_NAME).status, 2);

        cr_assert_eq(mkdir(LOGS, 0750), 0);
        /* As after a start that failed, of which jaild itself has said why. */
        file_write(LOGS "/jaild.log", "a line\n");
        cr_assert(strstr(jailctl("logs", JAILTEST_NAME).err, "never served"));
        file_write(ACCESS_LOG ".2", "one\n");
        file_write(ACCESS_LOG ".1", "two\nthree\n");
        file_write(ACCESS_LOG, "four\nfive\n");
        file_write(LOGS "/error.log", "wrong\n");
        file_write(LOGS "/jaild.log", "the supervisor's own\n");
        assert_shows(jailctl("logs", "--access", "-n", "1", JAILTEST_NAME), "five\n");
        assert_shows(jailctl("logs", "--access", "-n", "2", JAILTEST_NAME), "four\nfive\n");
        assert_shows(jailctl("logs", "--access", "-n", "3", JAILTEST_NAME), "three\nfour\nfive\n");
        assert_shows(jailctl("logs", "--access", "-n", "4", JAILTEST_NAME), "two\nthree\nfour\nfive\n");
        assert_shows(jailctl("logs", "--access", JAILTEST_NAME), "one\ntwo\nthree\nfour\nfive\n");
        assert_shows(jailctl("logs", "--access", "-n", "0", JAILTEST_NAME), "");
        assert_shows(jailctl("logs", "--error", JAILTEST_NAME), "wrong\n");
        assert_shows(jailctl("logs", "-n", "1"), "==> access.log <==\nfive\n\n==> error.log <==\nwrong\n");
}

Test(logs, the_directive_says_what_is_an_error_log) {
        apache_make_private();
        file_write("/etc/apache2/sites-enabled/000-default.conf",
                   "<VirtualHost *:80>\n"
                   "        DocumentRoot /var/www/html\n"
                   "        LogLevel info\n"
                   "        ErrorLog ${APACHE_LOG_DIR}/site.log\n"
                   "        CustomLog ${APACHE_LOG_DIR}/error-free.log combined\n"
                   "        CustomLog ${APACHE_LOG_DIR}/both.log combined\n"
                   "</VirtualHost>\n"
                   "ErrorLog ${APACHE_LOG_DIR}/both.log\n");
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        jailctl_ok("build", JAILTEST_NAME);
        jailctl_ok("start", JAILTEST_NAME);
        jailctl_ok("stop", JAILTEST_NAME);
        for (const char *const *name = (const char *const[]){ "site", "error-free", "both", "gone", NULL };
             *name; name++)
                file_write(path(LOGS "/%s.log", *name), path("of %s\n", *name));

        assert_shows(jailctl("logs", "--error", JAILTEST_NAME),
                     "==> both.log <==\nof both\n\n==> site.log <==\nof site\n");
        /* Debian's own for the virtual hosts that have none is there, and empty. */
        assert_shows(jailctl("logs", "--access", JAILTEST_NAME), "==> error-free.log <==\nof error-free\n");
        cr_assert(strstr(jailctl("logs", JAILTEST_NAME).out, "==> gone.log <==\nof gone\n"));
}

Test(logs, a_log_cannot_steer_the_terminal) {
        RunResult r;

        jail_use_built();
        cr_assert_eq(mkdir(LOGS, 0750), 0);
        file_write(LOGS "/error.log", "\033]0;title\007 \302\233 \303\274\n");
        r = run("script", "-qec", path("%s logs %s", jailctl_path(), JAILTEST_NAME), "/dev/null", NULL);
        cr_assert(strstr(r.out, "?]0;title? \302? \303\274"), "%s", r.out);
        assert_shows(jailctl("logs", JAILTEST_NAME), "\033]0;title\007 \302\233 \303\274\n");
}

/* A stand-in for journald, where journald would be. */
static int journal_open(void) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket" };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        cr_assert(mkdir("/run/systemd", 0755) == 0 || errno == EEXIST);
        cr_assert_eq(mount("journal", "/run/systemd", "tmpfs", 0, "mode=0755"), 0);
        cr_assert_eq(mkdir("/run/systemd/journal", 0755), 0);
        cr_assert_eq(bind(fd, (struct sockaddr *) &sa, sizeof(sa)), 0);
        return fd;
}

Test(logs, to_the_journal) {
        static const char head[] =
                        "PRIORITY=6\nSYSLOG_IDENTIFIER=httpd\nJAIL=web\nLOG=access.log\nMESSAGE\n";
        unsigned next[N_WRITERS] = {}, n = 2000;
        int journal_fd = journal_open();
        static char entry[65536];
        pid_t writer;

        use_running("Target=journal\n");
        /* Far more than the queue of the socket holds: nothing is lost while the journal is slow. */
        writer = writer_start(0, n);
        for (unsigned i = 0; i < n;) {
                ssize_t k;

                cr_assert_eq(poll(&(struct pollfd){ .fd = journal_fd, .events = POLLIN }, 1, 20000), 1,
                             "line %u is missing", i);
                k = recv(journal_fd, entry, sizeof(entry) - 1, 0);
                cr_assert_gt(k, 0);
                entry[k] = '\0';
                /* Apache has logged its start in error.log. */
                if (!strstr(entry, "LOG=access.log"))
                        continue;
                cr_assert_eq(memcmp(entry, head, strlen(head)), 0, "%s", entry);
                check_lines(entry + strlen(head) + sizeof(uint64_t), next, false);
                i++;
        }
        writer_wait(writer);
        cr_assert_eq(next[0], n);
        cr_assert_eq(access(ACCESS_LOG, F_OK), -1);

        /* Nobody reads any more: jaild drops and counts, and the server does not wait. */
        write_all(N_WRITERS, N_LINES_EACH / 10);
        cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 200);
        cr_assert_gt(jail_status_number("log-dropped"), 0);
}
