/* What the processes of the jail have in hand: programs, libraries, mounts and open files. */

#include <dirent.h>
#include <fcntl.h>

#include "process.h"
#include "sockets.h"
#include "verify-internal.h"

#define PROC_PATH_SIZE 96

static bool is_in_tree(const Verify *v, dev_t device, ino_t inode) {
        for (size_t i = 0; i < v->running_view->n_nodes; i++)
                if (v->running_view->nodes[i].inode == inode && v->running_view->nodes[i].device == device)
                        return true;
        return false;
}

static int check_exe(Verify *v, const Rule *rule, const LiveProcess *p) {
        for (size_t i = 0; i < v->running_view->n_nodes; i++) {
                const TreeNode *n = &v->running_view->nodes[i];

                if (n->inode != p->exe_inode || n->device != p->exe_device)
                        continue;
                return verify_may_execute(v, n->path)
                                       ? 0
                                       : verify_find_process(v, rule, p,
                                                             "executes %s, which the jail may not", n->path);
        }
        return verify_find_process(v, rule, p, "executes a program that is not the jail's, or no longer");
}

static int check_root(Verify *v, const Rule *rule, const LiveProcess *p) {
        const TreeNode *top = &v->running_view->nodes[0];

        if (p->root_device == top->device && p->root_inode == top->inode)
                return 0;
        return verify_find_process(v, rule, p, "has another root than the jail's");
}

typedef struct Maps {
        const Verify *v;
        const LiveProcess *p;
        char foreign[PATH_MAX];
} Maps;

/* START-END PERMISSIONS OFFSET DEVICE INODE PATH; what is executable and of a file must be of the tree. */
static bool on_map(const char *line, void *userdata) {
        Maps *m = userdata;
        char range[64], permissions[8], path[PROC_PATH_SIZE];
        unsigned long long inode;
        struct stat st;
        int n = 0;

        if (sscanf(line, "%63s %7s %*s %*s %llu %n", range, permissions, &inode, &n) < 3 || inode == 0 ||
            permissions[2] != 'x')
                return true;
        snprintf(path, sizeof(path), "/proc/%d/map_files/%s", m->p->pid, range);
        if (stat(path, &st) < 0 || is_in_tree(m->v, st.st_dev, st.st_ino) ||
            (st.st_dev == m->p->exe_device && st.st_ino == m->p->exe_inode))
                return true;
        snprintf(m->foreign, sizeof(m->foreign), "%s", line + n);
        return false;
}

static int check_code(Verify *v, const Rule *rule, const LiveProcess *p) {
        Maps m = { .v = v, .p = p };

        (void) process_read_lines(p->pid, "maps", on_map, &m);
        return m.foreign[0] ? verify_find_process(
                                              v, rule, p,
                                              "executes code of %s, which is not in the tree, or no longer",
                                              m.foreign)
                            : 0;
}

/* One line of mountinfo. */
typedef struct Mount {
        unsigned id;
        char *target;
        char *options;
} Mount;

typedef struct Mounts {
        Mount *mounts;
        size_t n;
        bool out_of_memory;
} Mounts;

static void mounts_done(Mounts *m) {
        for (size_t i = 0; i < m->n; i++) {
                free(m->mounts[i].target);
                free(m->mounts[i].options);
        }
        free(m->mounts);
}

static bool on_mount(const char *line, void *userdata) {
        char target[PATH_MAX], options[256];
        Mounts *m = userdata;
        Mount *bigger;
        unsigned id;

        if (sscanf(line, "%u %*s %*s %*s %4095s %255s", &id, target, options) != 3)
                return true;
        process_unescape(target);
        bigger = reallocarray(m->mounts, m->n + 1, sizeof(Mount));
        if (bigger)
                m->mounts = bigger;
        if (bigger) {
                bigger[m->n] = (Mount){ .id = id, .target = strdup(target), .options = strdup(options) };
                m->n++;
        }
        m->out_of_memory = !bigger || !bigger[m->n - 1].target || !bigger[m->n - 1].options;
        return !m->out_of_memory;
}

