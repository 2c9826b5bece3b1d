#include "tracer.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "policy-trace.h"
#include "rootpath.h"

#define PAGE_BYTES 4096

struct Tracer {
        const JailConfig *config;
        uid_t uid;
        gid_t gid;
        Trace *trace;
        TracePhase phase;
        TracerHandlers handlers;
        struct sock_fprog filter;
        InstanceWatch watch;
        /* '/' of the instance that is watched, or negative. */
        int root_fd;
        int error;
};

/* What a call asks of a path. */
typedef struct Question {
        const char *call;
        bool nofollow;
        bool writes;
        bool creates;
        /* As access(2) has it. */
        int mode;
} Question;

/* The arguments of a call, by index; -1: it has none. */
typedef struct FileCall {
        int number;
        int folder;
        int path;
        /* Of open(2); of the …at() calls; of access(2). */
        int open_flags;
        int at_flags;
        int mode;
        bool nofollow;
} FileCall;

static const FileCall file_calls[] = {
#ifdef SYS_open
        { SYS_open, -1, 0, 1, -1, -1, false },
#endif
#ifdef SYS_stat
        { SYS_stat, -1, 0, -1, -1, -1, false },
#endif
#ifdef SYS_lstat
        { SYS_lstat, -1, 0, -1, -1, -1, true },
#endif
#ifdef SYS_access
        { SYS_access, -1, 0, -1, -1, 1, false },
#endif
#ifdef SYS_readlink
        { SYS_readlink, -1, 0, -1, -1, -1, true },
#endif
        { SYS_openat, 0, 1, 2, -1, -1, false },    { SYS_newfstatat, 0, 1, -1, 3, -1, false },
        { SYS_statx, 0, 1, -1, 2, -1, false },     { SYS_faccessat, 0, 1, -1, -1, 2, false },
        { SYS_faccessat2, 0, 1, -1, 3, 2, false }, { SYS_readlinkat, 0, 1, -1, -1, -1, true },
};

static void answer(int notify_fd, const struct seccomp_notif *n, int error) {
        struct seccomp_notif_resp response = {
                .id = n->id,
                .error = -error,
                .flags = error ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE,
        };

        /* It is gone, then. */
        (void) ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

static ssize_t read_memory(const struct seccomp_notif *n, uint64_t address, void *buf, size_t size) {
        struct iovec local = { .iov_base = buf, .iov_len = size };
        struct iovec remote = { .iov_base = (void *) (uintptr_t) address, .iov_len = size };
        ssize_t k = process_vm_readv((pid_t) n->pid, &local, 1, &remote, 1, 0);

        return k < 0 ? -errno : k;
}

/* A string of the caller's, page by page: the next one may not be there. */
static int read_string(int notify_fd, const struct seccomp_notif *n, uint64_t address,
                       char buf[static PATH_MAX]) {
        for (size_t length = 0; length < PATH_MAX;) {
                size_t size = PAGE_BYTES - (address + length) % PAGE_BYTES;
                ssize_t k = read_memory(n, address + length, buf + length,
                                        size < PATH_MAX - length ? size : PATH_MAX - length);

                if (k <= 0)
                        return -EFAULT;
                if (memchr(buf + length, '\0', (size_t) k))
                        return ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &n->id) < 0 ? -errno : 0;
                length += (size_t) k;
        }
        return -ENAMETOOLONG;
}

/* Without "//", "/./" and a slash at the end, which mean nothing. */
static void tidy(char *path) {
        char *to = path;

        for (const char *from = path; *from;) {
                if (from[0] == '/' && (from[1] == '/' || from[1] == '\0'))
                        from++;
                else if (from[0] == '/' && from[1] == '.' && (from[2] == '/' || from[2] == '\0'))
                        from += 2;
                else
                        *to++ = *from++;
        }
        if (to == path)
                *to++ = '/';
        *to = '\0';
}

/* Put the folder that a relative path starts from in front of it. */
static int make_absolute(const struct seccomp_notif *n, int folder, char path[static PATH_MAX]) {
        char link[64], base[PATH_MAX];
        size_t length = strlen(path);
        ssize_t k;

        if (path[0] == '/') {
                tidy(path);
                return 0;
        }
        if (folder == AT_FDCWD)
                snprintf(link, sizeof(link), "/proc/%u/cwd", n->pid);
        else
                snprintf(link, sizeof(link), "/proc/%u/fd/%d", n->pid, folder);
        k = readlink(link, base, sizeof(base) - 1);
        /* A descriptor of something that has no name. */
        if (k <= 0 || base[0] != '/')
                return -ENOENT;
        if (k == 1)
                k = 0;
        if ((size_t) k + 1 + length >= PATH_MAX)
                return -ENAMETOOLONG;
        memmove(path + k + 1, path, length + 1);
        memcpy(path, base, (size_t) k);
        path[k] = '/';
        tidy(path);
        return 0;
}

