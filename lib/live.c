/* The processes of a jail as the kernel shows them from outside. A process is the jail's when it descends from the
 * master, when the jail's root is its own, or when it is in the pid namespace of the master: whoever went in by another
 * way is found, too.
 *
 * Who lost his parent in a pid namespace is the master's child as well (pid_namespaces(7)), and so no descendant by birth.
 * What is inherited tells: a filter is never lost, and a session that was begun outside has no number inside. */

#include <fcntl.h>

#include "process.h"
#include "verify-internal.h"

typedef struct Collect {
        Verify *v;
        ino_t pid_namespace;
        /* The servers that the supervisor knows, the master first. */
        LiveProcess servers[2];
        size_t n_servers;
        struct stat root;
        struct stat supervisor_exe;
} Collect;

static void parse_numbers(const char *s, unsigned *numbers, size_t n) {
        char *end;

        for (size_t i = 0; i < n; i++, s = end)
                numbers[i] = (unsigned) strtoul(s, &end, 10);
}

static bool on_status(const char *line, void *userdata) {
        static const char *const capabilities[] = { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" };
        LiveProcess *p = userdata;
        const char *value = strchr(line, ':');
        size_t n;

        if (!value)
                return true;
        n = (size_t) (value - line);
        value += 1 + strspn(value + 1, " \t");
#define IS(name) (n == strlen(name) && strncmp(line, name, n) == 0)
        if (IS("Name"))
                snprintf(p->name, sizeof(p->name), "%.15s", value);
        else if (IS("PPid"))
                p->parent = (pid_t) strtol(value, NULL, 10);
        else if (IS("TracerPid"))
                p->tracer = (pid_t) strtol(value, NULL, 10);
        else if (IS("Uid"))
                parse_numbers(value, p->uids, 4);
        else if (IS("Gid"))
                parse_numbers(value, p->gids, 4);
        else if (IS("Groups"))
                for (const char *s = value; *s; s++)
                        p->n_groups += *s != ' ' && (s == value || s[-1] == ' ');
        else if (IS("NoNewPrivs"))
                p->no_new_privs = (unsigned) strtoul(value, NULL, 10);
        else if (IS("Seccomp"))
                p->seccomp_mode = (unsigned) strtoul(value, NULL, 10);
        else if (IS("Seccomp_filters"))
                p->n_filters = (unsigned) strtoul(value, NULL, 10);
        else if (IS("NSsid"))
                /* One number for each namespace, the innermost last. */
                p->has_outer_session = strrchr(value, '\t') && streq(strrchr(value, '\t'), "\t0");
        else if (IS("Umask"))
                p->umask = (mode_t) strtoul(value, NULL, 8);
        for (size_t i = 0; i < ELEMENTSOF(capabilities); i++)
                if (IS(capabilities[i]))
                        p->capabilities[i] = strtoull(value, NULL, 16);
#undef IS
        return true;
}

/* Returns 0, or an errno where the process has gone. */
static int read_process(pid_t pid, LiveProcess *p) {
        char path[64];
        struct stat st;
        int r;

        *p = (LiveProcess){ .pid = pid };
        r = process_read_lines(pid, "status", on_status, p);
        if (r < 0)
                return r;
        snprintf(path, sizeof(path), "/proc/%d/exe", pid);
        /* A zombie has none. */
        if (stat(path, &st) < 0)
                return -errno;
        p->exe_device = st.st_dev;
        p->exe_inode = st.st_ino;
        snprintf(path, sizeof(path), "/proc/%d/root", pid);
        if (stat(path, &st) < 0)
                return -errno;
        p->root_device = st.st_dev;
        p->root_inode = st.st_ino;
        /* proc(5): what is not dumpable belongs to root. */
        snprintf(path, sizeof(path), "/proc/%d/fd", pid);
        if (stat(path, &st) < 0)
                return -errno;
        p->is_dumpable = st.st_uid != 0;
        p->pid_namespace = process_namespace(pid, "pid");
        return p->pid_namespace > 0 ? 0 : -ESRCH;
}

static bool descends_from(pid_t pid, pid_t ancestor) {
        for (unsigned depth = 0; pid > 1 && depth < 64; depth++) {
                if (pid == ancestor)
                        return true;
                pid = process_parent(pid);
        }
        return false;
}

static bool is_known(const Collect *c, const LiveProcess *p) {
        for (size_t i = 0; i < c->n_servers; i++)
                if (descends_from(p->pid, c->servers[i].pid))
                        return !p->has_outer_session && p->n_filters >= c->servers[i].n_filters;
        return c->v->supervisor_pid > 0 && descends_from(p->pid, c->v->supervisor_pid);
}

bool live_shares_namespace(const Verify *v, const LiveProcess *p, const char *type) {
        ino_t theirs = process_namespace(p->pid, type);

        return theirs > 0 &&
               (theirs == process_namespace(getpid(), type) ||
                (v->supervisor_pid > 0 && theirs == process_namespace(v->supervisor_pid, type)));
}

static int on_process(pid_t pid, void *userdata) {
        Collect *c = userdata;
        LiveProcess p, *bigger;
        bool has_root;

        if (pid == c->v->supervisor_pid || read_process(pid, &p) < 0)
                return 0;
        has_root = p.root_device == c->root.st_dev && p.root_inode == c->root.st_ino;
        p.is_descendant = is_known(c, &p);
        /* Beside servers the supervisor has helpers, which are elsewhere, and children that have not become one yet. */
        if (c->v->supervisor_pid > 0 && p.is_descendant && p.exe_device == c->supervisor_exe.st_dev &&
            p.exe_inode == c->supervisor_exe.st_ino)
                return 0;
        if (!has_root && p.pid_namespace != c->pid_namespace && !descends_from(pid, c->v->request->main_pid))
                return 0;
        bigger = reallocarray(c->v->processes, c->v->n_processes + 1, sizeof(LiveProcess));
        if (!bigger)
                return -ENOMEM;
        c->v->processes = bigger;
        c->v->processes[c->v->n_processes++] = p;
        return 0;
}

/* The parent of the master; where that was adopted, and whoever reaps orphans is its parent, that of the standby. */
static pid_t find_supervisor(const VerifyRequest *request) {
        const pid_t children[] = { request->main_pid, request->standby_pid };

        for (size_t i = 0; i < ELEMENTSOF(children); i++) {
                pid_t parent = children[i] > 0 ? process_parent(children[i]) : 0;
                char name[16];

                process_name(parent, name);
                if (parent > 0 && streq(name, "jaild"))
                        return parent;
        }
        return 0;
}

int live_collect(Verify *v) {
        const pid_t servers[] = { v->request->main_pid, v->request->standby_pid };
        Collect c = { .v = v };
        char path[64];

        v->supervisor_pid = find_supervisor(v->request);
        c.pid_namespace = process_namespace(v->request->main_pid, "pid");
        if (c.pid_namespace == 0)
                return -ESRCH;
        for (size_t i = 0; i < ELEMENTSOF(servers); i++)
                if (servers[i] > 0 && read_process(servers[i], &c.servers[c.n_servers]) >= 0)
                        c.n_servers++;
        if (stat(v->running_root_path, &c.root) < 0)
                return -errno;
        snprintf(path, sizeof(path), "/proc/%d/exe", v->supervisor_pid);
        if (v->supervisor_pid > 0 && stat(path, &c.supervisor_exe) < 0)
                return -errno;
        /* Where it is the host's own, only what shares the root is looked at: otherwise that would be everything. */
        if (c.pid_namespace == process_namespace(getpid(), "pid"))
                c.pid_namespace = 0;
        return process_for_each(on_process, &c);
}