/* Empty where the process has gone. Returns 0 or -ENOMEM. */
static int mounts_read(pid_t pid, Mounts *ret) {
        *ret = (Mounts){};
        (void) process_read_lines(pid, "mountinfo", on_mount, ret);
        return ret->out_of_memory ? -ENOMEM : 0;
}

static bool has_option(const char *options, const char *option) {
        size_t n = strlen(option);

        for (const char *p = options; (p = strstr(p, option)); p += n)
                if ((p == options || p[-1] == ',') && (p[n] == ',' || p[n] == '\0'))
                        return true;
        return false;
}

/* Not those of a process in the host's mount namespace: live-mount-namespace says that. */
static int jail_mounts(const Verify *v, const LiveProcess *p, Mounts *ret) {
        *ret = (Mounts){};
        return live_shares_namespace(v, p, "mnt") ? 0 : mounts_read(p->pid, ret);
}

/* Whether an earlier one has the same target: it is hidden then. */
static bool hides_another(const Mounts *m, size_t index) {
        for (size_t i = 0; i < index; i++)
                if (streq(m->mounts[i].target, m->mounts[index].target))
                        return true;
        return false;
}

static int check_mounts(Verify *v, const Rule *rule, const LiveProcess *p) {
        _cleanup_(mounts_done) Mounts m;
        int r = jail_mounts(v, p, &m);

        for (size_t i = 0; r >= 0 && i < m.n; i++) {
                const char *target = m.mounts[i].target;

                if (hides_another(&m, i)) {
                        r = verify_find_process(v, rule, p, "something is mounted over %s", target);
                        continue;
                }
                if (streq(target, "/") || streq(target, LAUNCH_SECRETS_DIR) ||
                    verify_mount_at(v->running_launch, target))
                        continue;
                r = verify_find_process(v, rule, p, "something is mounted on %s", target);
        }
        return r;
}

static int check_root_read_only(Verify *v, const Rule *rule, const LiveProcess *p) {
        _cleanup_(mounts_done) Mounts m;
        int r = jail_mounts(v, p, &m);

        for (size_t i = 0; r >= 0 && i < m.n; i++)
                if (streq(m.mounts[i].target, "/") &&
                    (!has_option(m.mounts[i].options, "ro") || !has_option(m.mounts[i].options, "nosuid")))
                        return verify_find_process(v, rule, p, "the root is mounted %s",
                                                   m.mounts[i].options);
        return r;
}

/* Whether Exec= names something in it, or a folder that it is in: then its programs are to be run. */
static bool has_programs(const Verify *v, const LaunchMount *m) {
        size_t n = strlen(m->target);

        for (char **e = v->request->config->execs; m->type == MOUNT_BIND_RO && e && *e; e++) {
                size_t k = strlen(*e);

                if ((strncmp(*e, m->target, n) == 0 && ((*e)[n] == '/' || (*e)[n] == '\0')) ||
                    ((*e)[k - 1] == '/' && strncmp(m->target, *e, k) == 0))
                        return true;
        }
        return false;
}

static int check_mount_options(Verify *v, const Rule *rule, const LiveProcess *p) {
        static const char *const wanted[] = { "nosuid", "nodev", "noexec" };
        _cleanup_(mounts_done) Mounts m;
        int r = jail_mounts(v, p, &m);

        for (size_t i = 0; r >= 0 && i < m.n; i++) {
                const LaunchMount *l = verify_mount_at(v->running_launch, m.mounts[i].target);

                if (!l)
                        continue;
                for (size_t k = 0; r >= 0 && k < ELEMENTSOF(wanted); k++)
                        if (!has_option(m.mounts[i].options, wanted[k]) &&
                            !(streq(wanted[k], "noexec") && has_programs(v, l)))
                                r = verify_find_process(v, rule, p, "%s is mounted without %s",
                                                        m.mounts[i].target, wanted[k]);
                if (r >= 0 && l->type == MOUNT_BIND_RO && !has_option(m.mounts[i].options, "ro"))
                        r = verify_find_process(v, rule, p, "%s is mounted writable", m.mounts[i].target);
        }
        return r;
}