/* Returns 0 or a positive errno. */
static int look(const Tracer *t, const char *path, const Question *q) {
        _cleanup_close_ int fd = rootpath_open(t->root_fd, path, O_PATH | (q->nofollow ? O_NOFOLLOW : 0));
        struct statvfs fs;
        struct stat st;

        if (fd == -ENOENT && q->creates) {
                const char *slash = strrchr(path, '/');
                _cleanup_free_ char *folder = strndup(path, slash == path ? 1 : (size_t) (slash - path));
                Question in = { .call = q->call, .writes = true, .mode = W_OK | X_OK };

                return folder ? look(t, folder, &in) : ENOMEM;
        }
        if (fd < 0)
                return -fd;
        if (fstat(fd, &st) < 0)
                return errno;
        if (S_ISLNK(st.st_mode))
                return 0;
        /* Devices, FIFOs and sockets are written to on any file system. */
        if (q->writes && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) && fstatvfs(fd, &fs) >= 0 &&
            (fs.f_flag & ST_RDONLY))
                return EROFS;
        return q->mode != F_OK && faccessat(fd, "", q->mode, AT_EMPTY_PATH | AT_EACCESS) < 0 ? errno : 0;
}

static int look_as_user(const Tracer *t, const char *path, const Question *q) {
        int error;

        /* In this order, because only root may; the other file-system capabilities go and come with the user. */
        (void) setfsgid(t->gid);
        (void) setfsuid(t->uid);
        error = look(t, path, q);
        (void) setfsuid(0);
        (void) setfsgid(0);
        return error;
}

static void note_file(Tracer *t, const char *path, const Question *q, int error, const char *by) {
        /* Who opens what is not there, and does not want it made, writes nothing. */
        bool writes = q->writes && (error != ENOENT || q->creates);
        int r = trace_add_file(t->trace, t->phase, path, q->call, error, writes, by);

        if (r < 0 && t->error == 0)
                t->error = r;
}

static bool has_root(Tracer *t, const struct seccomp_notif *n) {
        char link[64];

        if (t->root_fd < 0) {
                snprintf(link, sizeof(link), "/proc/%u/root", n->pid);
                t->root_fd = open(link, O_PATH | O_DIRECTORY | O_CLOEXEC);
        }
        return t->root_fd >= 0;
}

static void see_file_call(Tracer *t, int notify_fd, const struct seccomp_notif *n, const FileCall *c) {
        Question q = { .call = policy_call_name(c->number), .nofollow = c->nofollow };
        int folder = c->folder < 0 ? AT_FDCWD : (int) n->data.args[c->folder];
        char path[PATH_MAX];

        if (!has_root(t, n) || read_string(notify_fd, n, n->data.args[c->path], path) < 0 ||
            path[0] == '\0' || make_absolute(n, folder, path) < 0)
                return;
        if (c->open_flags >= 0) {
                int flags = (int) n->data.args[c->open_flags], how = flags & O_ACCMODE;

                q.nofollow = flags & O_NOFOLLOW;
                q.writes = how != O_RDONLY;
                q.creates = flags & O_CREAT;
                q.mode = (how != O_WRONLY ? R_OK : 0) | (how != O_RDONLY ? W_OK : 0);
        }
        if (c->at_flags >= 0)
                q.nofollow = n->data.args[c->at_flags] & AT_SYMLINK_NOFOLLOW;
        if (c->mode >= 0)
                q.mode = (int) n->data.args[c->mode] & (R_OK | W_OK | X_OK);
        note_file(t, path, &q, look_as_user(t, path, &q), NULL);
}

/* "#!INTERPRETER": the kernel opens it, and says of a missing one that the script is not there. */
static bool read_interpreter(const Tracer *t, const char *script, char interpreter[static PATH_MAX]) {
        _cleanup_close_ int fd = -EBADF;
        char line[256], *begin = line + 2;
        struct stat st;
        ssize_t k;

        fd = rootpath_open_regular(t->root_fd, script, &st);
        if (fd < 0)
                return false;
        k = read(fd, line, sizeof(line) - 1);
        if (k < 3 || line[0] != '#' || line[1] != '!')
                return false;
        line[k] = '\0';
        begin += strspn(begin, " \t");
        begin[strcspn(begin, " \t\r\n")] = '\0';
        strcpy(interpreter, begin);
        return begin[0] == '/';
}

static void see_exec(Tracer *t, int notify_fd, const struct seccomp_notif *n) {
        Question q = { .call = "execve", .mode = X_OK };
        char path[PATH_MAX], interpreter[PATH_MAX];
        int error;

        if (!has_root(t, n) || read_string(notify_fd, n, n->data.args[0], path) < 0 || path[0] == '\0' ||
            make_absolute(n, AT_FDCWD, path) < 0)
                return;
        error = look_as_user(t, path, &q);
        note_file(t, path, &q, error, NULL);
        if (error == 0 && read_interpreter(t, path, interpreter))
                note_file(t, interpreter, &q, look_as_user(t, interpreter, &q), path);
}

