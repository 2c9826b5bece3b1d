#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "client.h"

#define PATIENCE_MSEC 20000

/* From the launch of a command to its first 200, in milliseconds; then it is ended by SIGTERM. */
int verb_start(int argc, char **argv) {
        Target t = target_parse(argv[0], argv[1]);
        double begin = clock_msec(), first = 0;
        pid_t pid;

        if (target_get(&t, 100) != -ECONNREFUSED) {
                fprintf(stderr, "bench-client: somebody answers on port %s already\n", argv[0]);
                return 2;
        }
        begin = clock_msec();
        pid = spawn(argv + 2);
        while (first == 0 && clock_msec() - begin < PATIENCE_MSEC) {
                if (target_get(&t, 1000) == 0)
                        first = clock_msec();
                else if (waitpid(pid, NULL, WNOHANG) == pid)
                        break;
                else
                        sleep_usec(200);
        }
        (void) kill(pid, SIGTERM);
        for (double end = clock_msec(); clock_msec() - end < 5000 && waitpid(pid, NULL, WNOHANG) == 0;)
                sleep_usec(1000);
        (void) kill(-pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
        /* What a launcher leaves behind may hold the port a little longer. */
        for (double end = clock_msec(); clock_msec() - end < 5000 && target_get(&t, 100) != -ECONNREFUSED;)
                sleep_usec(2000);
        if (first == 0) {
                fprintf(stderr, "bench-client: no answer within %d ms\n", PATIENCE_MSEC);
                return 1;
        }
        printf("%.3f\n", first - begin);
        return 0;
}
