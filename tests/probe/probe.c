#include "probe.h"

#include <sys/wait.h>

static const Probe *const tables[] = {
        probe_files,  probe_processes, probe_privileges, probe_namespaces,
        probe_kernel, probe_network,   probe_resources,  probe_leaks,
};

void probe_each(void (*fn)(const Probe *probe, void *userdata), void *userdata) {
        for (size_t i = 0; i < ELEMENTSOF(tables); i++)
                for (const Probe *p = tables[i]; p->name; p++)
                        fn(p, userdata);
}

const Probe *probe_find(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(tables); i++)
                for (const Probe *p = tables[i]; p->name; p++)
                        if (streq(p->name, name))
                                return p;
        for (const Probe *p = probe_storms; p->name; p++)
                if (streq(p->name, name))
                        return p;
        for (const Probe *p = probe_doors; p->name; p++)
                if (streq(p->name, name))
                        return p;
        return NULL;
}

static int run_call(const Probe *p) {
        if (syscall(p->number, p->args[0], p->args[1], p->args[2], p->args[3], p->args[4], p->args[5]) >= 0)
                return 0;
        switch (errno) {
        case EPERM:
        case EACCES:
        case ENOSYS:
        case EAFNOSUPPORT:
                return -errno;
        default:
                return 0;
        }
}

static int run(const Probe *p) {
        return p->run ? p->run() : run_call(p);
}

/* The child ends with the errno; a signal that ends it is the filter's. */
static int run_in_child(const Probe *p) {
        int status;
        pid_t pid = fork();

        if (pid < 0)
                return -errno;
        if (pid == 0)
                _exit(-run(p));
        if (waitpid(pid, &status, 0) != pid)
                return -errno;
        return WIFEXITED(status) ? -WEXITSTATUS(status) : -EPERM;
}

int probe_run(const Probe *p) {
        return p->in_child ? run_in_child(p) : run(p);
}