static void see_connect_unix(Tracer *t, const struct seccomp_notif *n, const struct sockaddr_un *sa) {
        Question q = { .call = "connect", .mode = W_OK };
        char path[PATH_MAX] = "";

        /* An abstract name begins with a zero byte. */
        if (sa->sun_path[0] == '\0' || !has_root(t, n))
                return;
        memcpy(path, sa->sun_path, strnlen(sa->sun_path, sizeof(sa->sun_path)));
        if (make_absolute(n, AT_FDCWD, path) >= 0)
                note_file(t, path, &q, look_as_user(t, path, &q), NULL);
}

/* Returns whether it has answered. */
static bool see_connect(Tracer *t, int notify_fd, const struct seccomp_notif *n) {
        struct sockaddr_un sa = {};
        size_t size = (uint32_t) n->data.args[2];
        ssize_t k = read_memory(n, n->data.args[1], &sa, size < sizeof(sa) ? size : sizeof(sa));
        _cleanup_close_ int fd = -EBADF;
        Address a;

        if (k > (ssize_t) offsetof(struct sockaddr_un, sun_path) && sa.sun_family == AF_UNIX)
                see_connect_unix(t, n, &sa);
        if (k <= 0 || address_from_sockaddr(&sa, (size_t) k, &a) < 0)
                return false;
        fd = t->handlers.connects((pid_t) n->pid, &a, t->handlers.userdata);
        if (fd < 0)
                return false;
        (void) ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_ADDFD,
                     &(struct seccomp_notif_addfd){ .id = n->id,
                                                    .flags = SECCOMP_ADDFD_FLAG_SETFD,
                                                    .srcfd = (uint32_t) fd,
                                                    .newfd = (uint32_t) n->data.args[0],
                                                    .newfd_flags = O_CLOEXEC });
        (void) ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_SEND, &(struct seccomp_notif_resp){ .id = n->id });
        return true;
}

static void note_call(Tracer *t, const struct seccomp_data *data, int error) {
        char number[16];
        const char *name = policy_call_name(data->nr);
        int r;

        snprintf(number, sizeof(number), "%d", data->nr);
        r = trace_add_call(t->trace, t->phase, name ?: number, error,
                           policy_groups_for(t->config->groups, data));
        if (r < 0 && t->error == 0)
                t->error = r;
}

static bool on_notified(int notify_fd, const struct seccomp_notif *n, void *userdata) {
        Tracer *t = userdata;
        int error = policy_refusal(t->config->groups, &n->data);

        if (error > 0) {
                note_call(t, &n->data, error);
                answer(notify_fd, n, error);
                return true;
        }
        for (size_t i = 0; i < ELEMENTSOF(file_calls); i++)
                if (file_calls[i].number == n->data.nr) {
                        see_file_call(t, notify_fd, n, &file_calls[i]);
                        answer(notify_fd, n, 0);
                        return true;
                }
        switch (n->data.nr) {
        case SYS_execve:
                see_exec(t, notify_fd, n);
                break;
        case SYS_connect:
                return see_connect(t, notify_fd, n);
        case SYS_clone:
#ifdef SYS_fork
        case SYS_fork:
#endif
                t->handlers.forked((pid_t) n->pid, t->handlers.userdata);
                break;
        }
        return false;
}

static void on_refused(const char *call, const char *what, void *userdata) {
        Tracer *t = userdata;
        int r = trace_add_refusal(t->trace, call, what);

        if (r < 0 && t->error == 0)
                t->error = r;
}

int tracer_new(const JailConfig *config, uid_t uid, gid_t gid, Trace *trace, const TracerHandlers *handlers,
               Tracer **ret) {
        _cleanup_(tracer_freep) Tracer *t = calloc(1, sizeof(Tracer));
        int r;

        if (!t)
                return -ENOMEM;
        *t = (Tracer){
                .config = config,
                .uid = uid,
                .gid = gid,
                .trace = trace,
                .handlers = *handlers,
                .root_fd = -EBADF,
        };
        r = policy_trace_filter(config->groups, true, &t->filter);
        if (r < 0)
                return r;
        t->watch = (InstanceWatch){
                .filter = &t->filter,
                .tap = { .notified = on_notified, .refused = on_refused, .userdata = t },
        };
        *ret = TAKE_PTR(t);
        return 0;
}

Tracer *tracer_free(Tracer *t) {
        if (!t)
                return NULL;
        close_fd(t->root_fd);
        free(t->filter.filter);
        free(t);
        return NULL;
}

const InstanceWatch *tracer_watch(Tracer *t) {
        t->root_fd = close_fd(t->root_fd);
        return &t->watch;
}

void tracer_set_phase(Tracer *t, TracePhase phase) {
        t->phase = phase;
}

int tracer_error(const Tracer *t) {
        return t->error;
}
