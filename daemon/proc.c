#include "proc.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include "rootpath.h"

/* No server has more on purpose; the bound keeps the look short. */
#define MEASURE_MAX 4096
/* The kernel walks all mappings of a process to tell its memory, and how many there are is the jail's choice. */
#define MEASURE_MEMORY_USEC (200 * USEC_PER_MSEC)

#define SKIP_5 " %*s %*s %*s %*s %*s"

static FILE *proc_open(pid_t pid, const char *file) {
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
        return fopen(path, "re");
}

int proc_for_each_child(pid_t pid, void (*fn)(pid_t child, void *userdata), void *userdata) {
        char file[32];
        _cleanup_fclose_ FILE *f = NULL;
        pid_t child;

        snprintf(file, sizeof(file), "task/%d/children", pid);
        f = proc_open(pid, file);
        if (!f)
                return -errno;
        while (fscanf(f, "%d", &child) == 1)
                fn(child, userdata);
        return 0;
}

bool proc_is_namespace_init(pid_t pid) {
        _cleanup_fclose_ FILE *f = proc_open(pid, "status");
        char line[256];

        while (f && fgets(line, sizeof(line), f)) {
                const char *last;

                if (strncmp(line, "NSpid:", strlen("NSpid:")) != 0)
                        continue;
                /* One number per namespace, the innermost last; a single one is our own namespace's. */
                last = strrchr(line, '\t');
                return strchr(line, '\t') != last && atoi(last + 1) == 1;
        }
        return false;
}

int proc_has_path(pid_t pid, const char *path) {
        _cleanup_close_ int root_fd = -EBADF, fd = -EBADF;
        char root[64];

        snprintf(root, sizeof(root), "/proc/%d/root", pid);
        root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root_fd < 0)
                return -errno;
        fd = rootpath_open(root_fd, path, O_PATH);
        return fd >= 0 ? 1 : fd == -ENOENT ? 0 : fd;
}

/* Returns the wait status that is or will be that of the process, which says little as long as it lives; or an errno. */
static int read_status(pid_t pid, char *ret_state, unsigned long long *ret_memory_bytes) {
        _cleanup_fclose_ FILE *f = proc_open(pid, "stat");
        char line[1024], *p;

        if (!f)
                return -errno;
        if (!fgets(line, sizeof(line), f))
                return -ESRCH;
        /* proc(5): the second field is the only free text and ends with the last parenthesis; the memory is the 23rd, the
         * status the 52nd and last. */
        p = strrchr(line, ')');
        if (!p || sscanf(p + 1, " %c" SKIP_5 SKIP_5 SKIP_5 " %*s %*s %*s %*s %llu", ret_state,
                         ret_memory_bytes) != 2)
                return -ESRCH;
        return atoi(strrchr(p, ' ') + 1);
}

int proc_zombie_status(pid_t pid) {
        unsigned long long memory_bytes;
        char state;
        int status = read_status(pid, &state, &memory_bytes);

        return status >= 0 && state != 'Z' ? -ESRCH : status;
}

int proc_ending_status(pid_t pid) {
        unsigned long long memory_bytes;
        char state;
        int status = read_status(pid, &state, &memory_bytes);

        return status >= 0 && memory_bytes > 0 ? -ESRCH : status;
}

/* pidfd_info of the kernel, as it was at first: Debian 12's headers do not know it. */
struct pidfd_info_first {
        uint64_t mask;
        uint64_t cgroup_id;
        uint32_t ids[11];
        int32_t exit_code;
};
#define PIDFD_GET_INFO_FIRST _IOWR(0xFF, 11, struct pidfd_info_first)
#define PIDFD_INFO_EXIT_MASK (UINT64_C(1) << 3)

int proc_exit_status(pid_t pid, int pidfd) {
        struct pidfd_info_first info = { .mask = PIDFD_INFO_EXIT_MASK };
        int status = proc_zombie_status(pid);

        if (status >= 0)
                return status;
        if (ioctl(pidfd, PIDFD_GET_INFO_FIRST, &info) < 0)
                return -errno;
        return info.mask & PIDFD_INFO_EXIT_MASK ? info.exit_code : -ENODATA;
}

