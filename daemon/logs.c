#include "logs.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "config-paths.h"
#include "log.h"
#include "store.h"

#define PIPE_BYTES (1024 * 1024)
#define TAIL_MAX   2048
/* Of one pipe in one go: the jail must not keep us here by writing on. */
#define TURNS_MAX 16

typedef struct LogFile {
        char *name;
        int fd;
        off_t end;
        off_t mark;
        /* Said once until a write works again. */
        bool failing;
} LogFile;

struct LogFiles {
        int dir_fd;
        LogFile **file;
        size_t n;
        uint64_t dropped;
};

typedef struct LogPipe {
        LogFiles *files;
        LogFile *file;
        int fd;
        sd_event_source *source;
} LogPipe;

struct Logs {
        LogPipe *pipe;
        size_t n;
};

int log_files_new(const char *jail_name, LogFiles **ret, char **reterr) {
        _cleanup_(log_files_freep) LogFiles *f = calloc(1, sizeof(LogFiles));
        _cleanup_free_ char *path = NULL;

        if (!f || asprintf(&path, JAILD_LOG_DIR "/%s", jail_name) < 0)
                return -ENOMEM;
        if ((mkdir(JAILD_LOG_DIR, 0755) < 0 && errno != EEXIST) ||
            (mkdir(path, 0750) < 0 && errno != EEXIST) ||
            (f->dir_fd = open(path, O_DIRECTORY | O_CLOEXEC)) < 0) {
                int r = -errno;

                f->dir_fd = -EBADF;
                return asprintf(reterr, "cannot use %s: %s", path, strerror(-r)) < 0 ? -ENOMEM : r;
        }
        *ret = TAKE_PTR(f);
        return 0;
}

LogFiles *log_files_free(LogFiles *f) {
        if (!f)
                return NULL;
        for (size_t i = 0; i < f->n; i++) {
                close_fd(f->file[i]->fd);
                free(f->file[i]->name);
                free(f->file[i]);
        }
        free(f->file);
        close_fd(f->dir_fd);
        free(f);
        return NULL;
}

uint64_t log_files_dropped(const LogFiles *f) {
        return f->dropped;
}

void log_files_mark(LogFiles *f) {
        for (size_t i = 0; i < f->n; i++)
                f->file[i]->mark = f->file[i]->end;
}

char *log_files_tail(LogFiles *f) {
        char buf[TAIL_MAX + 1];

        for (size_t i = 0; i < f->n; i++) {
                LogFile *file = f->file[i];
                off_t from = file->end - TAIL_MAX > file->mark ? file->end - TAIL_MAX : file->mark;
                ssize_t k;

                if (!strstr(file->name, "error") || file->end == file->mark)
                        continue;
                k = pread(file->fd, buf, TAIL_MAX, from);
                if (k <= 0)
                        continue;
                for (ssize_t c = 0; c < k; c++)
                        if (buf[c] == '\0')
                                buf[c] = '?';
                buf[k] = '\0';
                log_sanitize(buf);
                return strdup(buf);
        }
        return strdup("");
}

/* The file of that name, opened the first time. Returns NULL with errno set. */
static LogFile *log_files_get(LogFiles *f, const char *name) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ LogFile *file = NULL;
        _cleanup_free_ char *copy = NULL;
        LogFile **bigger;
        off_t end;

        for (size_t i = 0; i < f->n; i++)
                if (streq(f->file[i]->name, name))
                        return f->file[i];
        /* Not O_APPEND, which splice(2) refuses; nobody else writes here. */
        fd = openat(f->dir_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0640);
        if (fd < 0 || (end = lseek(fd, 0, SEEK_END)) < 0)
                return NULL;
        file = calloc(1, sizeof(LogFile));
        copy = strdup(name);
        bigger = reallocarray(f->file, f->n + 1, sizeof(LogFile *));
        if (bigger)
                f->file = bigger;
        if (!file || !copy || !bigger) {
                errno = ENOMEM;
                return NULL;
        }
        *file = (LogFile){ .name = TAKE_PTR(copy), .fd = TAKE_FD(fd), .end = end, .mark = end };
        return f->file[f->n++] = TAKE_PTR(file);
}

