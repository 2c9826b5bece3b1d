#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "probe.h"

/* The first process of the jail: its master. */
#define MASTER 1

/* Run it in a child, which would become the program. The answer comes through a pipe that execve() closes. */
static int can_execute(const char *path) {
        char *const argv[] = { (char *) (uintptr_t) path, (char *) (uintptr_t) "-v", NULL };
        int p[2], error = 0, status;
        ssize_t k;
        pid_t pid;

        if (pipe2(p, O_CLOEXEC) < 0)
                return -errno;
        pid = fork();
        if (pid == 0) {
                (void) execve(path, argv, (char *const[]){ NULL });
                (void) !write(p[1], &errno, sizeof(errno));
                _exit(EXIT_FAILURE);
        }
        close(p[1]);
        k = read(p[0], &error, sizeof(error));
        close(p[0]);
        if (pid > 0)
                (void) waitpid(pid, &status, 0);
        return pid < 0 ? -EAGAIN : k == sizeof(error) ? -error : 0;
}

static int execute_shell(void) {
        return can_execute("/bin/sh");
}

static int execute_server(void) {
        return can_execute("/usr/sbin/apache2");
}

/* It would run any file that can be mapped. */
static int execute_loader(void) {
        return can_execute("/lib64/ld-linux-x86-64.so.2");
}

static int execute_document(void) {
        return can_execute("/var/www/html/index.html");
}

static int execute_written(void) {
        static const char path[] = "/var/run/apache2/probe.sh";
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
        int r;

        if (fd < 0 || write(fd, "#!/usr/sbin/apache2\n", 20) != 20)
                return -errno;
        close(TAKE_FD(fd));
        r = can_execute(path);
        (void) unlink(path);
        return r;
}

static int memory_file(void) {
        _cleanup_close_ int fd = (int) syscall(SYS_memfd_create, "probe", 0);

        return fd < 0 ? -errno : 0;
}

static int map_anonymous_code(void) {
        void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        return p == MAP_FAILED ? -errno : munmap(p, 4096);
}

static int map_writable_code(void) {
        void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        return p == MAP_FAILED ? -errno : munmap(p, 4096);
}

static int map_module_writable(void) {
        _cleanup_close_ int fd = open("/usr/lib/apache2/modules/mod_status.so", O_RDONLY | O_CLOEXEC);
        void *p = fd < 0 ? MAP_FAILED
                         : mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, fd, 0);

        return p == MAP_FAILED ? -errno : munmap(p, 4096);
}

static int map_shared_code(void) {
        _cleanup_close_ int fd = open("/usr/lib/apache2/modules/mod_status.so", O_RDONLY | O_CLOEXEC);
        void *p = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);

        return p == MAP_FAILED ? -errno : munmap(p, 4096);
}

static int make_memory_code(void) {
        void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        int r = mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0 ? -errno : 0;

        munmap(p, 4096);
        return r;
}

static int make_code_writable(void) {
        uintptr_t page = (uintptr_t) make_code_writable & ~(uintptr_t) 4095;

        if (mprotect((void *) page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) < 0)
                return -errno;
        (void) mprotect((void *) page, 4096, PROT_READ | PROT_EXEC);
        return 0;
}

/* Written first, code afterwards: the pages are private by then. */
static int make_private_pages_code(void) {
        _cleanup_close_ int fd = open("/usr/lib/apache2/modules/mod_status.so", O_RDONLY | O_CLOEXEC);
        char *p = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
        int r;

        if (p == MAP_FAILED)
                return -errno;
        *p = 0;
        r = mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0 ? -errno : 0;
        munmap(p, 4096);
        return r;
}

static int with_signal_owner(int fd) {
        if (fcntl(fd, F_SETOWN, MASTER) < 0)
                return -errno;
        return fcntl(fd, F_SETSIG, SIGTERM) < 0 ? -errno : 0;
}

static int signal_by_owner(void) {
        int p[2], r;

        if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        r = with_signal_owner(p[0]);
        close(p[0]);
        close(p[1]);
        return r;
}

static int read_master(void) {
        char c;
        struct iovec local = { &c, 1 }, remote = { (void *) (uintptr_t) read_master, 1 };

        return process_vm_readv(MASTER, &local, 1, &remote, 1, 0) < 0 ? -errno : 0;
}

static int write_master(void) {
        char c = 0;
        struct iovec local = { &c, 1 }, remote = { &c, 1 };

        return process_vm_writev(MASTER, &local, 1, &remote, 1, 0) < 0 ? -errno : 0;
}