static uint64_t proc_pss_bytes(pid_t pid) {
        _cleanup_fclose_ FILE *f = proc_open(pid, "smaps_rollup");
        unsigned long long kib;
        char line[256];

        while (f && fgets(line, sizeof(line), f))
                if (sscanf(line, "Pss: %llu kB", &kib) == 1)
                        return kib * 1024;
        return 0;
}

typedef struct Family {
        pid_t *pids;
        size_t n;
} Family;

static void family_done(Family *family) {
        free(family->pids);
}

/* What there is no memory for is left out. */
static void family_add(pid_t pid, void *userdata) {
        Family *family = userdata;
        pid_t *more = family->n < MEASURE_MAX ? reallocarray(family->pids, family->n + 1, sizeof(pid_t))
                                              : NULL;

        if (!more)
                return;
        family->pids = more;
        family->pids[family->n++] = pid;
}

/* root and its descendants; 0 for those that are gone. A process of the jail has children only below it: whoever loses
 * its parent becomes a child of the jail's pid 1. */
static Family family_of(pid_t root) {
        Family family = {};

        family_add(root, &family);
        for (size_t i = 0; i < family.n; i++)
                if (proc_for_each_child(family.pids[i], family_add, &family) < 0)
                        family.pids[i] = 0;
        return family;
}

/* proc(5): after the name, which is the only free text and ends with the last parenthesis, come the state and 11 numbers,
 * then the CPU time of the process and that of its children that have ended, 2 numbers, and the threads. */
static void proc_add_stat(pid_t pid, ProcUsage *usage) {
        _cleanup_fclose_ FILE *f = proc_open(pid, "stat");
        unsigned long long user, system, children_user, children_system;
        uint64_t ticks_per_second = (uint64_t) sysconf(_SC_CLK_TCK);
        char line[1024], *p;
        unsigned tasks;

        p = f && fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
        if (!p ||
            sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu %*d %*d %u",
                   &user, &system, &children_user, &children_system, &tasks) != 5)
                return;
        usage->n_tasks += tasks;
        usage->cpu_usec +=
                        (user + system + children_user + children_system) * USEC_PER_SEC / ticks_per_second;
}

void proc_measure(pid_t root, ProcUsage *ret) {
        _cleanup_(family_done) Family family = family_of(root);
        uint64_t end = monotonic_usec() + MEASURE_MEMORY_USEC;

        *ret = (ProcUsage){};
        for (size_t i = 0; i < family.n; i++) {
                if (family.pids[i] == 0)
                        continue;
                if (monotonic_usec() < end)
                        ret->memory_bytes += proc_pss_bytes(family.pids[i]);
                proc_add_stat(family.pids[i], ret);
                ret->n_processes++;
        }
}

uint64_t proc_io_calls(pid_t root) {
        _cleanup_(family_done) Family family = family_of(root);
        uint64_t sum = 0;

        for (size_t i = 0; i < family.n; i++) {
                _cleanup_fclose_ FILE *f = family.pids[i] > 0 ? proc_open(family.pids[i], "io") : NULL;
                unsigned long long n;
                char line[64];

                while (f && fgets(line, sizeof(line), f))
                        if (sscanf(line, "syscr: %llu", &n) == 1 || sscanf(line, "syscw: %llu", &n) == 1)
                                sum += n;
        }
        return sum;
}

bool proc_is_connected(uint16_t port) {
        static const char *const files[] = { "/proc/self/net/tcp", "/proc/self/net/tcp6" };

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_fclose_ FILE *f = fopen(files[i], "re");
                unsigned local, state;
                char line[512];

                /* sl, local address, remote address, state; all in hexadecimal. */
                while (f && fgets(line, sizeof(line), f))
                        if (sscanf(line, " %*u: %*[^:]:%x %*[^:]:%*x %x", &local, &state) == 2 &&
                            local == port && state == TCP_ESTABLISHED)
                                return true;
        }
        return false;
}
