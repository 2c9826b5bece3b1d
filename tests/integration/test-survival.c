/* The supervisor may die: the server goes on, and the next supervisor with it. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "download.h"
#include "hammer.h"
#include "jailtest.h"
#include "keeper.h"

TestSuite(survival, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 120);

static Keeper *keep_running(const char *conf) {
        Keeper *k;

        jail_use_built();
        if (conf)
                jail_conf_write(JAILTEST_NAME, conf);
        k = keeper_start();
        cr_assert(keeper_wait_ready(k, 30), "%s", file_read(KEEPER_LOG));
        /* There is a worker, too. */
        cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 200);
        return k;
}

static void assert_serves(void) {
        HttpReply reply = http_get(JAILTEST_URL, NULL);

        cr_assert_eq(reply.status, 200, "%ld %s", reply.status, reply.error ?: "");
}

static pid_t main_pid(void) {
        return (pid_t) jail_status_number("main-pid");
}

Test(survival, killed_supervisor_loses_no_request) {
        enum {
                KILLS = 5
        };
        Keeper *k = keep_running(NULL);
        pid_t master = main_pid();
        Hammer *hammer = hammer_start(JAILTEST_PORT, 2 * USEC_PER_MSEC);
        HammerCount count;

        for (unsigned i = 0; i < KILLS; i++) {
                cr_assert(WIFSIGNALED(keeper_end(k, SIGKILL)));
                cr_assert_eq(http_get(JAILTEST_URL, "127.0.0.7").status, 200);
                keeper_begin(k);
                cr_assert(keeper_wait_ready(k, 30), "%s", file_read(KEEPER_LOG));
                cr_assert_eq(main_pid(), master);
        }
        count = hammer_stop(hammer);
        hammer_assert_lost_nobody(count);
        cr_assert_eq(jail_status_number("restarts"), 0);
        /* What was logged while there was no supervisor has waited for the next. */
        cr_assert(file_wait_for(JAILD_LOG_DIR "/" JAILTEST_NAME "/access.log", "127.0.0.7 - - [", 20));

        /* It is supervised: when it dies, the next one comes. */
        cr_assert_eq(kill(master, SIGKILL), 0);
        cr_assert_neq(jail_wait_for_other_master(master, 20), master);
        assert_serves();
        jailctl_ok("stop", JAILTEST_NAME);
        cr_assert_eq(process_count("apache2"), 0);
        cr_assert_eq(keeper_count(k, "instance"), 0);
        cr_assert_eq(keeper_count(k, "listen"), 0);
}

static void next_supervisor(Keeper *k) {
        keeper_end(k, SIGKILL);
        keeper_begin(k);
        cr_assert(keeper_wait_ready(k, 30), "%s", file_read(KEEPER_LOG));
}

Test(survival, parked_standby_is_taken_over) {
        Keeper *k = keep_running(JAILTEST_CONF "[Supervise]\nStandby=yes\n");
        pid_t master = main_pid(), standby = jail_wait_for_standby(0);

        next_supervisor(k);
        cr_assert_eq(jail_wait_for_standby(0), standby);
        cr_assert_eq(kill(master, SIGKILL), 0);
        cr_assert_eq(jail_wait_for_other_master(master, 20), standby);
        assert_serves();
        (void) jail_wait_for_standby(standby);
}

/* The master is in fork(), the standby somewhere on its way, and nobody is there to answer. */
Test(survival, calls_in_flight_are_answered_by_the_next) {
        Keeper *k = keep_running(JAILTEST_CONF "[Supervise]\nStandby=yes\n");
        pid_t master = main_pid(), worker = process_child(master), other;

        keeper_end(k, SIGKILL);
        cr_assert_eq(kill(worker, SIGKILL), 0);
        /* It reaps at its next turn, and forks another. */
        for (unsigned i = 0; i < 100 && access(path("/proc/%d", worker), F_OK) == 0; i++)
                usleep(50000);
        cr_assert_neq(access(path("/proc/%d", worker), F_OK), 0);
        keeper_begin(k);
        cr_assert(keeper_wait_ready(k, 30), "%s", file_read(KEEPER_LOG));
        assert_serves();
        cr_assert_eq(main_pid(), master);
        for (unsigned i = 0; i < 100 && ((other = process_child(master)) == 0 || other == worker); i++)
                usleep(50000);
        cr_assert(other > 0 && other != worker);
        cr_assert_gt(jail_wait_for_standby(0), 0);
}

Test(survival, draining_server_finishes_its_download) {
        Keeper *k;
        Download *download;
        pid_t old;

        download_prepare();
        k = keep_running(NULL);
        old = main_pid();
        download = download_begin();
        jailctl_ok("restart", JAILTEST_NAME);
        next_supervisor(k);
        cr_assert_not(process_wait_for_end(old, 0));
        cr_assert(download_end(download));
        cr_assert(process_wait_for_end(old, 20));
        assert_serves();
        cr_assert_neq(main_pid(), old);
}