/* Calls fn for each descriptor with its stat and where it leads, until it returns other than 0. */
static int for_each_descriptor(const LiveProcess *p,
                               int (*fn)(const struct stat *st, const char *leads_to, int number,
                                         void *userdata),
                               void *userdata) {
        char path[PROC_PATH_SIZE], leads_to[PATH_MAX];
        _cleanup_close_ int fd = -EBADF;
        DIR *d;
        int r = 0;

        snprintf(path, sizeof(path), "/proc/%d/fd", p->pid);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        d = fd < 0 ? NULL : fdopendir(fd);
        if (!d)
                return 0;
        for (struct dirent *e; r == 0 && (e = readdir(d));) {
                ssize_t n = readlinkat(fd, e->d_name, leads_to, sizeof(leads_to) - 1);
                struct stat st;

                if (n < 0 || fstatat(fd, e->d_name, &st, 0) < 0)
                        continue;
                leads_to[n] = '\0';
                r = fn(&st, leads_to, atoi(e->d_name), userdata);
        }
        closedir(d);
        TAKE_FD(fd);
        return r < 0 ? r : 0;
}

typedef struct DescriptorSearch {
        Verify *v;
        const Rule *rule;
        const LiveProcess *p;
        const Mounts *mounts;
} DescriptorSearch;

static int on_folder(const struct stat *st, const char *leads_to, int number, void *userdata) {
        DescriptorSearch *s = userdata;

        if (!S_ISDIR(st->st_mode))
                return 0;
        return verify_find_process(s->v, s->rule, s->p, "holds the folder %s open, as descriptor %d",
                                   leads_to, number);
}

static int check_open_folder(Verify *v, const Rule *rule, const LiveProcess *p) {
        DescriptorSearch s = { .v = v, .rule = rule, .p = p };

        return for_each_descriptor(p, on_folder, &s);
}

static bool on_mnt_id(const char *line, void *userdata) {
        return sscanf(line, "mnt_id: %u", (unsigned *) userdata) != 1;
}

/* A file of no mount of the jail is one that the host handed in; anonymous memory and pipes are of no mount at all. */
static int on_file(const struct stat *st, const char *leads_to, int number, void *userdata) {
        DescriptorSearch *s = userdata;
        char file[32];
        unsigned id = 0;

        if ((!S_ISREG(st->st_mode) && !S_ISCHR(st->st_mode) && !S_ISBLK(st->st_mode)) ||
            leads_to[0] != '/' || strncmp(leads_to, "/memfd:", strlen("/memfd:")) == 0)
                return 0;
        snprintf(file, sizeof(file), "fdinfo/%d", number);
        if (process_read_lines(s->p->pid, file, on_mnt_id, &id) < 0 || id == 0)
                return 0;
        for (size_t i = 0; i < s->mounts->n; i++)
                if (s->mounts->mounts[i].id == id)
                        return 0;
        return verify_find_process(s->v, s->rule, s->p, "holds %s of the host open, as descriptor %d",
                                   leads_to, number);
}

static int check_open_file(Verify *v, const Rule *rule, const LiveProcess *p) {
        _cleanup_(mounts_done) Mounts m;
        DescriptorSearch s = { .v = v, .rule = rule, .p = p, .mounts = &m };
        int r = jail_mounts(v, p, &m);

        return r < 0 || m.n == 0 ? r : for_each_descriptor(p, on_file, &s);
}

typedef struct SocketSearch {
        Verify *v;
        const Rule *rule;
        const LiveProcess *p;
        ino_t network_namespace;
        /* By the index of the configured addresses. */
        bool *is_listened;
} SocketSearch;

