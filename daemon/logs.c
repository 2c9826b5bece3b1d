#include "logs.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "rootpath.h"
#include "store.h"

#define PIPE_BYTES (1024 * 1024)
/* Of one pipe in one go: the jail must not keep us here by writing on. */
#define TURNS_MAX 16
/* A busy server writes a line every hundred microseconds, and to wake up for each costs 6 % of what the server does. So
 * after a look at a pipe with little in it the next look is so much later; the pipe has room for far more. */
#define PAUSE_USEC   (20 * USEC_PER_MSEC)
#define LITTLE_BYTES (PIPE_BYTES / 16)
/* And so much later where the journal had no room. */
#define BUSY_USEC (2 * USEC_PER_MSEC)

typedef struct LogPipe {
        LogFile *file;
        int fd;
        sd_event_source *source;
        sd_event_source *pause;
        /* Some lines wait for something else than for us. */
        bool is_busy;
} LogPipe;

struct Logs {
        LogPipe *pipe;
        size_t n;
};

/* Returns how many bytes were there. */
static size_t take(LogPipe *p) {
        int waiting = 0;

        if (ioctl(p->fd, FIONREAD, &waiting) < 0 || waiting < 0)
                waiting = 0;
        p->is_busy = log_file_take(p->file, p->fd, (size_t) waiting) == 0;
        return (size_t) waiting;
}

static int look(LogPipe *p) {
        bool is_little = take(p) <= LITTLE_BYTES;
        int r = sd_event_source_set_enabled(p->source, is_little || p->is_busy ? SD_EVENT_OFF : SD_EVENT_ON);

        if (r < 0 || (!is_little && !p->is_busy))
                return r;
        (void) sd_event_source_set_time_relative(p->pause, p->is_busy ? BUSY_USEC : PAUSE_USEC);
        return sd_event_source_set_enabled(p->pause, SD_EVENT_ONESHOT);
}

static int on_readable(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        return look(userdata);
}

static int on_pause_end(sd_event_source *s, uint64_t usec, void *userdata) {
        LogPipe *p = userdata;

        /* The pipe may be empty, and what waits be read already. */
        return p->is_busy ? look(p) : sd_event_source_set_enabled(p->source, SD_EVENT_ON);
}

void logs_drain(Logs *l) {
        for (size_t i = 0; i < l->n; i++) {
                LogPipe *p = &l->pipe[i];

                for (int t = 0; p->file && t < TURNS_MAX && take(p) > 0 && !p->is_busy; t++)
                        ;
        }
}

static int open_fifo(int root_fd, const char *path) {
        _cleanup_close_ int fd = rootpath_open(root_fd, path, O_RDWR | O_NONBLOCK | O_NOCTTY);
        struct stat st;

        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
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
        r = log_files_get(files, log, &p->file);
        if (r < 0)
                return r;
        /* Room for a burst while we are busy; the default is enough to go on with. */
        (void) fcntl(p->fd, F_SETPIPE_SZ, PIPE_BYTES);
        r = sd_event_add_time(event, &p->pause, CLOCK_MONOTONIC, 0, BUSY_USEC / 2, on_pause_end, p);
        if (r >= 0)
                r = sd_event_source_set_enabled(p->pause, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_io(event, &p->source, p->fd, EPOLLIN, on_readable, p);
        return r;
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
        if (l->pipe)
                logs_drain(l);
        for (size_t i = 0; i < l->n; i++) {
                sd_event_source_disable_unref(l->pipe[i].source);
                sd_event_source_disable_unref(l->pipe[i].pause);
                close_fd(l->pipe[i].fd);
        }
        free(l->pipe);
        free(l);
        return NULL;
}