static int set_masters_limit(void) {
        struct rlimit limit = { 0, 0 };

        return prlimit(MASTER, RLIMIT_NOFILE, &limit, NULL) < 0 ? -errno : 0;
}

static int masters_robust_list(void) {
        void *head;
        size_t size;

        return syscall(SYS_get_robust_list, MASTER, &head, &size) < 0 ? -errno : 0;
}

static int set_masters_processor(void) {
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET(0, &set);
        return sched_setaffinity(MASTER, sizeof(set), &set) < 0 ? -errno : 0;
}

static int queue_signal(void) {
        siginfo_t si = { .si_signo = SIGTERM, .si_code = SI_QUEUE };

        return syscall(SYS_rt_sigqueueinfo, MASTER, SIGTERM, &si) < 0 ? -errno : 0;
}

static int queue_thread_signal(void) {
        siginfo_t si = { .si_signo = SIGTERM, .si_code = SI_QUEUE };

        return syscall(SYS_rt_tgsigqueueinfo, MASTER, MASTER, SIGTERM, &si) < 0 ? -errno : 0;
}

static int timer_signal(void) {
        struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGTERM };
        timer_t timer;

        return syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) < 0 ? -errno : 0;
}

/* A process outside would answer with EPERM, one that is not there with ESRCH. */
static int other_processes(void) {
        for (pid_t pid = 2; pid < 4096; pid++)
                if (kill(pid, 0) < 0 && errno == EPERM)
                        return 0;
        return -ESRCH;
}

static int terminal_input(void) {
        for (int fd = 0; fd < 3; fd++)
                if (ioctl(fd, TIOCSTI, "x") == 0)
                        return 0;
        return -EPERM;
}

static int ioctl_of_driver(void) {
        /* BLKROGET: no such thing on a socket or pipe, but it reached it. */
        return ioctl(0, 0x125e, NULL) < 0 && errno == EPERM ? -EPERM : 0;
}

#ifdef __x86_64__
static int call_of_32_bits(void) {
        long r;

        /* getpid, as 32-bit programs call it. */
        __asm__ volatile("int $0x80" : "=a"(r) : "0"(20L) : "memory");
        return r > 0 ? 0 : -ENOSYS;
}

static int call_of_x32(void) {
        long r = syscall(0x40000000 | SYS_getpid);

        return r > 0 ? 0 : -errno;
}

#endif

#define AREA "processes"