/* A socket of the host's network is the jail's by grant only: one that listens where configured, what was accepted there,
 * and what was connected as Connect= says. */
static bool is_granted(const Verify *v, const SocketLook *look) {
        const Launch *l = v->running_launch;
        const JailConfig *c = v->request->config;

        if (look->local.sa.sa_family == AF_UNSPEC)
                return false;
        for (size_t i = 0; i < l->n_listens; i++)
                if (address_port(&l->listens[i].outside) == address_port(&look->local))
                        return true;
        for (size_t i = 0; i < c->n_connects; i++)
                if (look->remote.sa.sa_family != AF_UNSPEC &&
                    address_port(&c->connects[i]) == address_port(&look->remote))
                        return true;
        return false;
}

static int on_socket(const struct stat *st, const char *leads_to, int number, void *userdata) {
        SocketSearch *s = userdata;
        SocketLook look;

        if (!S_ISSOCK(st->st_mode) || socket_look(s->p->pid, number, &look) < 0 ||
            look.network_namespace == s->network_namespace || is_granted(s->v, &look))
                return 0;
        return verify_find_process(s->v, s->rule, s->p, "holds a socket of the host, as descriptor %d",
                                   number);
}

static int check_sockets(Verify *v, const Rule *rule, const LiveProcess *p) {
        SocketSearch s = {
                .v = v, .rule = rule, .p = p, .network_namespace = process_namespace(p->pid, "net")
        };

        if (v->request->config->mode == CONFIG_MODE_HOST)
                return 0;
        return for_each_descriptor(p, on_socket, &s);
}

static int on_listening_socket(const struct stat *st, const char *leads_to, int number, void *userdata) {
        SocketSearch *s = userdata;
        const Launch *l = s->v->running_launch;
        char text[ADDRESS_STRING_MAX];
        SocketLook look;

        if (!S_ISSOCK(st->st_mode) || socket_look(s->p->pid, number, &look) < 0 || !look.is_listening ||
            look.local.sa.sa_family == AF_UNSPEC)
                return 0;
        for (size_t i = 0; i < l->n_listens; i++)
                if (address_equal(&look.local, &l->listens[i].outside)) {
                        s->is_listened[i] = true;
                        return 0;
                }
        /* Workers have their master's. */
        if (s->v->n_findings > 0 && s->v->findings[s->v->n_findings - 1].rule == s->rule)
                return 0;
        return verify_find(s->v, s->rule, NULL, address_to_string(&look.local, text),
                           "is listened on, and not configured");
}

/* Of all processes: while one master takes over from another, one has them still and the other has them not yet. */
static int check_listens(Verify *v, const Rule *rule) {
        const Launch *l = v->running_launch;
        _cleanup_free_ bool *is_listened = calloc(l->n_listens + 1, sizeof(bool));
        SocketSearch s = { .v = v, .rule = rule, .is_listened = is_listened };
        char text[ADDRESS_STRING_MAX];
        int r = 0;

        if (!is_listened)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && i < v->n_processes; i++) {
                s.p = &v->processes[i];
                r = for_each_descriptor(s.p, on_listening_socket, &s);
        }
        for (size_t i = 0; r >= 0 && i < l->n_listens; i++)
                if (!is_listened[i])
                        r = verify_find(v, rule, NULL, address_to_string(&l->listens[i].outside, text),
                                        "is not listened on");
        return r;
}

typedef struct Interfaces {
        unsigned n;
        char foreign[32];
} Interfaces;

static bool on_interface(const char *line, void *userdata) {
        Interfaces *i = userdata;
        const char *name = line + strspn(line, " "), *colon = strchr(name, ':');

        if (!colon || strncmp(name, "lo:", 3) == 0)
                return true;
        snprintf(i->foreign, sizeof(i->foreign), "%.*s", (int) (colon - name), name);
        return false;
}