static void drop(LogPipe *p, int error) {
        char buf[65536];
        ssize_t k;

        if (!p->file->failing)
                log_event(EVENT_LOG_DROPPED, "cannot write to the log %s, dropping what Apache says: %s",
                          p->file->name, strerror(error));
        p->file->failing = true;
        for (int t = 0; t < TURNS_MAX && (k = read(p->fd, buf, sizeof(buf))) > 0; t++)
                p->files->dropped += (uint64_t) k;
}

static int on_readable(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        LogPipe *p = userdata;
        ssize_t k = splice(p->fd, NULL, p->file->fd, &p->file->end, PIPE_BYTES,
                           SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

        if (k > 0)
                p->file->failing = false;
        else if (k < 0 && errno != EAGAIN && errno != EINTR)
                drop(p, errno);
        return 0;
}

void logs_drain(Logs *l) {
        for (size_t i = 0; i < l->n; i++) {
                int waiting;

                if (!l->pipe[i].file)
                        continue;
                for (int t = 0;
                     t < TURNS_MAX && ioctl(l->pipe[i].fd, FIONREAD, &waiting) >= 0 && waiting > 0; t++)
                        on_readable(NULL, -1, 0, &l->pipe[i]);
        }
}

static int open_fifo(int root_fd, const char *path) {
        struct open_how how = {
                .flags = O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
        };
        _cleanup_close_ int fd = (int) syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        return S_ISFIFO(st.st_mode) ? TAKE_FD(fd) : -EBADMSG;
}

static int logs_add(Logs *l, sd_event *event, LogFiles *files, int root_fd, const LaunchLog *log) {
        LogPipe *p = &l->pipe[l->n];
        int r;

        p->fd = open_fifo(root_fd, log->fifo);
        if (p->fd < 0)
                return p->fd;
        l->n++;
        p->files = files;
        p->file = log_files_get(files, log->name);
        if (!p->file)
                return -errno;
        /* Room for a burst while we are busy; the default is enough to go on with. */
        (void) fcntl(p->fd, F_SETPIPE_SZ, PIPE_BYTES);
        r = sd_event_add_io(event, &p->source, p->fd, EPOLLIN, on_readable, p);
        if (r < 0)
                return r;
        /* After the calls that a process waits in, before its end. */
        return sd_event_source_set_priority(p->source, SD_EVENT_PRIORITY_NORMAL + 5);
}

int logs_open(sd_event *event, LogFiles *files, const char *root_path, const Launch *launch, Logs **ret,
              char **reterr) {
        _cleanup_(logs_freep) Logs *l = calloc(1, sizeof(Logs));
        _cleanup_close_ int root_fd = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r;

        if (!l || !(l->pipe = calloc(launch->n_logs + 1, sizeof(LogPipe))))
                return -ENOMEM;
        r = root_fd < 0 ? -errno : 0;
        for (size_t i = 0; r >= 0 && i < launch->n_logs; i++) {
                r = logs_add(l, event, files, root_fd, &launch->logs[i]);
                if (r < 0 && asprintf(reterr, "cannot take the log %s: %s", launch->logs[i].fifo,
                                      r == -EBADMSG ? "it is no FIFO" : strerror(-r)) < 0)
                        return -ENOMEM;
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}

void logs_put(const Logs *l, const char *name) {
        for (size_t i = 0; i < l->n; i++)
                store_put(name, l->pipe[i].fd);
}

Logs *logs_free(Logs *l) {
        if (!l)
                return NULL;
        logs_drain(l);
        for (size_t i = 0; i < l->n; i++) {
                sd_event_source_disable_unref(l->pipe[i].source);
                close_fd(l->pipe[i].fd);
        }
        free(l->pipe);
        free(l);
        return NULL;
}
