#include "log-files.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>

#include "config-paths.h"
#include "log-journal.h"
#include "log.h"

#define TAIL_MAX 2048
/* What may wait for a journal that is busy: about half a pipe, so that Apache does not have to. */
#define BACKLOG_BYTES (512 * 1024)
/* How far a file may grow past MaxSize= while it does not end with a line. */
#define OVERLONG_BYTES (1024 * 1024)
/* RateLimit= is an average over so long: what comes at once may be as much as all of it. */
#define RATE_SECONDS 10
/* What failed to rotate, or was in the middle of a line, is tried again after this. */
#define RETRY_USEC    (60 * USEC_PER_SEC)
#define ACCURACY_USEC (1 * USEC_PER_SEC)

struct LogFile {
        LogFiles *files;
        char *name;
        LaunchLogKind kind;
        /* NULL: a file. */
        LogJournal *journal;
        int fd;
        off_t end;
        off_t mark;
        /* CLOCK_REALTIME: when the file is too old, or when to try again. */
        uint64_t due_usec;
        /* Said once until a write works again. */
        bool failing;
        bool is_limited;
        uint64_t limited_bytes;
        /* What may be written at once, by RateLimit=; as of then, CLOCK_MONOTONIC. */
        uint64_t allowance_bytes;
        uint64_t allowance_usec;
        /* Left in the pipe because the journal was busy. */
        size_t backlog_bytes;
};

struct LogFiles {
        const JailConfig *config;
        sd_event *event;
        sd_event_source *age_timer;
        int dir_fd;
        int null_fd;
        LogFile **file;
        size_t n;
        uint64_t dropped;
        LogFilesTrouble trouble;
        void *trouble_userdata;
};

static uint64_t now_on(const LogFiles *f, clockid_t clock) {
        uint64_t t = 0;

        (void) sd_event_now(f->event, clock, &t);
        return t;
}

uint64_t log_files_dropped(const LogFiles *f) {
        return f->dropped;
}

/* Take what cannot be kept out of the pipe. */
static void discard(LogFile *file, int pipe_fd, size_t n) {
        ssize_t k;

        while (n > 0 && (k = splice(pipe_fd, NULL, file->files->null_fd, NULL, n, SPLICE_F_NONBLOCK)) > 0) {
                n -= (size_t) k;
                file->files->dropped += (uint64_t) k;
        }
}

static void __attribute__((format(printf, 2, 3))) say_trouble(const LogFile *file, const char *format, ...) {
        const LogFiles *f = file->files;
        char text[256];
        va_list args;

        va_start(args, format);
        (void) vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        log_event(EVENT_LOG_DROPPED, "%s", text);
        if (f->trouble)
                f->trouble(text, f->trouble_userdata);
}

void log_files_on_trouble(LogFiles *f, LogFilesTrouble handler, void *userdata) {
        f->trouble = handler;
        f->trouble_userdata = userdata;
}

static void say_failing(LogFile *file, const char *what, int error) {
        if (!file->failing)
                say_trouble(file, "cannot %s the log %s: %s", what, file->name, strerror(error));
        file->failing = true;
}

/* Whether n more bytes are within RateLimit=. Once they were not, half of the allowance must be there again first: who
 * writes at the limit must not choose how often we say so. */