static int check_interfaces(Verify *v, const Rule *rule, const LiveProcess *p) {
        Interfaces i = {};

        /* Whoever is in the host's network has all of its interfaces, and that is said already. */
        if (live_shares_namespace(v, p, "net"))
                return 0;
        (void) process_read_lines(p->pid, "net/dev", on_interface, &i);
        return i.foreign[0] ? verify_find_process(v, rule, p, "has the network interface %s", i.foreign) : 0;
}

#define LOOK_SAYS "Find out who did it; jailctl restart makes a new room."

const Rule rules_live_files[] = {
        { .id = "live-program",
          .part = RULE_LIVE,
          .severity = RULE_ERROR,
          .title = "Each process executes the server of the jail's tree, or what Exec= allows",
          .why = "Compared by device and inode: a file that was replaced is another one, whatever its name.",
          .action = "jailctl restart, and tree-content or tree-extra say whether the tree is as built.",
          .check_process = check_exe },
        { .id = "live-root",
          .part = RULE_LIVE,
          .severity = RULE_ERROR,
          .title = "Each process has the jail's tree as its root",
          .why = "Another root is no jail.",
          .action = LOOK_SAYS,
          .check_process = check_root },
        { .id = "live-code",
          .part = RULE_LIVE,
          .severity = RULE_ERROR,
          .title = "All code that runs is of files of the tree",
          .why = "A library that was replaced while it runs, or one from elsewhere, is what an intruder leaves.",
          .action = "jailctl restart takes what lies in the tree, which the tree's rules prove.",
          .check_process = check_code },
        { .id = "live-mounts",
          .part = RULE_LIVE,
          .severity = RULE_ERROR,
          .title = "Nothing is mounted in the jail but what is configured",
          .why = "A mount shows something else in the place of what was built.",
          .action = LOOK_SAYS,
          .check_process = check_mounts },
        { .id = "live-root-writable",
          .part = RULE_LIVE,
          .severity = RULE_ERROR,
          .title = "The root is read-only and nosuid",
          .why = "Nothing in it is to be changed while it runs.",
          .action = LOOK_SAYS,
          .check_process = check_root_read_only },
        { .id = "live-mount-options",
          .part = RULE_LIVE,
          .severity = RULE_ERROR,
          .title = "What is mounted into the jail is nosuid, nodev, noexec, and read-only where configured",
          .why = "What can be written must not be executable.",
          .action = LOOK_SAYS,
          .check_process = check_mount_options },
        { .id = "live-open-folder",
          .part = RULE_LIVE,
          .severity = RULE_ERROR,
          .title = "No process holds a folder open",
          .why = "A folder of the host that is open is a way out of the root, by fchdir(2) and openat(2).",
          .action = "jailctl restart. Some applications hold their own folders open: then it is harmless.",
          .check_process = check_open_folder },
        { .id = "live-open-file",
          .part = RULE_LIVE,
          .severity = RULE_ERROR,
          .title = "No process holds a file of the host open",
          .why = "What is open needs no path: the room does not guard it.",
          .action = LOOK_SAYS,
          .check_process = check_open_file },
        { .id = "live-foreign-socket",
          .part = RULE_LIVE,
          .severity = RULE_ERROR,
          .title = "No process holds a socket of the host that was not granted",
          .why = "A socket keeps the network in which it was made.",
          .action = LOOK_SAYS,
          .check_process = check_sockets },
        { .id = "live-listen",
          .part = RULE_LIVE,
          .severity = RULE_ERROR,
          .title = "The jail listens where configured, and nowhere else",
          .why = "A port that nobody knows of is a back door; one that is missing is a site that is down.",
          .action = "Compare Listen= (jailctl cat) with what runs; jailctl restart.",
          .benchmark = "CIS 5.15",
          .check = check_listens },
        { .id = "live-interface",
          .part = RULE_LIVE,
          .severity = RULE_ERROR,
          .title = "The jail's network has nothing but loopback",
          .why = "Without an interface there is nowhere to connect to.",
          .action = LOOK_SAYS,
          .check_process = check_interfaces },
        {},
};
