#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "config-paths.h"
#include "output.h"
#include "strv.h"
#include "supervisor.h"

/* A supervisor that could not even begin has said why. */
#define LAST_WORDS_BYTES 2000
#define LAST_WORDS_LINES 3

/* The wait for a supervisor: it speaks as sd_notify(3) has it, or it ends. */
typedef struct Start {
        sd_event *event;
        pid_t pid;
        bool is_ready;
        int wait_status;
        Progress *progress;
} Start;

static void start_done(Start *s) {
        progress_free(s->progress);
        sd_event_unref(s->event);
}

/* A datagram socket with an abstract name that the kernel chooses, and "NOTIFY_SOCKET=@name" for it. */
static int open_notify_socket(char **ret_variable) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        socklen_t length = sizeof(sa);

        if (fd < 0 || bind(fd, (struct sockaddr *) &sa, sizeof(sa_family_t)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int){ true }, sizeof(int)) < 0 ||
            getsockname(fd, (struct sockaddr *) &sa, &length) < 0)
                return -errno;
        if (asprintf(ret_variable, "NOTIFY_SOCKET=@%.*s",
                     (int) (length - offsetof(struct sockaddr_un, sun_path) - 1), sa.sun_path + 1) < 0)
                return -ENOMEM;
        return TAKE_FD(fd);
}

/* Returns a descriptor at the end of the log, for appending. */
static int open_log(const char *name, char **reterr) {
        _cleanup_free_ char *dir = NULL, *path = NULL;
        int fd;

        if (asprintf(&dir, JAILD_LOG_DIR "/%s", name) < 0 || asprintf(&path, "%s/jaild.log", dir) < 0)
                return -ENOMEM;
        if ((mkdir(JAILD_LOG_DIR, 0755) < 0 && errno != EEXIST) || (mkdir(dir, 0750) < 0 && errno != EEXIST))
                fd = -1;
        else
                fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640);
        if (fd < 0) {
                int r = -errno;

                if (r == -EACCES || r == -EPERM)
                        *reterr = strdup("starting needs root");
                else if (asprintf(reterr, "cannot write %s: %s", path, strerror(-r)) < 0)
                        *reterr = NULL;
                return r;
        }
        return fd;
}

/* A daemon's environment is made new: what the person's shell has is not for it. */
static int make_environment(const char *notify, char ***ret) {
        _cleanup_strv_free_ char **v = NULL;
        const char *zone = getenv("TZ"), *probe = getenv("JAILD_PROBE");
        int r;

        r = strv_extend(&v, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        if (r >= 0)
                r = strv_extend(&v, notify);
        if (r >= 0 && zone)
                r = strv_env_set(&v, "TZ", zone);
        /* Of a build tree that is not installed, as JAILD_BINARY. */
        if (r >= 0 && probe)
                r = strv_env_set(&v, "JAILD_PROBE", probe);
        if (r >= 0)
                *ret = TAKE_PTR(v);
        return r;
}

/* In a session of its own, in /, with no signal blocked or ignored. Returns 0 or an errno. */
static int spawn_detached(const char *binary, const char *name, int log_fd, char **environment, pid_t *ret) {
        char *program = strdup(binary), *argument = strdup(name);
        _cleanup_strv_free_ char **argv = calloc(3, sizeof(char *));
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, all;
        int r;

        if (!program || !argument || !argv) {
                free(program);
                free(argument);
                return -ENOMEM;
        }
        argv[0] = program;
        argv[1] = argument;

        /* What the shell has open, a lock for instance, is not to live as long as the daemon. */
        if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
                return -errno;

        if (posix_spawn_file_actions_init(&actions) != 0)
                return -ENOMEM;
        if (posix_spawnattr_init(&attributes) != 0) {
                posix_spawn_file_actions_destroy(&actions);
                return -ENOMEM;
        }
        sigemptyset(&none);
        sigfillset(&all);
        if ((r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)) == 0 &&
            (r = posix_spawn_file_actions_adddup2(&actions, log_fd, STDOUT_FILENO)) == 0 &&
            (r = posix_spawn_file_actions_adddup2(&actions, log_fd, STDERR_FILENO)) == 0 &&
            (r = posix_spawn_file_actions_addchdir_np(&actions, "/")) == 0 &&
            (r = posix_spawnattr_setsigmask(&attributes, &none)) == 0 &&
            (r = posix_spawnattr_setsigdefault(&attributes, &all)) == 0 &&
            (r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                                                       POSIX_SPAWN_SETSIGDEF)) == 0)
                r = posix_spawn(ret, program, &actions, &attributes, argv, environment);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static int on_notify(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        union {
                struct cmsghdr header;
                char buffer[CMSG_SPACE(sizeof(struct ucred))];
        } control;
        const struct ucred *sender = NULL;
        char text[4096], *rest = text;
        struct iovec iov = { text, sizeof(text) - 1 };
        struct msghdr message = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
        };
        Start *s = userdata;
        ssize_t n;

        n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
                        sender = (const struct ucred *) CMSG_DATA(c);
        /* Anyone can send to an abstract name. */
        if (!sender || sender->pid != s->pid)
                return 0;

        text[n] = 0;
        for (char *line; (line = strsep(&rest, "\n"));)
                if (streq(line, "READY=1")) {
                        s->is_ready = true;
                        return sd_event_exit(s->event, 0);
                } else if (strncmp(line, "STATUS=", strlen("STATUS=")) == 0)
                        progress_set_detail(s->progress, line + strlen("STATUS="));
        return 0;
}