/* At whatever moment it dies, the next one brings it to an end: there is one server, and it serves. */
Test(survival, killed_while_replacing_it_converges) {
        Keeper *k = keep_running(JAILTEST_CONF "[Supervise]\nStandby=yes\n");
        Hammer *hammer = hammer_start(JAILTEST_PORT, 5 * USEC_PER_MSEC);
        HammerCount count;

        for (unsigned i = 0; i < 12; i++) {
                pid_t client = fork();

                if (client == 0) {
                        /* Not restart, which would start a supervisor where it finds none. */
                        execl(jailctl_path(), "jailctl", "reload", JAILTEST_NAME, NULL);
                        _exit(127);
                }
                usleep(2000 + i * 5000);
                next_supervisor(k);
                cr_assert_eq(waitpid(client, NULL, 0), client);
                assert_serves();
        }
        count = hammer_stop(hammer);
        hammer_assert_lost_nobody(count);
        jailctl_ok("stop", JAILTEST_NAME);
        cr_assert_eq(process_count("apache2"), 0);
        cr_assert_eq(keeper_count(k, "instance"), 0);
}

Test(survival, stop_goes_on) {
        Keeper *k;
        Download *download;
        pid_t master, client;
        int status;

        download_prepare();
        k = keep_running(JAILTEST_CONF "[Supervise]\nStopTimeoutSec=3\n");
        master = main_pid();
        download = download_begin();
        client = fork();
        if (client == 0) {
                execl(jailctl_path(), "jailctl", "stop", JAILTEST_NAME, NULL);
                _exit(127);
        }
        cr_assert(file_wait_for(KEEPER_LOG, "running -> stopping", 20));
        keeper_end(k, SIGKILL);
        cr_assert_eq(waitpid(client, &status, 0), client);
        cr_assert_not(process_wait_for_end(master, 0));
        keeper_begin(k);
        cr_assert_eq(waitpid(keeper_pid(k), &status, 0), keeper_pid(k));
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x: %s", status, file_read(KEEPER_LOG));
        cr_assert(process_wait_for_end(master, 0));
        cr_assert_eq(process_count("apache2"), 0, "%s %s", run("ps", "axfu", NULL).out,
                     file_read(KEEPER_LOG));
        cr_assert_not(download_end(download));
}

Test(survival, what_is_not_ours_is_said_and_dropped) {
        Keeper *k = keep_running(NULL);
        pid_t master = main_pid();
        int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        keeper_put(k, "foreign", null_fd);
        keeper_put(k, "instance77.master", open("/dev/zero", O_RDWR | O_CLOEXEC));
        next_supervisor(k);
        cr_assert_eq(main_pid(), master);
        cr_assert(strstr(file_read(KEEPER_LOG), "'foreign', which is of no use here"));
        cr_assert_eq(keeper_count(k, "foreign"), 0);
        cr_assert_eq(keeper_count(k, "instance77"), 0);
}

/* The state of a jaild with another idea of it: everything begins anew, and nothing is left of the old. */
Test(survival, state_of_another_layout_is_a_clean_start) {
        Keeper *k = keep_running(NULL);
        pid_t master = main_pid();
        int fd = memfd_create("state", MFD_CLOEXEC);

        keeper_end(k, SIGKILL);
        cr_assert(fd >= 0 && write(fd, "\377\377\377\377", 4) == 4 && ftruncate(fd, 65536) == 0);
        keeper_forget(k, "jail.state");
        keeper_put(k, "jail.state", fd);
        keeper_begin(k);
        cr_assert(keeper_wait_ready(k, 30), "%s", file_read(KEEPER_LOG));
        cr_assert(process_wait_for_end(master, 0));
        cr_assert_neq(main_pid(), master);
        assert_serves();
        cr_assert(strstr(file_read(KEEPER_LOG), "another version of jaild"));
}

/* A copy of jaild, for an upgrade to put another in its place. */
static void install_jaild(const char *file) {
        RunResult r = run("cp", jaild_path(), path("%s.new", file), NULL);

        cr_assert_eq(r.status, 0, "%s", r.err);
        cr_assert_eq(rename(path("%s.new", file), file), 0);
}

static const char *program_of(pid_t pid) {
        return run("readlink", path("/proc/%d/exe", pid), NULL).out;
}

