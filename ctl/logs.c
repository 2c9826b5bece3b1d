#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>

#include "config-paths.h"
#include "config.h"
#include "format.h"
#include "generation.h"
#include "load.h"
#include "log-reader.h"
#include "output.h"
#include "verbs.h"

/* The supervisor's own messages, where there is no journal for them. */
#define SUPERVISOR_LOG "jaild.log"

/* A log, not one of its rotated files. */
static int is_log(const struct dirent *d) {
        const char *dot = strrchr(d->d_name, '.');

        if (d->d_name[0] == '.' || streq(d->d_name, SUPERVISOR_LOG))
                return 0;
        return !dot || !dot[1] || dot[1 + strspn(dot + 1, "0123456789")] != '\0';
}

typedef struct Logs {
        int dir_fd;
        /* What the current generation says of its logs; NULL where nobody wants to know. */
        Launch *launch;
        LogReader **reader;
        size_t n;
        /* Whose lines were printed last. */
        const LogReader *shown;
} Logs;

static void logs_done(Logs *l) {
        for (size_t i = 0; i < l->n; i++)
                log_reader_free(l->reader[i]);
        free(l->reader);
        launch_free(l->launch);
        close_fd(l->dir_fd);
}

/* A log that an earlier generation has left is of no kind. */
static bool is_wanted(const Logs *l, const CtlOptions *options, const char *name) {
        if (!l->launch)
                return true;
        for (size_t i = 0; i < l->launch->n_logs; i++)
                if (streq(l->launch->logs[i].name, name))
                        return l->launch->logs[i].kind == LAUNCH_LOG_ERROR ? options->only_error
                                                                           : options->only_access;
        return false;
}

/* Open the logs that are wanted and not open yet, to show their last lines. */
static int open_logs(Logs *l, const CtlOptions *options, unsigned n_lines) {
        struct dirent **entries = NULL;
        int n = scandirat(l->dir_fd, ".", &entries, is_log, alphasort), r = n < 0 ? -errno : 0;

        for (int i = 0; i < n; i++) {
                const char *name = entries[i]->d_name;
                bool is_known = false;
                LogReader **bigger;

                for (size_t k = 0; k < l->n; k++)
                        is_known |= streq(log_reader_name(l->reader[k]), name);
                if (r >= 0 && !is_known && is_wanted(l, options, name)) {
                        bigger = reallocarray(l->reader, l->n + 1, sizeof(LogReader *));
                        if (bigger)
                                l->reader = bigger;
                        r = bigger ? log_reader_open(l->dir_fd, name, n_lines, &l->reader[l->n]) : -ENOMEM;
                        if (r >= 0)
                                l->n++;
                        /* Gone, or in the middle of a rotation: then it comes back, and we are told. */
                        if (r == -ENOENT)
                                r = 0;
                }
                free(entries[i]);
        }
        free(entries);
        return r;
}

/* What came out of a jail must not steer a terminal; a pipe gets every byte. */
static void clean(char *s, size_t n) {
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char) s[i];

                if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f ||
                    (c >= 0x80 && c < 0xa0 && i > 0 && (unsigned char) s[i - 1] == 0xc2))
                        s[i] = '?';
        }
}

/* All that there is for now of one log. */
static int print_log(Logs *l, LogReader *reader) {
        bool is_terminal = isatty(STDOUT_FILENO);
        char buf[65536];
        ssize_t k;

        while ((k = log_reader_read(reader, buf, sizeof(buf))) > 0) {
                if (l->n > 1 && l->shown != reader)
                        printf("%s%s==> %s <==%s\n", l->shown ? "\n" : "", colour_on(stdout, COLOUR_BOLD),
                               log_reader_name(reader), colour_on(stdout, COLOUR_NONE));
                l->shown = reader;
                if (is_terminal)
                        clean(buf, (size_t) k);
                if (fwrite(buf, 1, (size_t) k, stdout) != (size_t) k)
                        return -errno;
        }
        return k < 0 ? (int) k : 0;
}

static int print_logs(Logs *l) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < l->n; i++)
                r = print_log(l, l->reader[i]);
        return r >= 0 && fflush(stdout) != 0 ? -errno : r;
}