const Probe probe_processes[] = {
        PROBE(AREA, "execute-shell", execute_shell),
        PROBE(AREA, "execute-server", execute_server),
        PROBE(AREA, "execute-loader", execute_loader),
        PROBE(AREA, "execute-document", execute_document),
        PROBE(AREA, "execute-written", execute_written),
        PROBE_CALL(AREA, execveat, 0, (long) "", 0, 0, AT_EMPTY_PATH),
        PROBE(AREA, "memfd-create", memory_file),
        PROBE_CALL_AS(AREA, "memfd-create-executable", memfd_create, (long) "probe", 0x10),
        PROBE_NUMBER(AREA, "memfd-secret", 447),
        PROBE(AREA, "map-anonymous-code", map_anonymous_code),
        PROBE(AREA, "map-writable-code", map_writable_code),
        PROBE(AREA, "map-module-writable", map_module_writable),
        PROBE(AREA, "map-shared-code", map_shared_code),
        PROBE(AREA, "make-memory-code", make_memory_code),
        PROBE(AREA, "make-code-writable", make_code_writable),
        PROBE(AREA, "make-private-pages-code", make_private_pages_code),
        PROBE_CALL(AREA, pkey_mprotect, 0, 0, 0, -1),
        PROBE_CALL(AREA, pkey_alloc),
        PROBE_CALL(AREA, remap_file_pages, 0, 0, 0, 0, 0),
        PROBE_CALL_AS(AREA, "kill-master-term", kill, MASTER, SIGTERM),
        PROBE_CALL_AS(AREA, "kill-master-hup", kill, MASTER, SIGHUP),
        PROBE_CALL_AS(AREA, "kill-master-usr1", kill, MASTER, SIGUSR1),
        PROBE_CALL_AS(AREA, "kill-master-winch", kill, MASTER, SIGWINCH),
        PROBE_CALL_AS(AREA, "kill-master-kill", kill, MASTER, SIGKILL),
        PROBE_CALL_AS(AREA, "kill-group", kill, 0, SIGTERM),
        PROBE_CALL_AS(AREA, "kill-all-stop", kill, -1, SIGSTOP),
        PROBE_CALL_AS(AREA, "tgkill-master", tgkill, MASTER, MASTER, SIGTERM),
        PROBE_CALL_AS(AREA, "tkill-master", tkill, MASTER, SIGTERM),
        PROBE(AREA, "queue-signal", queue_signal),
        PROBE(AREA, "queue-thread-signal", queue_thread_signal),
        PROBE(AREA, "signal-by-owner", signal_by_owner),
        PROBE(AREA, "timer-signal", timer_signal),
        PROBE_CALL(AREA, pidfd_open, MASTER, 0),
        PROBE_CALL(AREA, pidfd_getfd, 0, 0, 0),
        PROBE_CALL(AREA, pidfd_send_signal, 0, 0, 0, 0),
        PROBE_CALL(AREA, process_madvise, 0, 0, 0, 0, 0),
        PROBE_NUMBER(AREA, "process-mrelease", 448, 0, 0),
        PROBE_CALL_AS(AREA, "ptrace-attach", ptrace, PTRACE_ATTACH, MASTER, 0, 0),
        PROBE_CALL_AS(AREA, "ptrace-seize", ptrace, PTRACE_SEIZE, MASTER, 0, 0),
        PROBE_CALL_IN_CHILD(AREA, "ptrace-traceme", ptrace, PTRACE_TRACEME, 0, 0, 0),
        PROBE(AREA, "read-master", read_master),
        PROBE(AREA, "write-master", write_master),
        PROBE(AREA, "set-masters-limit", set_masters_limit),
        PROBE(AREA, "masters-robust-list", masters_robust_list),
        PROBE(AREA, "set-masters-processor", set_masters_processor),
        PROBE_CALL(AREA, setpriority, PRIO_PROCESS, MASTER, 19),
        PROBE_CALL(AREA, ioprio_set, 1, MASTER, 0),
        PROBE_CALL(AREA, sched_setscheduler, MASTER, SCHED_IDLE, (long) &(struct sched_param){ 0 }),
        PROBE_CALL(AREA, sched_setattr, MASTER, 0, 0),
        PROBE_CALL(AREA, migrate_pages, MASTER, 0, 0, 0),
        PROBE_CALL(AREA, move_pages, MASTER, 0, 0, 0, 0, 0),
        PROBE_CALL(AREA, kcmp, MASTER, MASTER, 0, 0, 0),
        PROBE_CALL_AS(AREA, "prctl-dumpable", prctl, PR_SET_DUMPABLE, 1),
        PROBE_CALL_AS(AREA, "prctl-ptracer", prctl, PR_SET_PTRACER, -1),
        PROBE_CALL_AS(AREA, "prctl-mm", prctl, PR_SET_MM, 0, 0, 0, 0),
        PROBE_CALL_IN_CHILD(AREA, "prctl-subreaper", prctl, PR_SET_CHILD_SUBREAPER, 1),
        PROBE_CALL_AS(AREA, "prctl-parent-death", prctl, PR_SET_PDEATHSIG, 0),
        PROBE_CALL_IN_CHILD(AREA, "prctl-user-dispatch", prctl, PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0),
        PROBE(AREA, "other-processes", other_processes),
        PROBE(AREA, "terminal-input", terminal_input),
        PROBE(AREA, "ioctl-of-driver", ioctl_of_driver),
        PROBE_CALL_IN_CHILD(AREA, "clone-parent", clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0),
        PROBE_CALL_IN_CHILD(AREA, "clone-untraced", clone, CLONE_UNTRACED | SIGCHLD, 0, 0, 0, 0),
        PROBE_CALL_IN_CHILD(AREA, "clone-ptrace", clone, CLONE_PTRACE | SIGCHLD, 0, 0, 0, 0),
        PROBE_CALL_IN_CHILD(AREA, "clone-other-signal", clone, SIGTERM, 0, 0, 0, 0),
        PROBE_CALL_IN_CHILD(AREA, "clone3-plain", clone3,
                            (long) &(struct clone_args){ .exit_signal = SIGCHLD },
                            sizeof(struct clone_args)),
        PROBE_CALL_IN_CHILD(AREA, "setsid", setsid),
        PROBE_CALL_IN_CHILD(AREA, "setpgid", setpgid, 0, 0),
#ifdef __x86_64__
        { .area = AREA, .name = "call-of-32-bits", .run = call_of_32_bits, .in_child = true },
        { .area = AREA, .name = "call-of-x32", .run = call_of_x32, .in_child = true },
#endif
        {},
};