static bool rate_allows(LogFile *file, size_t n) {
        uint64_t rate = file->files->config->log.rate_limit_bytes, most = rate * RATE_SECONDS;
        uint64_t now = now_on(file->files, CLOCK_MONOTONIC), elapsed = now - file->allowance_usec;

        if (rate == 0)
                return true;
        if (elapsed >= RATE_SECONDS * USEC_PER_SEC)
                file->allowance_bytes = most;
        else
                file->allowance_bytes += (uint64_t) ((double) elapsed / USEC_PER_SEC * (double) rate);
        if (file->allowance_bytes > most)
                file->allowance_bytes = most;
        file->allowance_usec = now;

        if (file->is_limited ? file->allowance_bytes >= most / 2 : file->allowance_bytes >= n) {
                if (file->is_limited)
                        log_notice("the log %s is within RateLimit= again, %" PRIu64 " bytes were dropped",
                                   file->name, file->limited_bytes);
                file->is_limited = false;
                file->limited_bytes = 0;
                file->allowance_bytes -= n < file->allowance_bytes ? n : file->allowance_bytes;
                return true;
        }
        if (!file->is_limited)
                say_trouble(file, "the log %s gets more than RateLimit= allows, dropping it", file->name);
        file->is_limited = true;
        file->limited_bytes += n;
        return false;
}

/* Rename NAME.1 to NAME.2 and so on; the last one goes, and what an earlier Keep= left. */
static int shift_rotated(const LogFile *file) {
        unsigned keep = file->files->config->log.keep;
        int dir_fd = file->files->dir_fd;
        char from[NAME_MAX + 1], to[NAME_MAX + 1];

        for (unsigned i = keep + 1; i > 0; i++) {
                snprintf(from, sizeof(from), "%s.%u", file->name, i);
                if (unlinkat(dir_fd, from, 0) < 0)
                        break;
        }
        for (unsigned i = keep; i > 0; i--) {
                snprintf(to, sizeof(to), "%s.%u", file->name, i);
                if (i > 1)
                        snprintf(from, sizeof(from), "%s.%u", file->name, i - 1);
                else
                        snprintf(from, sizeof(from), "%s", file->name);
                /* One may be missing: whoever removed it may. */
                if (renameat(dir_fd, from, dir_fd, to) < 0 && errno != ENOENT)
                        return -errno;
        }
        return 0;
}

/* The new file is there before the old one goes: what fails, fails with everything as it was. */
static int exchange(LogFile *file) {
        int dir_fd = file->files->dir_fd, r;
        _cleanup_close_ int fd = -EBADF;
        char aside[NAME_MAX + 1];

        snprintf(aside, sizeof(aside), ".%s.new", file->name);
        fd = openat(dir_fd, aside, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0640);
        if (fd < 0)
                return -errno;
        r = shift_rotated(file);
        if (r < 0)
                return r;
        if (renameat(dir_fd, aside, dir_fd, file->name) < 0)
                return -errno;
        close_fd(file->fd);
        file->fd = TAKE_FD(fd);
        file->end = file->mark = 0;
        return 0;
}

