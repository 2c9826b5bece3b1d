/* What a supervisor with jaild's libraries cannot start a server faster than: bench-floor [--namespaces] COMMAND...
 *
 * It is loaded with the libraries that jaild has and executes the command; with --namespaces in those of a room. No mounts, no
 * drop, no filter, nothing supervised. SIGTERM ends it, and the command. */

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base.h"

/* As daemon/network.c makes the network of a jail. */
static void make_network(void) {
        int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

        if (unshare(CLONE_NEWNET) < 0 || open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC) < 0 ||
            setns(own, CLONE_NEWNET) < 0) {
                perror("bench-floor: network");
                exit(EXIT_FAILURE);
        }
}

int main(int argc, char *argv[]) {
        bool namespaces = argc > 1 && streq(argv[1], "--namespaces");
        struct clone_args args = { .exit_signal = SIGCHLD };
        sigset_t set;
        int sig = 0;
        pid_t pid;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGCHLD);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        if (namespaces) {
                make_network();
                args.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
        }
        pid = (pid_t) syscall(SYS_clone3, &args, sizeof(args));
        if (pid == 0) {
                (void) sigprocmask(SIG_UNBLOCK, &set, NULL);
                (void) execv(argv[1 + namespaces], argv + 1 + namespaces);
                _exit(EXIT_FAILURE);
        }
        if (pid < 0) {
                perror("bench-floor: clone3");
                return EXIT_FAILURE;
        }
        (void) sigwait(&set, &sig);
        /* The first of a namespace takes the others with it; elsewhere the server ends its own. */
        (void) kill(pid, namespaces ? SIGKILL : SIGTERM);
        return waitpid(pid, NULL, 0) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
