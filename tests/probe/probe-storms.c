#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "probe.h"

/* What a supervisor has to bear: calls that it answers, as fast as a jail can make them. Each returns 0 when it is over. */

static void bind_once(int fd, uint16_t port) {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

        (void) !bind(fd, (struct sockaddr *) &in, sizeof(in));
}

static void *bind_often(void *userdata) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        /* Granted, refused, of a wrong family, and with an address that is not there. */
        for (unsigned i = 0; fd >= 0 && i < 2000; i++) {
                bind_once(fd, 80);
                bind_once(fd, (uint16_t) (1024 + i));
                (void) !syscall(SYS_bind, fd, "\377\377", 2);
                (void) !syscall(SYS_bind, fd, (void *) 1, 16);
        }
        close(fd);
        return NULL;
}

static int storm_of_binds(void) {
        pthread_t thread[8];
        size_t n = 0;

        while (n < ELEMENTSOF(thread) && pthread_create(&thread[n], NULL, bind_often, NULL) == 0)
                n++;
        for (size_t i = 0; i < n; i++)
                (void) pthread_join(thread[i], NULL);
        return n > 0 ? 0 : -EAGAIN;
}

/* Nothing but calls that are answered, until the parent kills it: in the middle of one, most often. */
static _Noreturn void call_until_killed(void) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        for (;;) {
                bind_once(fd, 81);
                (void) !syscall(SYS_execve, "/none", NULL, NULL);
                (void) !connect(fd,
                                (struct sockaddr *) &(struct sockaddr_in){ .sin_family = AF_INET,
                                                                           .sin_port = 1 },
                                sizeof(struct sockaddr_in));
        }
}

static int storm_of_deaths(void) {
        for (unsigned i = 0; i < 300; i++) {
                pid_t pid = fork();

                if (pid < 0)
                        return -errno;
                if (pid == 0)
                        call_until_killed();
                for (unsigned k = 0; k < i % 64; k++)
                        (void) sched_yield();
                (void) kill(pid, SIGKILL);
                (void) waitpid(pid, NULL, 0);
        }
        return 0;
}

#define CHILDREN_MAX 4096

/* Children that leave at once, and as many that stay as are let. */
static int storm_of_forks(void) {
        static pid_t child[CHILDREN_MAX];
        unsigned n = 0;

        for (unsigned i = 0; i < 2000; i++) {
                pid_t pid = fork();

                if (pid == 0)
                        _exit(EXIT_SUCCESS);
                if (pid > 0)
                        (void) waitpid(pid, NULL, 0);
        }
        for (; n < CHILDREN_MAX; n++) {
                child[n] = fork();
                if (child[n] < 0)
                        break;
                if (child[n] == 0)
                        for (;;)
                                (void) poll(NULL, 0, -1);
        }
        for (unsigned i = 0; i < n; i++) {
                (void) kill(child[i], SIGKILL);
                (void) waitpid(child[i], NULL, 0);
        }
        return n == CHILDREN_MAX ? -ENOTSUP : 0;
}

/* Standard output is a pipe that the supervisor reads. Those who write to it stay. */
static int storm_of_output(void) {
        static const char text[4096];

        for (unsigned i = 0; i < 4; i++) {
                pid_t pid = fork();

                if (pid < 0)
                        return -errno;
                while (pid == 0)
                        if (write(STDOUT_FILENO, text, sizeof(text)) < 0)
                                _exit(EXIT_FAILURE);
        }
        return 0;
}

const Probe probe_storms[] = {
        PROBE("storms", "storm-of-binds", storm_of_binds),
        PROBE("storms", "storm-of-deaths", storm_of_deaths),
        PROBE("storms", "storm-of-forks", storm_of_forks),
        PROBE("storms", "storm-of-output", storm_of_output),
        {},
};