static void age_timer_arm(LogFiles *f) {
        uint64_t next = UINT64_MAX;

        for (size_t i = 0; i < f->n; i++)
                if (f->file[i]->due_usec < next)
                        next = f->file[i]->due_usec;
        (void) sd_event_source_set_time(f->age_timer, next);
        (void) sd_event_source_set_enabled(f->age_timer,
                                           next < UINT64_MAX ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static void log_file_rotate(LogFile *file) {
        int r = exchange(file);

        if (r < 0)
                say_failing(file, "rotate", -r);
        file->due_usec = now_on(file->files, CLOCK_REALTIME) +
                         (r < 0 ? RETRY_USEC : file->files->config->log.max_age_usec);
        age_timer_arm(file->files);
}

static bool ends_with_line(const LogFile *file) {
        char last = '\n';

        return file->end == 0 || (pread(file->fd, &last, 1, file->end - 1) == 1 && last == '\n');
}

static int on_age(sd_event_source *s, uint64_t usec, void *userdata) {
        LogFiles *f = userdata;
        uint64_t now = now_on(f, CLOCK_REALTIME);

        for (size_t i = 0; i < f->n; i++) {
                LogFile *file = f->file[i];

                if (file->due_usec > now)
                        continue;
                if (file->end == 0)
                        file->due_usec = now + f->config->log.max_age_usec;
                else if (ends_with_line(file))
                        log_file_rotate(file);
                else
                        file->due_usec = now + RETRY_USEC;
        }
        age_timer_arm(f);
        return 0;
}

/* All of it or nothing: half a line would be the beginning of the next. */
static void write_to_file(LogFile *file, int pipe_fd, size_t n) {
        off_t begin = file->end, limit = (off_t) file->files->config->log.max_size_bytes;
        size_t done = 0;

        while (done < n) {
                ssize_t k = splice(pipe_fd, NULL, file->fd, &file->end, n - done,
                                   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

                if (k > 0) {
                        done += (size_t) k;
                        continue;
                }
                if (k < 0 && errno == EINTR)
                        continue;
                /* Somebody took it before us: nobody does. */
                if (k == 0 || errno == EAGAIN)
                        break;
                say_failing(file, "write, and must drop, what Apache says to", errno);
                (void) !ftruncate(file->fd, begin);
                file->end = begin;
                file->files->dropped += done;
                discard(file, pipe_fd, n - done);
                return;
        }
        file->failing = false;
        if (file->end >= limit && (file->end >= limit + OVERLONG_BYTES || ends_with_line(file)))
                log_file_rotate(file);
}

static int write_to_journal(LogFile *file, int pipe_fd, size_t n) {
        uint64_t dropped = 0;
        int r = log_journal_take(file->journal, pipe_fd, &n, &dropped);

        if (r == 0 && n > BACKLOG_BYTES)
                r = -ENOBUFS;
        if (r >= 0) {
                file->failing = r == 0 && file->failing;
                file->backlog_bytes = n;
                return r;
        }
        say_failing(file, "write, and must drop, what Apache says to", -r);
        file->files->dropped += dropped;
        file->backlog_bytes = 0;
        discard(file, pipe_fd, n);
        return 1;
}

int log_file_take(LogFile *file, int pipe_fd, size_t n) {
        if (n > file->backlog_bytes && !rate_allows(file, n - file->backlog_bytes)) {
                file->backlog_bytes = 0;
                discard(file, pipe_fd, n);
                return 1;
        }
        if (file->journal)
                return write_to_journal(file, pipe_fd, n);
        write_to_file(file, pipe_fd, n);
        return 1;
}

void log_files_mark(LogFiles *f) {
        for (size_t i = 0; i < f->n; i++) {
                f->file[i]->mark = f->file[i]->end;
                if (f->file[i]->journal)
                        log_journal_mark(f->file[i]->journal);
        }
}

/* The last since the mark. Returns how many bytes. */
static size_t log_file_tail(const LogFile *file, char buf[static TAIL_MAX]) {
        off_t from = file->end - TAIL_MAX > file->mark ? file->end - TAIL_MAX : file->mark;
        ssize_t k;

        if (file->journal)
                return log_journal_tail(file->journal, buf, TAIL_MAX);
        if (file->end == file->mark)
                return 0;
        k = pread(file->fd, buf, TAIL_MAX, from);
        return k > 0 ? (size_t) k : 0;
}

char *log_files_tail(LogFiles *f) {
        char buf[TAIL_MAX + 1];

        for (size_t i = 0; i < f->n; i++) {
                size_t k = f->file[i]->kind == LAUNCH_LOG_ERROR ? log_file_tail(f->file[i], buf) : 0;

                if (k == 0)
                        continue;
                for (size_t c = 0; c < k; c++)
                        if (buf[c] == '\0')
                                buf[c] = '?';
                buf[k] = '\0';
                log_sanitize(buf);
                return strdup(buf);
        }
        return strdup("");
}

static LogFile *log_file_free(LogFile *file) {
        if (!file)
                return NULL;
        log_journal_free(file->journal);
        close_fd(file->fd);
        free(file->name);
        free(file);
        return NULL;
}
DEFINE_CLEANUP(LogFile *, log_file_free)

/* A file that is there already is as old as it is, where the file system knows. */
static int log_file_open(LogFile *file) {
        struct statx stx = {};
        uint64_t born = now_on(file->files, CLOCK_REALTIME);

        /* Not O_APPEND, which splice(2) refuses; nobody else writes here. */
        file->fd = openat(file->files->dir_fd, file->name,
                          O_RDWR | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0640);
        if (file->fd < 0)
                return -errno;
        file->end = file->mark = lseek(file->fd, 0, SEEK_END);
        if (file->end < 0)
                return -errno;
        if (statx(file->fd, "", AT_EMPTY_PATH, STATX_BTIME, &stx) == 0 && (stx.stx_mask & STATX_BTIME))
                born = (uint64_t) stx.stx_btime.tv_sec * USEC_PER_SEC;
        file->due_usec = born + file->files->config->log.max_age_usec;
        return 0;
}

static int log_file_set_kind(LogFile *file, LaunchLogKind kind) {
        file->kind = kind;
        return file->journal ? log_journal_set_fields(file->journal, file->files->config->name, file->name,
                                                      kind == LAUNCH_LOG_ERROR ? LOG_WARNING : LOG_INFO)
                             : 0;
}

int log_files_get(LogFiles *f, const LaunchLog *log, LogFile **ret) {
        _cleanup_(log_file_freep) LogFile *file = NULL;
        LogFile **bigger;
        int r;

        for (size_t i = 0; i < f->n; i++)
                if (streq(f->file[i]->name, log->name)) {
                        *ret = f->file[i];
                        return log_file_set_kind(*ret, log->kind);
                }
        bigger = reallocarray(f->file, f->n + 1, sizeof(LogFile *));
        if (!bigger)
                return -ENOMEM;
        f->file = bigger;
        file = calloc(1, sizeof(LogFile));
        if (!file)
                return -ENOMEM;
        *file = (LogFile){ .files = f, .name = strdup(log->name), .fd = -EBADF, .due_usec = UINT64_MAX };
        if (!file->name)
                return -ENOMEM;
        r = f->config->log.target == CONFIG_LOG_JOURNAL ? log_journal_new(&file->journal)
                                                        : log_file_open(file);
        if (r >= 0)
                r = log_file_set_kind(file, log->kind);
        if (r < 0)
                return r;
        *ret = f->file[f->n++] = TAKE_PTR(file);
        age_timer_arm(f);
        return 0;
}

int log_files_new(sd_event *event, const JailConfig *config, LogFiles **ret, char **reterr) {
        _cleanup_(log_files_freep) LogFiles *f = calloc(1, sizeof(LogFiles));
        _cleanup_free_ char *path = NULL;
        int r;

        if (!f)
                return -ENOMEM;
        *f = (LogFiles){
                .config = config, .event = sd_event_ref(event), .dir_fd = -EBADF, .null_fd = -EBADF
        };
        if (asprintf(&path, JAILD_LOG_DIR "/%s", config->name) < 0)
                return -ENOMEM;
        if ((mkdir(JAILD_LOG_DIR, 0755) < 0 && errno != EEXIST) ||
            (mkdir(path, 0750) < 0 && errno != EEXIST) ||
            (f->dir_fd = open(path, O_DIRECTORY | O_CLOEXEC)) < 0) {
                r = -errno;
                return asprintf(reterr, "cannot use %s: %s", path, strerror(-r)) < 0 ? -ENOMEM : r;
        }
        f->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (f->null_fd < 0)
                return -errno;
        r = sd_event_add_time(event, &f->age_timer, CLOCK_REALTIME, UINT64_MAX, ACCURACY_USEC, on_age, f);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(f);
        return 0;
}

LogFiles *log_files_free(LogFiles *f) {
        if (!f)
                return NULL;
        for (size_t i = 0; i < f->n; i++)
                log_file_free(f->file[i]);
        free(f->file);
        sd_event_source_disable_unref(f->age_timer);
        sd_event_unref(f->event);
        close_fd(f->dir_fd);
        close_fd(f->null_fd);
        free(f);
        return NULL;
}
