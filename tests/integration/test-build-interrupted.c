/* A build that is killed anywhere, runs out of disk, or loses a file under its hands: what was there stays whole, and the next
 * build finds nothing in its way. */

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "jailtest.h"

TestSuite(build_interrupted, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 240);

#define STATE  JAILD_STATE_DIR "/" JAILTEST_NAME
#define POINTS 50

/* Run jailctl build up to its nth stop at a system call (each has two), and do what fn does there; fn may be NULL. Returns how
 * many stops there were, and the wait status. Points are counted and not timed, so that they are the same on every machine. */
static unsigned build_until(unsigned n, void (*fn)(pid_t pid), int *ret_status) {
        pid_t pid = fork();
        unsigned stops = 0;
        int status;

        cr_assert_geq(pid, 0);
        if (pid == 0) {
                int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

                if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 && dup2(null_fd, 1) == 1 &&
                    dup2(null_fd, 2) == 2)
                        execl(jailctl_path(), "jailctl", "build", JAILTEST_NAME, NULL);
                _exit(127);
        }
        /* The first stop is that of execve(). */
        cr_assert(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
        cr_assert_eq(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL), 0);
        for (int sig = 0; !WIFEXITED(status) && !WIFSIGNALED(status);) {
                (void) ptrace(PTRACE_SYSCALL, pid, NULL, sig);
                cr_assert_eq(waitpid(pid, &status, 0), pid);
                sig = WIFSTOPPED(status) && WSTOPSIG(status) != (SIGTRAP | 0x80) ? WSTOPSIG(status) : 0;
                if (WIFSTOPPED(status) && sig == 0 && ++stops == n && fn)
                        fn(pid);
        }
        *ret_status = status;
        return stops;
}

static void kill_it(pid_t pid) {
        cr_assert_eq(kill(pid, SIGKILL), 0);
}

static void assert_whole(const char *generation) {
        RunResult r = run("mtree", "-f", path("%s/manifest", generation), "-p", path("%s/root", generation),
                          NULL);

        cr_assert(r.status == 0 && *r.out == '\0', "%s: %s%s", generation, r.out, r.err);
        cr_assert(access(path("%s/launch", generation), R_OK) == 0 &&
                  access(path("%s/origins", generation), R_OK) == 0);
}

/* Every generation that has a number is whole, and one of them is current. Returns how many there are. */
static unsigned assert_all_whole(void) {
        DIR *d = opendir(STATE "/generations");
        unsigned n = 0;

        cr_assert(d);
        for (struct dirent *e; (e = readdir(d));)
                if (e->d_name[0] != '.') {
                        assert_whole(path(STATE "/generations/%s", e->d_name));
                        n++;
                }
        closedir(d);
        cr_assert_not_null(realpath(STATE "/current", NULL), "nothing is current");
        return n;
}

static void assert_nothing_temporary(void) {
        RunResult r = run("find", STATE, "-maxdepth", "2", "-name", ".tmp-*", NULL);

        cr_assert_str_eq(r.out, "");
}

Test(build_interrupted, killed_at_fifty_points) {
        unsigned total, before = 0;
        int status;

        jail_use_built();
        total = build_until(0, NULL, &status);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        cr_assert_gt(total, 10 * POINTS);
        for (unsigned i = 0; i < POINTS; i++) {
                char *current = realpath(STATE "/current", NULL);

                (void) build_until(1 + i * (total - 2) / POINTS, kill_it, &status);
                cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "point %u was never reached",
                          i);
                /* Only in the very last step another one becomes current. */
                if (i < POINTS * 9 / 10)
                        cr_assert_str_eq(realpath(STATE "/current", NULL), current, "point %u", i);
                assert_whole(realpath(STATE "/current", NULL));
        }
        before = assert_all_whole();
        jailctl_ok("build", JAILTEST_NAME);
        assert_nothing_temporary();
        cr_assert_leq(assert_all_whole(), before + 1);
        jailctl_ok("start", JAILTEST_NAME);
        cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 200);
        cr_log_info("%u system calls, killed at %u of them", total / 2, POINTS);
}

static void end_it(pid_t pid) {
        cr_assert_eq(kill(pid, SIGINT), 0);
}

/* Unlike SIGKILL, a ^C leaves nothing for the next build to remove. */
Test(build_interrupted, ended_by_hand_at_25_points) {
        unsigned total;
        int status;

        jail_use_built();
        total = build_until(0, NULL, &status);
        for (unsigned i = 0; i < POINTS / 2; i++) {
                (void) build_until(1 + i * (total - 2) / (POINTS / 2), end_it, &status);
                cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT, "point %u: %x", i, status);
                assert_nothing_temporary();
                assert_whole(realpath(STATE "/current", NULL));
        }
        (void) assert_all_whole();
        jailctl_ok("build", JAILTEST_NAME);
}

Test(build_interrupted, the_disk_is_full) {
        struct stat st;
        RunResult r;

        /* Room for one and a half. */
        cr_assert_eq(mount("small", JAILD_STATE_DIR, "tmpfs", 0, "mode=0755,size=8m"), 0);
        jail_use_built();
        r = jailctl("build", JAILTEST_NAME);
        cr_assert_eq(r.status, 1);
        cr_assert(strstr(r.err, "No space left on device"), "%s", r.err);
        cr_assert_eq(stat(STATE "/generations/2", &st), -1);
        assert_nothing_temporary();
        cr_assert_eq(assert_all_whole(), 1);
        jailctl_ok("start", JAILTEST_NAME);

        cr_assert_eq(mount(NULL, JAILD_STATE_DIR, NULL, MS_REMOUNT, "size=64m"), 0);
        jailctl_ok("build", JAILTEST_NAME);
        cr_assert_eq(assert_all_whole(), 2);
}

static void lose_a_file(pid_t pid) {
        (void) unlink("/etc/apache2/mods-available/status.conf");
}

Test(build_interrupted, a_source_file_vanishes) {
        unsigned total, failed = 0;
        int status;

        apache_make_private();
        jail_use_built();
        total = build_until(0, NULL, &status);
        for (unsigned i = 0; i < 10; i++) {
                char *text = file_read("/etc/apache2/mods-available/status.conf");

                (void) build_until(1 + i * (total - 2) / 10, lose_a_file, &status);
                cr_assert(WIFEXITED(status) && WEXITSTATUS(status) <= 1, "%x", status);
                failed += WEXITSTATUS(status) == 1;
                assert_nothing_temporary();
                (void) assert_all_whole();
                file_write("/etc/apache2/mods-available/status.conf", text);
        }
        cr_assert_gt(failed, 0);
        jailctl_ok("build", JAILTEST_NAME);
}
