#include "room.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "landlock.h"
#include "log.h"
#include "network.h"
#include "policy.h"
#include "privileges.h"
#include "reterr.h"
#include "rootpath.h"
#include "secrets.h"

/* The report descriptor's number in the child, next to the standard ones. */
#define REPORT_FD 3

/* What a step worked on, for the report. */
static RoomReport report;

static int failed_at(const char *detail) {
        int r = -errno;

        snprintf(report.detail, sizeof(report.detail), "%s", detail);
        return r;
}

static int step_signals(const Room *room) {
        sigset_t none;

        /* sd-event blocks what it handles; httpd must not inherit that, nor an ignored SIGPIPE. */
        for (int sig = 1; sig < NSIG; sig++)
                if (sig != SIGKILL && sig != SIGSTOP)
                        (void) signal(sig, SIG_DFL);
        sigemptyset(&none);
        return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

static int step_session(const Room *room) {
        return setsid() < 0 ? -errno : 0;
}

static int step_oom(const Room *room) {
        _cleanup_close_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, "500", 3) < 0)
                return failed_at("/proc/self/oom_score_adj");
        return 0;
}

static int step_mounts(const Room *room) {
        return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -errno : 0;
}

/* The target may be in a mount that came before, and that is a user's. */
static int attach(const Room *room, int mount_fd, const char *target) {
        _cleanup_close_ int fd = rootpath_open_owned(room->root_fd, target, O_PATH);

        if (fd < 0) {
                errno = -fd;
                return failed_at(target);
        }
        if (move_mount(mount_fd, "", fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
                return failed_at(target);
        return 0;
}

static int step_root(const Room *room) {
        int r = 0;

        if (move_mount(room->root_fd, "", AT_FDCWD, room->root_path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
                return failed_at(room->root_path);
        for (size_t i = 0; r >= 0 && i < room->launch->n_mounts; i++)
                if (room->mount_fds[i] >= 0)
                        r = attach(room, room->mount_fds[i], room->launch->mounts[i].target);
        if (r >= 0 && room->secrets_fd >= 0)
                r = attach(room, room->secrets_fd, LAUNCH_SECRETS_DIR);
        if (r < 0)
                return r;
        /* pivot_root(2): the old root is stacked under the new one, and detached from there. */
        if (fchdir(room->root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
            umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
                return failed_at(room->root_path);
        return 0;
}

static int step_hostname(const Room *room) {
        if (sethostname(room->config->name, strlen(room->config->name)) < 0 || setdomainname("", 0) < 0)
                return -errno;
        return 0;
}

static int step_network(const Room *room) {
        if (room->config->mode == CONFIG_MODE_HOST)
                return 0;
        return setns(room->network_fd, CLONE_NEWNET) < 0 ? -errno : 0;
}

static int set_limit(__rlimit_resource_t resource, uint64_t value) {
        struct rlimit limit = { .rlim_cur = value, .rlim_max = value };

        return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

static int step_limits(const Room *room) {
        int r;

        if ((r = set_limit(RLIMIT_CORE, 0)) < 0 ||
            (r = set_limit(RLIMIT_NOFILE, room->config->limit_nofile)) < 0 ||
            (r = set_limit(RLIMIT_NPROC, room->config->limit_nproc)) < 0)
                return r;
        return 0;
}

static int step_descriptors(const Room *room) {
        int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null_fd < 0)
                return failed_at("/dev/null");
        /* The sources are above 3: the supervisor's own standard descriptors are always open. */
        if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(room->output_fd, STDOUT_FILENO) < 0 ||
            dup2(room->output_fd, STDERR_FILENO) < 0 || dup3(room->report_fd, REPORT_FD, O_CLOEXEC) < 0)
                return -errno;
        return close_range(REPORT_FD + 1, ~0U, 0) < 0 ? -errno : 0;
}

static int step_landlock(const Room *room) {
        const char *what;
        int r = landlock_enter(room->launch, room->config->execs, room->config->mode == CONFIG_MODE_HOST,
                               &what);

        if (r < 0)
                snprintf(report.detail, sizeof(report.detail), "%s", what);
        return r;
}

static int step_identity(const Room *room) {
        return privileges_become(room->launch->uid, room->launch->gid);
}

static int step_parent_death(const Room *room) {
        if (room->outlives_supervisor)
                return 0;
        /* A jail that nobody supervises is one that nobody restarts, reloads or stops. */
        return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? -errno : 0;
}

static int step_no_new_privs(const Room *room) {
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int step_umask(const Room *room) {
        (void) umask(room->config->umask);
        return 0;
}

static int step_seccomp(const Room *room) {
        int fd = (int) syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                               room->filter);

        if (fd < 0)
                return -errno;
        report.notify_fd = fd;
        return 0;
}

static int step_exec(const Room *room) {
        /* The room is complete: tell the supervisor where the notifications come from, for it is what lets
         * the execve() pass. */
        if (write(REPORT_FD, &report, sizeof(report)) != sizeof(report))
                return -EIO;
        (void) execve(room->argv[0], room->argv, room->launch->environment);
        return failed_at(room->argv[0]);
}

typedef struct RoomStep {
        const char *name;
        int (*run)(const Room *room);
        /* It makes the place; the others give up what the process has. */
        bool is_place;
} RoomStep;

static const RoomStep steps[] = {
        { "signals", step_signals },     /* first: nothing below waits for a signal */
        { "session", step_session },     /* prefork signals its whole process group, which must end here */
        { "oom-score", step_oom },       /* needs /proc, which the new root has not */
        { "mounts", step_mounts, true }, /* private before anything is mounted */
        { "root", step_root, true },     /* pivot_root needs CAP_SYS_ADMIN, so before identity */
        { "host-name", step_hostname, true },  /* needs CAP_SYS_ADMIN */
        { "network", step_network, true },     /* needs CAP_SYS_ADMIN */
        { "descriptors", step_descriptors },   /* the jail's own /dev/null; below it nothing is opened */
        { "limits", step_limits },             /* may raise hard limits, so before identity */
        { "landlock", step_landlock },         /* opens paths, and needs CAP_SYS_ADMIN or no-new-privs */
        { "identity", step_identity },         /* from here on nothing privileged is possible */
        { "parent-death", step_parent_death }, /* a change of identity clears it */
        { "no-new-privs", step_no_new_privs }, /* an unprivileged filter is refused without it */
        { "umask", step_umask },               /* httpd's own, nothing above creates a file */
        { "seccomp", step_seccomp },           /* last: it forbids everything above */
        { "exec", step_exec },
};

const char *room_step_name(int step) {
        return step >= 0 && (size_t) step < ELEMENTSOF(steps) ? steps[step].name : "unknown";
}

uint64_t room_namespaces(void) {
        static uint64_t flags;

        if (flags == 0) {
                flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
                if (access("/proc/self/ns/time", F_OK) == 0)
                        flags |= CLONE_NEWTIME;
        }
        return flags;
}

int room_explain(int error, char **reterr) {
        static const char *const types[] = { "mnt", "pid", "net", "ipc", "uts", "cgroup" };

        for (size_t i = 0; error == -EINVAL && i < ELEMENTSOF(types); i++) {
                char path[32];

                snprintf(path, sizeof(path), "/proc/self/ns/%s", types[i]);
                if (access(path, F_OK) < 0)
                        return reterr_set(reterr, error,
                                          "this kernel has no namespaces of the type %s (CONFIG_NAMESPACES)",
                                          types[i]);
        }
        return reterr_set(reterr, error, "cannot start a process: %s", strerror(-error));
}

static int add_layer(char ***layers, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int add_layer(char ***layers, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&text, format, ap);
        va_end(ap);
        if (r < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return strv_extend(layers, text);
}

int room_layers(const JailConfig *config, char ***ret, const char **ret_missing) {
        bool is_host = config->mode == CONFIG_MODE_HOST;
        _cleanup_strv_free_ char **layers = NULL;
        _cleanup_free_ char *groups = strdup("");
        int abi = landlock_abi();

        for (unsigned g = 1; groups && g <= POLICY_OPT_IN; g <<= 1)
                if (config->groups & g) {
                        char *longer;

                        if (asprintf(&longer, "%s +%s", groups, policy_group_to_string(g)) < 0)
                                return -ENOMEM;
                        free(groups);
                        groups = longer;
                }
        if (!groups ||
            add_layer(&layers, "namespaces: mount, pid, %sipc, uts, cgroup%s", is_host ? "" : "net, ",
                      room_namespaces() & CLONE_NEWTIME ? ", time" : "") < 0 ||
            add_layer(&layers, "read-only root") < 0 ||
            add_layer(&layers, is_host ? "THE HOST'S NETWORK (Mode=host)" : "empty network") < 0 ||
            (config->launcher == CONFIG_LAUNCHER_APACHECTL &&
             add_layer(&layers, "A SHELL THAT STARTS THE SERVER (Launcher=apachectl)") < 0) ||
            add_layer(&layers, "no capabilities") < 0 || add_layer(&layers, "no new privileges") < 0 ||
            add_layer(&layers, "seccomp allow-list%s", groups) < 0 ||
            (abi > 0 &&
             add_layer(&layers, "Landlock ABI %d: files%s%s", abi, abi >= 4 && !is_host ? ", TCP" : "",
                       abi >= 6 ? ", signals, abstract sockets" : "") < 0) ||
            add_layer(&layers, "limits: no core files, %llu open files, %llu processes",
                      (unsigned long long) config->limit_nofile,
                      (unsigned long long) config->limit_nproc) < 0)
                return -ENOMEM;

        *ret_missing = abi == 0 ? "this kernel has no Landlock, or it is off (boot parameter lsm=): "
                                  "the mounts alone guard the files"
                       : abi < 6 ? "this kernel's Landlock does not yet know the scope of signals and abstract "
                                   "sockets (ABI 6): the namespaces alone guard them"
                                 : NULL;
        *ret = TAKE_PTR(layers);
        return 0;
}

_Noreturn void room_enter(const Room *room) {
        int report_fd = room->report_fd;

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                int r;

                report.step = (int32_t) i;
                r = steps[i].run(room);
                if (r < 0) {
                        report.error = -r;
                        break;
                }
                if (steps[i].run == step_descriptors)
                        report_fd = REPORT_FD;
        }
        /* A half-dropped process is never used. */
        (void) !write(report_fd, &report, sizeof(report));
        _exit(EXIT_FAILURE);
}

int room_furnish(const Room *room, const char **reterr_what) {
        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                int r = steps[i].is_place ? steps[i].run(room) : 0;

                if (r < 0) {
                        *reterr_what = report.detail[0] ? report.detail : steps[i].name;
                        return r;
                }
        }
        return 0;
}

static int prepare_tmpfs(const Room *room, const LaunchMount *m) {
        _cleanup_close_ int fs_fd = fsopen("tmpfs", FSOPEN_CLOEXEC);
        /* A page for each file, and enough of them in a small place. */
        const uint64_t n_inodes = m->size_bytes / 4096 > 8192 ? m->size_bytes / 4096 : 8192;
        char size[32], inodes[32], uid[16], gid[16];
        int fd;

        if (fs_fd < 0)
                return -errno;
        snprintf(size, sizeof(size), "%llu", (unsigned long long) m->size_bytes);
        snprintf(inodes, sizeof(inodes), "%llu", (unsigned long long) n_inodes);
        snprintf(uid, sizeof(uid), "%u", room->launch->uid);
        snprintf(gid, sizeof(gid), "%u", room->launch->gid);
        if (fsconfig(fs_fd, FSCONFIG_SET_STRING, "size", size, 0) < 0 ||
            fsconfig(fs_fd, FSCONFIG_SET_STRING, "nr_inodes", inodes, 0) < 0 ||
            fsconfig(fs_fd, FSCONFIG_SET_STRING, "mode", "0700", 0) < 0 ||
            fsconfig(fs_fd, FSCONFIG_SET_STRING, "uid", uid, 0) < 0 ||
            fsconfig(fs_fd, FSCONFIG_SET_STRING, "gid", gid, 0) < 0 ||
            fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return -errno;
        fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
        return fd < 0 ? -errno : fd;
}

/* What is to be bound. When the jail was built its path had no link in it: who owns a folder on the way may have put one there
 * since. */
static int open_source(const char *path) {
        _cleanup_close_ int host_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        int fd;

        if (host_fd < 0)
                return -errno;
        /* As a folder, or O_PATH would not set off an automount (open(2)). */
        fd = rootpath_open_owned(host_fd, path, O_PATH | O_DIRECTORY);
        return fd == -ENOTDIR ? rootpath_open_owned(host_fd, path, O_PATH) : fd;
}

/* A detached clone of a tree of mounts with just the given attributes. */
static int prepare_clone(const char *path, uint64_t attributes) {
        _cleanup_close_ int source_fd = open_source(path), fd = -EBADF;
        struct mount_attr attr = {
                .attr_set = attributes,
                .attr_clr = (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV) & ~attributes,
                .propagation = MS_PRIVATE,
        };

        if (source_fd < 0)
                return source_fd;
        fd = open_tree(source_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH);
        if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static bool is_at_or_beneath(const char *path, const char *folder) {
        size_t n = strlen(folder);

        return strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == '/' || folder[n - 1] == '/');
}

/* Whether Exec= names something in it, or a folder that it is in. */
static bool mount_has_programs(const Room *room, const LaunchMount *m) {
        for (char **e = room->config->execs; e && *e; e++)
                if (is_at_or_beneath(*e, m->target) || is_at_or_beneath(m->target, *e))
                        return true;
        return false;
}

static int prepare_mount(const Room *room, const LaunchMount *m) {
        uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

        switch (m->type) {
        case MOUNT_TMPFS:
                return prepare_tmpfs(room, m);
        case MOUNT_BIND_RO:
                /* Nothing that can be written is ever run. */
                if (mount_has_programs(room, m))
                        attributes &= ~(uint64_t) MOUNT_ATTR_NOEXEC;
                return prepare_clone(m->source, attributes | MOUNT_ATTR_RDONLY);
        case MOUNT_BIND_RW:
                return prepare_clone(m->source, attributes);
        default:
                return -EINVAL;
        }
}

/* Where a mount comes to be in a tmpfs, which is empty: make the folders that lead to it. */
static int make_mount_point(const Room *room, size_t i) {
        const char *target = room->launch->mounts[i].target, *rest = NULL;
        _cleanup_free_ char *path = NULL;
        int fd = -EBADF;

        /* The last one that it is in is the innermost. */
        for (size_t k = 0; k < i; k++) {
                const LaunchMount *m = &room->launch->mounts[k];
                size_t n = strlen(m->target);

                if (m->type != MOUNT_TMPFS || strncmp(target, m->target, n) != 0 || target[n] != '/')
                        continue;
                fd = room->mount_fds[k];
                rest = target + n + 1;
        }
        if (!rest)
                return 0;
        path = strdup(rest);
        if (!path)
                return -ENOMEM;
        for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                if (mkdirat(fd, path, 0755) < 0 && errno != EEXIST)
                        return -errno;
                *slash = '/';
        }
        return mkdirat(fd, path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static const char *explain_source(int error) {
        return error == -ELOOP ? "a link of a user is on the way by now, and leads to what is not that user's"
                               : strerror(-error);
}

/* A folder of the host that is not there, or that is not what it was: whoever owns the one it is in must not be able to keep
 * all others from being served. */
static bool mount_is_missed(const Room *room, const LaunchMount *m, int error) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        if (m->type == MOUNT_TMPFS || (error != -ENOENT && error != -ENOTDIR && error != -ELOOP))
                return false;
        fd = rootpath_open(room->root_fd, m->target, O_PATH);
        if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode)))
                return false;
        log_warning("%s: %s; its place in the jail is empty until the next start", m->source,
                    explain_source(error));
        return true;
}

int room_prepare(Room *room, char **reterr) {
        const char *what = room->root_path;
        int r;

        if (room->config->mode != CONFIG_MODE_HOST) {
                r = room->network_fd = network_of_jail();
                if (r < 0)
                        return room_explain(r, reterr);
        }

        room->root_fd = room->secrets_fd = -EBADF;
        /* One at least: nothing at all may be NULL. */
        room->mount_fds = reallocarray(NULL, room->launch->n_mounts + 1, sizeof(int));
        if (!room->mount_fds)
                return -ENOMEM;
        for (size_t i = 0; i < room->launch->n_mounts; i++)
                room->mount_fds[i] = -EBADF;
        /* Devices and programs work in the root, whatever the file system below is mounted with; they do
         * nowhere else. */
        r = room->root_fd = prepare_clone(room->root_path, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID);
        if (r >= 0 && room->launch->n_mounts > LAUNCH_MOUNTS_MAX)
                r = -E2BIG;
        for (size_t i = 0; r >= 0 && i < room->launch->n_mounts; i++) {
                const LaunchMount *m = &room->launch->mounts[i];

                what = m->source ?: m->target;
                r = room->mount_fds[i] = prepare_mount(room, m);
                if (r >= 0 || mount_is_missed(room, m, r))
                        r = make_mount_point(room, i);
        }
        if (r >= 0 && room->launch->n_secrets > 0) {
                what = LAUNCH_SECRETS_DIR;
                r = room->secrets_fd = secrets_mount(room->launch, reterr);
        }
        if (r >= 0)
                return 0;
        room_done(room);
        if (!*reterr && asprintf(reterr, "cannot prepare the mount of %s: %s", what, explain_source(r)) < 0)
                return -ENOMEM;
        return r;
}

void room_done(Room *room) {
        room->root_fd = close_fd(room->root_fd);
        room->secrets_fd = close_fd(room->secrets_fd);
        for (size_t i = 0; room->mount_fds && i < room->launch->n_mounts; i++)
                close_fd(room->mount_fds[i]);
        free(room->mount_fds);
        room->mount_fds = NULL;
}
