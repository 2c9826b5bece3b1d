#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "workers.h"

/* More than are watched. */
#define CHILDREN 1100

static void on_sick(const Workers *workers, WorkersFault fault, void *userdata) {
}

/* The first byte comes when all of them are there. They end with it. */
static pid_t start_master(void) {
        int ready[2];
        pid_t pid;
        char c;

        cr_assert_eq(pipe2(ready, O_CLOEXEC), 0);
        pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0) {
                if (setpgid(0, 0) < 0)
                        _exit(EXIT_FAILURE);
                for (unsigned i = 0; i < CHILDREN; i++) {
                        pid_t child = fork();

                        if (child < 0)
                                _exit(EXIT_FAILURE);
                        if (child == 0)
                                for (;;)
                                        (void) pause();
                }
                (void) !write(ready[1], "", 1);
                for (;;)
                        (void) pause();
        }
        close_fd(ready[1]);
        cr_assert_eq(read(ready[0], &c, 1), 1, "cannot fork %u times", CHILDREN);
        close_fd(ready[0]);
        return pid;
}

Test(workers, more_than_are_watched) {
        pid_t master = start_master();
        sd_event *event;
        Workers *w;

        cr_assert_geq(sd_event_new(&event), 0);
        cr_assert_geq(workers_new(event, master, on_sick, NULL, &w), 0);
        workers_adopt(w);
        /* What it had no room for cost nobody else's descriptor. */
        for (int fd = 0; fd < 3; fd++)
                cr_expect_geq(fcntl(fd, F_GETFD), 0, "descriptor %d is closed", fd);
        workers_free(w);
        sd_event_unref(event);
        cr_assert_eq(kill(-master, SIGKILL), 0);
        cr_assert_eq(waitpid(master, NULL, 0), master);
}
