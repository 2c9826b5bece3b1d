#include "intruder.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "jailtest.h"

/* www-data of Debian. */
#define JAIL_ID 33

/* Whatever goes wrong is seen by its exit status: the line. */
#define must(condition)                                                                                     \
        do {                                                                                                \
                if (!(condition))                                                                           \
                        _exit(__LINE__ % 200 + 1);                                                          \
        } while (0)

static int namespaces(IntruderLack lack) {
        static const int flags[_INTRUDER_MAX] = {
                [INTRUDER_LACKS_MOUNT_NAMESPACE] = CLONE_NEWNS,
                [INTRUDER_LACKS_PID_NAMESPACE] = CLONE_NEWPID,
                [INTRUDER_LACKS_NETWORK_NAMESPACE] = CLONE_NEWNET,
                [INTRUDER_LACKS_IPC_NAMESPACE] = CLONE_NEWIPC,
                [INTRUDER_LACKS_UTS_NAMESPACE] = CLONE_NEWUTS,
                [INTRUDER_LACKS_CGROUP_NAMESPACE] = CLONE_NEWCGROUP,
                [INTRUDER_LACKS_TIME_NAMESPACE] = CLONE_NEWTIME,
        };

        return (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
                CLONE_NEWTIME) &
               ~flags[lack];
}

static void limit(__rlimit_resource_t resource, rlim_t value) {
        const struct rlimit l = { value, value };

        must(setrlimit(resource, &l) == 0);
}

/* One that allows everything: only that there is one is asked for. By root, it needs no no-new-privs. */
static void install_filter(void) {
        struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        const struct sock_fprog program = { 1, &allow };

        must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0);
}

static void drop(IntruderLack lack) {
        static const gid_t group = 4;
        uid_t id = lack == INTRUDER_HAS_OTHER_USER ? JAIL_ID + 1 : JAIL_ID;

        if (lack == INTRUDER_LACKS_SECCOMP)
                must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        else
                install_filter();
        for (int c = 0; lack != INTRUDER_HAS_BOUNDING_SET && prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
                must(prctl(PR_CAPBSET_DROP, c, 0, 0, 0) == 0);
        must(setgroups(lack == INTRUDER_HAS_GROUP, &group) == 0);
        if (lack == INTRUDER_HAS_CAPABILITIES)
                must(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0);
        must(setresgid(id, id, id) == 0 && setresuid(id, id, id) == 0);
        if (lack != INTRUDER_LACKS_NO_NEW_PRIVS)
                must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        must(prctl(PR_SET_DUMPABLE, lack == INTRUDER_IS_DUMPABLE, 0, 0, 0) == 0);
}

/* Below 3 there is the jail's own null device; at 3, what it is to hold; at 4, who waits for us. */
static void arrange_descriptors(int held_fd, int ready_fd) {
        int null_fd = open("/dev/null", O_RDWR);

        must(null_fd >= 0 && dup2(ready_fd, 100) == 100);
        if (held_fd >= 0)
                must(dup2(held_fd, 101) == 101);
        must(dup2(null_fd, 0) == 0 && dup2(null_fd, 1) == 1 && dup2(null_fd, 2) == 2);
        must(close_range(3, 99, 0) == 0 && close_range(102, ~0U, 0) == 0);
}

static int listening_socket(void) {
        const struct sockaddr_in address = { .sin_family = AF_INET,
                                             .sin_port = htons(JAILTEST_PORT),
                                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1) };
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        must(bind(fd, (const struct sockaddr *) &address, sizeof(address)) == 0 && listen(fd, 1) == 0);
        return fd;
}

static int held(IntruderLack lack) {
        switch (lack) {
        case INTRUDER_HOLDS_FOLDER:
                return open("/usr", O_PATH | O_DIRECTORY);
        case INTRUDER_HOLDS_FILE:
                return open("/etc/hostname", O_RDONLY);
        case INTRUDER_HOLDS_SOCKET:
                return socket(AF_INET, SOCK_STREAM, 0);
        case INTRUDER_LISTENS:
                return listening_socket();
        default:
                return -1;
        }
}

static _Noreturn void stay(IntruderLack lack) {
        static const pid_t settled = 0;

        must(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0);
        limit(RLIMIT_CORE, 0);
        limit(RLIMIT_NOFILE, lack == INTRUDER_HAS_HIGH_LIMIT ? 9000 : 8192);
        limit(RLIMIT_NPROC, 512);
        if (lack == INTRUDER_HAS_OTHER_ROOT)
                must(chroot("/usr") == 0);
        (void) umask(lack == INTRUDER_HAS_OPEN_UMASK ? 022 : 077);
        drop(lack);
        must(write(100, &settled, sizeof(settled)) == sizeof(settled) && close(100) == 0);
        for (;;)
                pause();
}

/* A pid namespace is entered by one's children. This one becomes the test's own, so that nobody is left on the way. */
static _Noreturn void go_in(pid_t master, IntruderLack lack, int ready_fd) {
        int process_fd = pidfd_open(master, 0), held_fd = held(lack);
        int root_fd = open(path("/proc/%d/root", master), O_PATH | O_DIRECTORY);
        pid_t pid;

        must(process_fd >= 0 && root_fd >= 0 && setns(process_fd, namespaces(lack)) == 0);
        must(fchdir(root_fd) == 0 && chroot(".") == 0);
        arrange_descriptors(held_fd, ready_fd);
        pid = (pid_t) syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, 0);
        must(pid >= 0);
        if (pid == 0)
                stay(lack);
        must(write(100, &pid, sizeof(pid)) == sizeof(pid));
        _exit(EXIT_SUCCESS);
}

/* Both of them write one: who is on the way the number of the intruder, the intruder itself zero when it is settled. */
pid_t intruder_start(pid_t master, IntruderLack lack) {
        int ready[2], status;
        pid_t way, pid = 0;

        cr_assert_eq(pipe2(ready, O_CLOEXEC), 0);
        way = fork();
        cr_assert_geq(way, 0);
        if (way == 0)
                go_in(master, lack, ready[1]);
        (void) close(ready[1]);
        for (unsigned i = 0; i < 2; i++) {
                pid_t said;

                if (read(ready[0], &said, sizeof(said)) != sizeof(said)) {
                        (void) waitpid(pid > 0 ? pid : way, &status, 0);
                        cr_assert_fail("the intruder ended: %d", WEXITSTATUS(status));
                }
                pid = said > 0 ? said : pid;
        }
        (void) close(ready[0]);
        cr_assert_eq(waitpid(way, &status, 0), way);
        return pid;
}

void intruder_end(pid_t pid) {
        int status;

        cr_assert_eq(kill(pid, SIGKILL), 0);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
}
