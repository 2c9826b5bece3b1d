/* What reaches the journal: a stand-in for journald receives it, at the place where journald would. */

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

#include "events.h"
#include "jailtest.h"

#define JOURNAL_DIR "/run/systemd/journal"

static int journal_fd;

static void setup(void) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX, .sun_path = JOURNAL_DIR "/socket" };

        /* A /run of our own, that has nothing of the host's. */
        cr_assert(unshare(CLONE_NEWNS) == 0 && mount("run", "/run", "tmpfs", 0, "mode=0755") == 0 &&
                                  mkdir("/run/jaild", 0755) == 0 && mkdir("/run/systemd", 0755) == 0 &&
                                  mkdir(JOURNAL_DIR, 0755) == 0,
                  "%s", strerror(errno));
        jailtest_setup();
        journal_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        cr_assert(journal_fd >= 0 && bind(journal_fd, (struct sockaddr *) &sa, sizeof(sa)) == 0, "%s",
                  strerror(errno));
}

TestSuite(journal, .init = setup, .fini = jailtest_teardown, .timeout = 60);

/* Start a program with standard error in a file that JOURNAL_STREAM names, as systemd would. */
static pid_t program_start(const char *error_file, const char *program, const char *argument,
                           const char *name) {
        _cleanup_close_ int fd = open(error_file, O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND, 0600);
        struct stat st;
        pid_t pid;

        cr_assert(fd >= 0 && fstat(fd, &st) == 0, "%s", strerror(errno));
        cr_assert_eq(setenv("JOURNAL_STREAM", path("%lu:%lu", st.st_dev, st.st_ino), 1), 0);
        pid = fork();
        cr_assert(pid >= 0);
        if (pid == 0) {
                if (dup2(fd, STDERR_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
                        _exit(127);
                execl(program, program, argument, name, NULL);
                _exit(127);
        }
        return pid;
}

static pid_t supervisor_start(const char *error_file) {
        return program_start(error_file, jaild_path(), JAILTEST_NAME, NULL);
}

/* One entry as text, or NULL where none waits. The length of a value with several lines is binary: left out. */
static char *journal_receive(void) {
        static char entry[65536];
        ssize_t k = recv(journal_fd, entry, sizeof(entry) - 1, MSG_DONTWAIT);

        if (k < 0)
                return NULL;
        for (ssize_t i = 0; i < k; i++)
                if (entry[i] == '\0')
                        entry[i] = '.';
        entry[k] = '\0';
        return entry;
}

/* Wait for the entry of that event; the entries before it are passed over. */
static char *journal_wait_for(Event event) {
        const char *wanted = path("MESSAGE_ID=%s\n", event_message_id(event));
        char *entry;

        do {
                cr_assert(poll(&(struct pollfd){ .fd = journal_fd, .events = POLLIN }, 1, 20000) > 0,
                          "no %s", event_name(event));
                entry = journal_receive();
        } while (!strstr(entry, wanted));
        return entry;
}

static void assert_has(const char *entry, const char *field) {
        cr_assert(strstr(entry, path("%s\n", field)), "%s is not in %s", field, entry);
}

Test(journal, death_and_recovery_are_events) {
        const char *error_file = JAILD_LOG_DIR "/stderr";
        pid_t supervisor, master;
        char *entry;

        jail_use_built();
        supervisor = supervisor_start(error_file);
        entry = journal_wait_for(EVENT_SERVING);
        assert_has(entry, "JAIL=" JAILTEST_NAME);
        assert_has(entry, "JAIL_STATE=running");
        assert_has(entry, "JAIL_GENERATION=1");
        assert_has(entry, "PRIORITY=5");
        assert_has(entry, "SYSLOG_IDENTIFIER=jaild");
        assert_has(entry, "JAIL_EVENT=serving");

        master = process_child(supervisor);
        cr_assert_eq(kill(master, SIGSEGV), 0);
        cr_assert_eq(kill(master, SIGKILL), 0);
        entry = journal_wait_for(EVENT_SERVER_DIED);
        assert_has(entry, "PRIORITY=3");
        entry = journal_wait_for(EVENT_RECOVERED);
        assert_has(entry, "JAIL_STATE=running");

        jailctl_ok("stop", JAILTEST_NAME);
        cr_assert_eq(waitpid(supervisor, NULL, 0), supervisor);
        /* Not once more as text. */
        cr_assert_str_eq(file_read(error_file), "");
}

Test(journal, giving_up_is_said_once) {
        int status;
        pid_t supervisor;
        char *entry;

        jail_use_built();
        file_write(path("%s/etc/apache2/conf-enabled/broken.conf", jail_root()), "NoSuchDirective on\n");
        supervisor = supervisor_start(JAILD_LOG_DIR "/stderr");
        entry = journal_wait_for(EVENT_GAVE_UP);
        cr_assert(strstr(entry, "NoSuchDirective"), "%s", entry);
        cr_assert(waitpid(supervisor, &status, 0) == supervisor && WIFEXITED(status) &&
                  WEXITSTATUS(status) == 1);
        while ((entry = journal_receive()))
                cr_assert(!strstr(entry, "NoSuchDirective"), "said twice: %s", entry);
}

/* As jaild-verify@.service runs it: one entry for each finding, and nothing as text. */
Test(journal, findings_of_verify_are_events) {
        int status;
        pid_t pid;
        char *entry;

        jail_use_built();
        cr_assert_eq(chmod(path("%s/etc/hosts", jail_root()), 0666), 0);
        pid = program_start(JAILD_LOG_DIR "/stderr", jailctl_path(), "verify", JAILTEST_NAME);
        cr_assert(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 1);
        entry = journal_wait_for(EVENT_VERIFY_FINDINGS);
        while (!strstr(entry, "tree-world-writable: /etc/hosts"))
                entry = journal_wait_for(EVENT_VERIFY_FINDINGS);
        assert_has(entry, "PRIORITY=3");
        assert_has(entry, "JAIL=" JAILTEST_NAME);
        assert_has(entry, "SYSLOG_IDENTIFIER=jailctl");
        cr_assert(strstr(entry, "What to do: "), "%s", entry);
        cr_assert_str_eq(file_read(JAILD_LOG_DIR "/stderr"), "");
}

/* Where the journal's socket does not answer, its stream has the line, and with the level. */
Test(journal, without_its_socket_lines_have_levels) {
        pid_t supervisor;

        jail_conf_write(JAILTEST_NAME, "[Jail]\nNoSuchKey=1\n");
        cr_assert_eq(unlink(JOURNAL_DIR "/socket"), 0);
        supervisor = supervisor_start(JAILD_LOG_DIR "/stderr");
        cr_assert_eq(waitpid(supervisor, NULL, 0), supervisor);
        cr_assert(strstr(file_read(JAILD_LOG_DIR "/stderr"), "<3>web: "), "%s",
                  file_read(JAILD_LOG_DIR "/stderr"));
}

/* systemd's own reader of catalogs takes ours, and finds each event in it. */
Test(journal, catalog_is_readable) {
        RunResult r;

        r = run("mkdir", "-p", "/run/root/usr/lib/systemd/catalog", "/run/root/var/lib/systemd/catalog",
                NULL);
        cr_assert_eq(r.status, 0, "%s", r.err);
        r = run("cp", getenv("JAILD_CATALOG"), "/run/root/usr/lib/systemd/catalog/", NULL);
        cr_assert_eq(r.status, 0, "%s", r.err);
        r = run("journalctl", "--root=/run/root", "--update-catalog", NULL);
        cr_assert(r.status == 0 && *r.err == '\0', "%s", r.err);
        r = run("journalctl", "--root=/run/root", "--dump-catalog", NULL);
        cr_assert_eq(r.status, 0, "%s", r.err);
        for (Event e = 0; e < _EVENT_MAX; e++)
                cr_assert(strstr(r.out, event_message_id(e)), "%s", event_name(e));
}
