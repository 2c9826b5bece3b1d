#include "death.h"

#include <limits.h>
#include <signal.h>
#include <sys/wait.h>

/* The kernel counts whom it killed for want of memory by control group; ours is that of the jail. */
static uint64_t oom_kills_seen;

static uint64_t read_counter(const char *path) {
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        unsigned long long n;
        char line[128];

        while (f && fgets(line, sizeof(line), f))
                if (sscanf(line, "oom_kill %llu", &n) == 1)
                        return n;
        return 0;
}

/* cgroups(7): version 2 is the line of hierarchy 0, version 1 that of the controller. */
static uint64_t oom_kills(void) {
        _cleanup_fclose_ FILE *f = fopen("/proc/self/cgroup", "re");
        char line[PATH_MAX], path[PATH_MAX + 64];
        uint64_t n = 0;

        while (f && fgets(line, sizeof(line), f)) {
                char *group = strchr(line, ':'), *place = group ? strchr(group + 1, ':') : NULL;

                if (!place)
                        continue;
                *place++ = '\0';
                place[strcspn(place, "\n")] = '\0';
                if (group[1] == '\0')
                        snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.events", place);
                else if (strstr(group, "memory"))
                        snprintf(path, sizeof(path), "/sys/fs/cgroup/memory%s/memory.oom_control", place);
                else
                        continue;
                n += read_counter(path);
        }
        return n;
}

void death_open(void) {
        oom_kills_seen = oom_kills();
}

static bool dumps_core(int sig) {
        static const int signals[] = { SIGQUIT, SIGILL,  SIGTRAP, SIGABRT, SIGBUS,
                                       SIGFPE,  SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS };

        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                if (signals[i] == sig)
                        return true;
        return false;
}

const char *death_describe(int status, char ret[static DEATH_WORDS_MAX]) {
        int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

        if (sig == SIGKILL) {
                uint64_t n = oom_kills();

                if (n > oom_kills_seen) {
                        /* One for each death: they may be several. */
                        oom_kills_seen++;
                        snprintf(ret, DEATH_WORDS_MAX, "killed by the kernel, which was out of memory");
                        return ret;
                }
        }
        if (sig == 0)
                snprintf(ret, DEATH_WORDS_MAX, "ended with status %d", WEXITSTATUS(status));
        else
                /* The room allows none (RLIMIT_CORE), and the program is not dumpable. */
                snprintf(ret, DEATH_WORDS_MAX, "killed by SIG%s%s", sigabbrev_np(sig) ?: "?",
                         dumps_core(sig) ? ", core not kept" : "");
        return ret;
}