static int on_exit_of_child(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Start *s = userdata;

        if (waitpid(s->pid, &s->wait_status, WNOHANG) != s->pid)
                return -ECHILD;
        return sd_event_exit(s->event, 0);
}

/* Run the loop until the child is ready or has ended. */
static int wait_for_start(Start *s, int notify_fd, const char *label) {
        _cleanup_close_ int pidfd = pidfd_open(s->pid, 0);
        int r;

        if (pidfd < 0)
                return -errno;
        r = sd_event_new(&s->event);
        if (r >= 0)
                r = progress_new(s->event, label, &s->progress);
        if (r >= 0)
                r = sd_event_add_io(s->event, NULL, notify_fd, EPOLLIN, on_notify, s);
        if (r >= 0)
                r = sd_event_add_io(s->event, NULL, pidfd, EPOLLIN, on_exit_of_child, s);
        if (r >= 0)
                r = sd_event_loop(s->event);
        return r;
}

/* The last lines that were written to the log since its size was begin, without the jail's name in front of each.
 * Returns NULL where there are none. */
static char *read_last_words(int fd, off_t begin, const char *name) {
        char buffer[LAST_WORDS_BYTES + 1], *lines[LAST_WORDS_LINES], *text = NULL;
        size_t n_lines = 0, size, skip = strlen(name);
        struct stat st;
        ssize_t n;
        FILE *f;

        if (fstat(fd, &st) < 0)
                return NULL;
        if (st.st_size - begin > LAST_WORDS_BYTES)
                begin = st.st_size - LAST_WORDS_BYTES;
        n = pread(fd, buffer, LAST_WORDS_BYTES, begin);
        if (n <= 0)
                return NULL;
        buffer[n] = 0;
        for (char *save, *line = strtok_r(buffer, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                if (n_lines == LAST_WORDS_LINES)
                        memmove(lines, lines + 1, sizeof(lines[0]) * --n_lines);
                if (strncmp(line, name, skip) == 0 && strncmp(line + skip, ": ", 2) == 0)
                        line += skip + 2;
                lines[n_lines++] = line;
        }
        f = n_lines > 0 ? open_memstream(&text, &size) : NULL;
        if (!f)
                return NULL;
        for (size_t i = 0; i < n_lines; i++)
                fprintf(f, "%s%s", i > 0 ? "\n" : "", lines[i]);
        if (fclose(f) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

int supervisor_spawn(const char *name, const char *label, char **reterr) {
        _cleanup_strv_free_ char **environment = NULL;
        _cleanup_(start_done) Start start = {};
        _cleanup_close_ int notify_fd = -EBADF, log_fd = -EBADF;
        _cleanup_free_ char *notify = NULL;
        const char *binary = getenv("JAILD_BINARY");
        struct stat st;
        int r;

        if (!binary || !*binary)
                binary = JAILD_BINARY;
        log_fd = open_log(name, reterr);
        if (log_fd < 0)
                return log_fd;
        if (fstat(log_fd, &st) < 0)
                return -errno;
        notify_fd = open_notify_socket(&notify);
        if (notify_fd < 0)
                return notify_fd;
        r = make_environment(notify, &environment);
        if (r >= 0)
                r = spawn_detached(binary, name, log_fd, environment, &start.pid);
        if (r < 0) {
                if (asprintf(reterr, "cannot run %s: %s", binary, strerror(-r)) < 0)
                        *reterr = NULL;
                return r;
        }
        r = wait_for_start(&start, notify_fd, label);
        if (r < 0 || start.is_ready)
                return r;

        if (WIFSIGNALED(start.wait_status)) {
                if (asprintf(reterr, "jaild was killed by SIG%s",
                             sigabbrev_np(WTERMSIG(start.wait_status))) < 0)
                        *reterr = NULL;
        } else
                *reterr = read_last_words(log_fd, st.st_size, name);
        return -EIO;
}
