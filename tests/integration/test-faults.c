/* What goes wrong on the worst day, and whether status says in one line what it was. */

#include <criterion/criterion.h>
#include <elf.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "jailtest.h"

TestSuite(faults, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 120);

static void assert_comes(const char *key, const char *text) {
        for (unsigned i = 0; i < 400; i++) {
                if (strstr(jail_status_string(key), text))
                        return;
                usleep(50000);
        }
        cr_assert(false, "%s is not '%s' but '%s'", key, text, jail_status_string(key));
}

static void apache_conf_write(const char *text) {
        file_write(path("%s/etc/apache2/conf-enabled/test.conf", jail_root()), text);
}

/* The first process of a namespace heeds no signal but KILL and those of its own faults: have it execute nothing. */
static void crash(pid_t pid) {
        struct user_regs_struct registers;
        struct iovec iov = { .iov_base = &registers, .iov_len = sizeof(registers) };

        cr_assert(ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0 &&
                                  ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0 &&
                                  waitpid(pid, NULL, __WALL) == pid,
                  "%s", strerror(errno));
        cr_assert_eq(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov), 0, "%s", strerror(errno));
#if defined(__x86_64__)
        registers.rip = 0;
        /* Not in a call that would be begun anew. */
        registers.orig_rax = (unsigned long long) -1;
#elif defined(__aarch64__)
        registers.pc = 0;
#else
#error "how does one crash a process here?"
#endif
        cr_assert(ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov) == 0 &&
                                  ptrace(PTRACE_DETACH, pid, NULL, NULL) == 0,
                  "%s", strerror(errno));
}

Test(faults, the_signal_is_named) {
        pid_t master = jail_use_running();

        crash(master);
        (void) jail_wait_for_other_master(master, 20);
        cr_assert_str_eq(jail_status_string("last-failure"), "httpd killed by SIGSEGV, core not kept");
}

typedef struct Workers {
        pid_t master;
        int sig;
        unsigned n;
} Workers;

static bool kill_worker(pid_t pid, void *userdata) {
        Workers *w = userdata;
        const char *parent = process_field(pid, "PPid");

        if (parent && atoi(parent) == w->master) {
                w->n++;
                if (w->sig)
                        cr_assert_eq(kill(pid, w->sig), 0);
        }
        return false;
}

/* Each lived long enough, and so no start failed; and yet they do not last. */
Test(faults, workers_that_keep_dying_are_replaced) {
        Workers workers = {};
        pid_t other;

        jail_use_built();
        apache_conf_write("ThreadsPerChild 2\nServerLimit 32\nMaxRequestWorkers 64\nStartServers 22\n"
                          "MinSpareThreads 44\nMaxSpareThreads 64\n");
        jailctl_ok("start", JAILTEST_NAME);
        workers.master = (pid_t) jail_status_number("main-pid");
        do {
                usleep(100000);
                workers.n = 0;
                process_find(kill_worker, &workers);
        } while (workers.n < 22);
        /* Older than what died at once. */
        sleep(2);
        workers.sig = SIGTRAP;
        process_find(kill_worker, &workers);

        other = jail_wait_for_other_master(workers.master, 20);
        cr_assert(strstr(jail_status_string("last-failure"),
                         "its workers end again and again: 20 so far, the last killed by SIGTRAP, core not kept"),
                  "%s", jail_status_string("last-failure"));
        cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 200);
        cr_assert_eq(jail_status_number("main-pid"), other);
}

/* The control group of this process, made smaller; NULL where there is none to be had. */
static char *memory_group_make(void) {
        char *groups = file_read("/proc/self/cgroup"), *save, *group;

        for (char *line = strtok_r(groups, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char *place = strstr(line, ":memory:");

                if (!place)
                        continue;
                group = path("/sys/fs/cgroup/memory%s/jailtest", place + strlen(":memory:"));
                if (mkdir(group, 0755) == 0 || errno == EEXIST)
                        return group;
        }
        return NULL;
}

/* As a visitor can who never finishes a request: as much memory as Apache lets him have. */
static void feed_memory(void) {
        static char line[8000];
        struct sockaddr_in sa = { .sin_family = AF_INET,
                                  .sin_port = htons(JAILTEST_PORT),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        static const char head[] = "GET / HTTP/1.1\r\nHost: x\r\n";

        memset(line, 'x', sizeof(line));
        memcpy(line, "X: ", 3);
        memcpy(line + sizeof(line) - 2, "\r\n", 2);
        for (unsigned c = 0; c < 24; c++) {
                int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                struct timeval patience = { .tv_usec = 200000 };

                (void) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
                if (connect(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0 ||
                    send(fd, head, strlen(head), MSG_NOSIGNAL) < 0)
                        continue;
                for (unsigned i = 0; i < 95; i++)
                        if (send(fd, line, sizeof(line), MSG_NOSIGNAL) < 0)
                                break;
        }
}

Test(faults, memory_that_runs_out_is_named) {
        char *group = memory_group_make(), *usage;

        if (!group)
                cr_skip_test("no memory controller of version 1 that we may use");
        file_write(path("%s/cgroup.procs", group), path("%d\n", getpid()));
        jail_use_built();
        /* The visitor is still there at the end. */
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "[Supervise]\nStopTimeoutSec=1s\n");
        jailctl_ok("start", JAILTEST_NAME);
        /* The jail stays there by itself. */
        file_write(path("%s/../cgroup.procs", group), path("%d\n", getpid()));
        /* Not to the page: what is in the page cache can be given back. */
        file_write(path("%s/memory.force_empty", group), "0\n");
        usage = file_read(path("%s/memory.usage_in_bytes", group));
        file_write(path("%s/memory.limit_in_bytes", group), path("%lld\n", atoll(usage) + 4 * 1024 * 1024));
        feed_memory();
        for (unsigned i = 0; i < 200; i++) {
                if (strstr(jail_status_string("last-worker-death"), "out of memory") ||
                    strstr(jail_status_string("last-failure"), "out of memory"))
                        break;
                usleep(50000);
        }
        file_write(path("%s/memory.limit_in_bytes", group), "-1\n");
        cr_assert(strstr(jail_status_string("last-worker-death"),
                         "killed by the kernel, which was out of memory") ||
                                  strstr(jail_status_string("last-failure"),
                                         "killed by the kernel, which was out of memory"),
                  "%s; %s; %s", jail_status_string("last-worker-death"), jail_status_string("last-failure"),
                  file_read(path("%s/memory.oom_control", group)));
        cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 200);
        jailctl_ok("stop", JAILTEST_NAME);
        cr_assert_eq(rmdir(group), 0);
}

Test(faults, giving_up_has_the_last_word) {
        const char *log;

        jail_use_built();
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "[Supervise]\nRestart=no\n");
        jailctl_ok("start", JAILTEST_NAME);
        cr_assert(file_wait_for(JAILD_LOG_DIR "/" JAILTEST_NAME "/error.log", "resuming normal operations",
                                20));
        crash((pid_t) jail_status_number("main-pid"));
        assert_comes("state", "failed");
        log = file_read(JAILD_LOG_DIR "/" JAILTEST_NAME "/jaild.log");
        cr_assert(strstr(log, "giving up: the server ended: httpd killed by SIGSEGV, core not kept\n"), "%s",
                  log);
        /* And Apache's. */
        cr_assert(strstr(strstr(log, "giving up"), "resuming normal operations"), "%s", log);
}
