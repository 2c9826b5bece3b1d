#include "death.h"

#include <signal.h>
#include <sys/wait.h>

/* The kernel counts whom it killed for want of memory by control group; ours is that of the jail. */
static uint64_t oom_kills_seen;

static uint64_t read_counter(const char *hierarchy, const char *group, const char *file) {
        _cleanup_fclose_ FILE *f = NULL;
        _cleanup_free_ char *path = NULL;
        unsigned long long n;
        char line[128];

        if (asprintf(&path, "/sys/fs/cgroup%s%s/%s", hierarchy, group, file) < 0) {
                path = NULL;
                return 0;
        }
        f = fopen(path, "re");
        while (f && fgets(line, sizeof(line), f))
                if (sscanf(line, "oom_kill %llu", &n) == 1)
                        return n;
        return 0;
}

/* All lines at once: what several open files take of the heap, or long paths of the stack, is kept for as long as we run. */
static char *own_groups(void) {
        _cleanup_fclose_ FILE *f = fopen("/proc/self/cgroup", "re");
        _cleanup_free_ char *text = NULL;
        size_t size = 0;

        return f && getdelim(&text, &size, '\0', f) > 0 ? TAKE_PTR(text) : NULL;
}

/* cgroups(7): version 2 is the line of hierarchy 0, version 1 that of the controller. */
static uint64_t oom_kills(void) {
        _cleanup_free_ char *text = own_groups();
        uint64_t n = 0;

        for (char *save, *line = text ? strtok_r(text, "\n", &save) : NULL; line;
             line = strtok_r(NULL, "\n", &save)) {
                char *group = strchr(line, ':'), *place = group ? strchr(group + 1, ':') : NULL;

                if (!place)
                        continue;
                *place++ = '\0';
                if (group[1] == '\0')
                        n += read_counter("", place, "memory.events");
                else if (strstr(group, "memory"))
                        n += read_counter("/memory", place, "memory.oom_control");
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