/* Let the supervisor run until it has taken its nth call of a jail, and not one instruction further: it has not answered. */
static void run_to_call(pid_t supervisor, unsigned nth) {
        struct __ptrace_syscall_info info;
        unsigned long request = 0;
        int status, sig = 0;

        while (ptrace(PTRACE_SYSCALL, supervisor, NULL, sig) == 0) {
                cr_assert_eq(waitpid(supervisor, &status, __WALL), supervisor);
                cr_assert(WIFSTOPPED(status), "%x: %s", status, file_read(KEEPER_LOG));
                /* A signal of its own is its own. */
                sig = status >> 16 == 0 && WSTOPSIG(status) != (SIGTRAP | 0x80) ? WSTOPSIG(status) : 0;
                if (WSTOPSIG(status) != (SIGTRAP | 0x80) ||
                    ptrace(PTRACE_GET_SYSCALL_INFO, supervisor, sizeof(info), &info) < 0)
                        continue;
                if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
                        request = info.entry.nr == SYS_ioctl ? info.entry.args[1] : 0;
                else if (request == SECCOMP_IOCTL_NOTIF_RECV && info.exit.rval == 0 && --nth == 0)
                        return;
        }
        cr_assert_fail("%s", strerror(errno));
}

/* It dies between a call and its answer: those of execve() for httpd -t and for the new server, of bind(), and of the fork()s
 * of its workers. */
Test(survival, killed_before_an_answer_it_converges) {
        enum {
                CALLS = 5
        };
        Keeper *k = keep_running(NULL);
        Hammer *hammer = hammer_start(JAILTEST_PORT, 5 * USEC_PER_MSEC);
        HammerCount count;

        for (unsigned nth = 1; nth <= CALLS; nth++) {
                pid_t supervisor = keeper_pid(k), client;
                int status;

                cr_assert(ptrace(PTRACE_SEIZE, supervisor, NULL, PTRACE_O_TRACESYSGOOD) == 0 &&
                                          ptrace(PTRACE_INTERRUPT, supervisor, NULL, NULL) == 0 &&
                                          waitpid(supervisor, &status, __WALL) == supervisor,
                          "%s", strerror(errno));
                client = fork();
                if (client == 0) {
                        execl(jailctl_path(), "jailctl", "reload", JAILTEST_NAME, NULL);
                        _exit(127);
                }
                run_to_call(supervisor, nth);
                next_supervisor(k);
                cr_assert_eq(waitpid(client, NULL, 0), client);
                assert_serves();
                cr_assert_str_eq(jail_status_string("state"), "running");
        }
        count = hammer_stop(hammer);
        hammer_assert_lost_nobody(count);
        jailctl_ok("stop", JAILTEST_NAME);
        cr_assert_eq(process_count("apache2"), 0);
        cr_assert_eq(keeper_count(k, "instance"), 0);
}

/* Where there is no systemd: the process stays and becomes the new program, and everything goes on. */
Test(survival, without_systemd_the_program_is_exchanged) {
        enum {
                TIMES = 5
        };
        const char *file = JAILD_RUN_DIR "/jaild";
        pid_t supervisor, master, standby;
        Hammer *hammer;
        HammerCount count;

        install_jaild(file);
        jail_use_built();
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "[Supervise]\nStandby=yes\n");
        setenv("JAILD_BINARY", file, true);
        jailctl_ok("start", JAILTEST_NAME);
        master = main_pid();
        supervisor = atoi(process_field(master, "PPid"));
        standby = jail_wait_for_standby(0);
        hammer = hammer_start(JAILTEST_PORT, 2 * USEC_PER_MSEC);
        for (unsigned i = 0; i < TIMES; i++) {
                install_jaild(file);
                cr_assert(strstr(program_of(supervisor), "(deleted)"));
                jailctl_ok("daemon-reexec", JAILTEST_NAME);
                cr_assert_str_eq(program_of(supervisor), path("%s\n", file));
                cr_assert_eq(main_pid(), master);
                cr_assert_eq(jail_wait_for_standby(0), standby);
        }
        /* Its lock is its own still: nobody else can supervise this jail. */
        cr_assert_eq(run(file, JAILTEST_NAME, NULL).status, 1);
        count = hammer_stop(hammer);
        hammer_assert_lost_nobody(count);

        /* It is supervised, as its child: what dies leaves no zombie. */
        cr_assert_eq(kill(master, SIGKILL), 0);
        cr_assert_eq(jail_wait_for_other_master(master, 20), standby);
        cr_assert_null(process_field(master, "State"));
        cr_assert_str_eq(jail_status_string("last-failure"), "httpd killed by SIGKILL");

        /* A program that cannot be run costs nothing. */
        cr_assert_eq(unlink(file), 0);
        cr_assert_eq(jailctl("daemon-reexec", JAILTEST_NAME).status, 1);
        cr_assert_eq(main_pid(), standby);
        assert_serves();
        jailctl_ok("stop", JAILTEST_NAME);
        cr_assert_eq(process_count("apache2") + process_count("jaild"), 0);
}