/* Until whoever reads us has gone, or we are told to end. */
static int follow(Logs *l, int inotify_fd, const CtlOptions *options) {
        struct pollfd fds[] = { { .fd = inotify_fd, .events = POLLIN }, { .fd = STDOUT_FILENO } };
        char events[65536];
        int r = 0;

        while (r >= 0 && (fds[1].revents & (POLLERR | POLLHUP)) == 0) {
                if (poll(fds, ELEMENTSOF(fds), -1) < 0)
                        return -errno;
                /* That something happened is all that matters. */
                if ((fds[0].revents & POLLIN) && read(inotify_fd, events, sizeof(events)) < 0)
                        return -errno;
                /* All lines of a log that is new. */
                r = open_logs(l, options, UINT32_MAX);
                if (r >= 0)
                        r = print_logs(l);
        }
        return r == -EPIPE ? 0 : r;
}

static int read_launch(const char *name, Launch **ret) {
        _cleanup_free_ char *why = NULL;
        _cleanup_close_ int fd = -EBADF;
        unsigned number;
        int r = generation_current(name, &number);

        if (r >= 0)
                r = fd = generation_open(name, number, GENERATION_LAUNCH, O_RDONLY);
        return r < 0 ? r : launch_read(fd, ret, &why);
}

static int show_files(const CtlOptions *options, const char *name) {
        _cleanup_(logs_done) Logs l = { .dir_fd = -EBADF };
        _cleanup_close_ int inotify_fd = -EBADF;
        _cleanup_free_ char *path = NULL;
        int r;

        if (asprintf(&path, JAILD_LOG_DIR "/%s", name) < 0)
                return -ENOMEM;
        l.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (l.dir_fd < 0)
                return -errno;
        if (options->only_error || options->only_access) {
                r = read_launch(name, &l.launch);
                if (r < 0)
                        return r;
        }
        /* Before we look, so that nothing comes in between. */
        if (options->follow) {
                inotify_fd = inotify_init1(IN_CLOEXEC);
                if (inotify_fd < 0 ||
                    inotify_add_watch(inotify_fd, path,
                                      IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF) < 0)
                        return -errno;
        }
        r = open_logs(&l, options, options->n_lines);
        if (r >= 0)
                r = print_logs(&l);
        if (r < 0)
                return r;
        return options->follow ? follow(&l, inotify_fd, options) : l.n == 0 ? -ENOENT : 0;
}

/* The journal's own program knows best how to show it. Returns only where it cannot be run. */
static int show_journal(const CtlOptions *options, const char *name) {
        _cleanup_free_ char *jail = NULL, *lines = NULL;
        const char *argv[8] = { "journalctl", "--no-hostname" };
        size_t n = 2;

        if (asprintf(&jail, "JAIL=%s", name) < 0 || asprintf(&lines, "--lines=%u", options->n_lines) < 0)
                return -ENOMEM;
        argv[n++] = lines;
        if (options->follow)
                argv[n++] = "--follow";
        /* How log-journal.c marks the one and the other. */
        if (options->only_error != options->only_access)
                argv[n++] = options->only_error ? "PRIORITY=4" : "PRIORITY=6";
        argv[n++] = jail;
        argv[n++] = "SYSLOG_IDENTIFIER=httpd";
        execvp(argv[0], (char *const *) (uintptr_t) argv);
        return -errno;
}

int verb_logs(const CtlOptions *options, const char *name) {
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        int r = ctl_load_config(name, &config);

        if (r != CTL_EXIT_DONE)
                return r;
        if (config->log.target == CONFIG_LOG_JOURNAL) {
                r = show_journal(options, name);
                print_error(name, "cannot run journalctl: %s", strerror(-r));
                return CTL_EXIT_FAILED;
        }
        r = show_files(options, name);
        if (r == -ENOENT)
                print_error(name, "there are no logs yet: it has never served");
        else if (r == -EACCES)
                print_error(name, "reading its logs needs root");
        else if (r < 0)
                print_error(name, "cannot show its logs: %s", strerror(-r));
        return r < 0 ? CTL_EXIT_FAILED : CTL_EXIT_DONE;
}
