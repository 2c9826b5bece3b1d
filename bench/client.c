#include "client.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

double clock_msec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}

void sleep_usec(unsigned usec) {
        (void) nanosleep(&(struct timespec) { .tv_sec = usec / 1000000, .tv_nsec = (long) (usec % 1000000) * 1000 },
                         NULL);
}

Target target_parse(const char *port, const char *path) {
        Target t = { .address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
        long number = strtol(port, NULL, 10);

        if (number <= 0 || number > 65535 || path[0] != '/' || strlen(path) > 256) {
                fprintf(stderr, "bench-client: no port and path: %s %s\n", port, path);
                exit(2);
        }
        t.address.sin_port = htons((uint16_t) number);
        snprintf(t.request, sizeof(t.request), "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
        snprintf(t.request_kept, sizeof(t.request_kept), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
        return t;
}

int target_get(const Target *t, int timeout_msec) {
        static const char good[] = "HTTP/1.1 200 ";
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char answer[sizeof(good)] = "";
        ssize_t k;

        if (fd < 0 || connect(fd, (const struct sockaddr *) &t->address, sizeof(t->address)) < 0 ||
            send(fd, t->request, strlen(t->request), MSG_NOSIGNAL) < 0)
                return -errno;
        if (poll(&(struct pollfd) { .fd = fd, .events = POLLIN }, 1, timeout_msec) <= 0)
                return -ETIMEDOUT;
        k = recv(fd, answer, sizeof(good) - 1, MSG_WAITALL);
        if (k <= 0)
                return -ECONNRESET;
        return streq(answer, good) ? 0 : -EBADMSG;
}

int target_connect(const Target *t) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *) &t->address, sizeof(t->address)) < 0 && errno != EINPROGRESS)
                return -errno;
        return TAKE_FD(fd);
}

pid_t spawn(char *const *argv) {
        pid_t pid = fork();

        if (pid < 0) {
                perror("bench-client: fork");
                exit(2);
        }
        if (pid == 0) {
                /* A session of its own, as every service has: the scheduler shares by sessions (sched(7), autogroup). */
                (void) setsid();
                (void) execvp(argv[0], argv);
                perror(argv[0]);
                _exit(127);
        }
        return pid;
}

/* The floor that supervisors are measured against: start it again, at once, for ever. */
int verb_respawn(int argc, char **argv) {
        for (;;) {
                pid_t pid = spawn(argv);

                while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        }
}

int main(int argc, char **argv) {
        static const struct {
                const char *name;
                const char *arguments;
                int min;
                int (*run)(int argc, char **argv);
        } verbs[] = {
                { "start", "PORT PATH COMMAND...", 3, verb_start },
                { "recover", "PORT PATH PID...", 3, verb_recover },
                { "load", "PORT PATH CONNECTIONS SECONDS fresh|kept", 5, verb_load },
                { "respawn", "COMMAND...", 1, verb_respawn },
        };

        /* Timers as exact as the kernel has them, not 50 us later. */
        (void) prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
        for (size_t i = 0; argc > 1 && i < ELEMENTSOF(verbs); i++)
                if (streq(argv[1], verbs[i].name) && argc - 2 >= verbs[i].min)
                        return verbs[i].run(argc - 2, argv + 2);
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                fprintf(stderr, "bench-client %s %s\n", verbs[i].name, verbs[i].arguments);
        return 2;
}
