#include "keeper.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "jailtest.h"

#define KEPT_MAX  512
#define FDS_FIRST 3
#define SOCKET    JAILD_RUN_DIR "/notify"

typedef struct Kept {
        char name[128];
        int fd;
} Kept;

struct Keeper {
        pthread_t thread;
        pthread_mutex_t mutex;
        pthread_cond_t changed;
        int socket_fd;
        pid_t pid;
        bool is_ready;
        Kept kept[KEPT_MAX];
        unsigned n;
};

/* systemd, too, keeps one descriptor once. */
static bool is_kept(const Keeper *k, int fd) {
        for (unsigned i = 0; i < k->n; i++)
                if (syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, k->kept[i].fd, fd) == 0)
                        return true;
        return false;
}

static void keep(Keeper *k, const char *name, int fd) {
        if (is_kept(k, fd) || k->n == KEPT_MAX) {
                close_fd(fd);
                return;
        }
        snprintf(k->kept[k->n].name, sizeof(k->kept[k->n].name), "%s", name);
        k->kept[k->n++].fd = fd;
}

static void forget(Keeper *k, const char *name, bool by_prefix) {
        for (unsigned i = k->n; i > 0; i--) {
                Kept *kept = &k->kept[i - 1];

                if (by_prefix ? strncmp(kept->name, name, strlen(name)) != 0 : !streq(kept->name, name))
                        continue;
                close_fd(kept->fd);
                *kept = k->kept[--k->n];
        }
}

static void on_message(Keeper *k, char *text, const int *fds, size_t n_fds) {
        const char *name = "stored";
        bool store = false, drop = false;
        char *save;

        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                if (streq(line, "FDSTORE=1"))
                        store = true;
                else if (streq(line, "FDSTOREREMOVE=1"))
                        drop = true;
                else if (streq(line, "READY=1"))
                        k->is_ready = true;
                else if (strncmp(line, "FDNAME=", 7) == 0)
                        name = line + 7;
        }
        for (size_t i = 0; i < n_fds; i++)
                if (store)
                        keep(k, name, fds[i]);
                else
                        close_fd(fds[i]);
        if (drop)
                forget(k, name, false);
}

static void *keeper_thread(void *userdata) {
        Keeper *k = userdata;

        for (;;) {
                char text[4096], control[CMSG_SPACE(sizeof(int) * 64)];
                struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) - 1 };
                struct msghdr m = { .msg_iov = &iov,
                                    .msg_iovlen = 1,
                                    .msg_control = control,
                                    .msg_controllen = sizeof(control) };
                ssize_t size = recvmsg(k->socket_fd, &m, MSG_CMSG_CLOEXEC);
                const struct cmsghdr *c = size < 0 ? NULL : CMSG_FIRSTHDR(&m);
                const int *fds = NULL;
                size_t n = 0;

                if (size < 0)
                        continue;
                text[size] = '\0';
                if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
                        fds = (const int *) (const void *) CMSG_DATA(c);
                        n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                }
                pthread_mutex_lock(&k->mutex);
                on_message(k, text, fds, n);
                pthread_cond_broadcast(&k->changed);
                pthread_mutex_unlock(&k->mutex);
        }
        return NULL;
}

/* In the child of a process with threads: nothing but system calls. */
static _Noreturn void execute(const Keeper *k, char *const *argv, char **environment, char *listen_pid) {
        int log_fd = open(KEEPER_LOG, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

        dup2(log_fd, STDERR_FILENO);
        for (unsigned i = 0; i < k->n; i++)
                if (fcntl(k->kept[i].fd, F_DUPFD_CLOEXEC, FDS_FIRST + KEPT_MAX + (int) i) !=
                    FDS_FIRST + KEPT_MAX + (int) i)
                        _exit(126);
        for (unsigned i = 0; i < k->n; i++)
                if (dup2(FDS_FIRST + KEPT_MAX + (int) i, FDS_FIRST + (int) i) < 0)
                        _exit(126);
        sprintf(listen_pid, "LISTEN_PID=%d", getpid());
        execve(argv[0], argv, environment);
        _exit(127);
}

void keeper_begin(Keeper *k) {
        char *argv[] = { path("%s", jaild_path()), path("%s", JAILTEST_NAME), NULL };
        char *names = path("LISTEN_FDNAMES="), listen_pid[32];
        char *environment[] = { path("PATH=%s", getenv("PATH")),
                                path("NOTIFY_SOCKET=%s", SOCKET),
                                path("FDSTORE=%d", KEPT_MAX),
                                listen_pid,
                                NULL,
                                NULL,
                                NULL };

        pthread_mutex_lock(&k->mutex);
        for (unsigned i = 0; i < k->n; i++)
                names = path("%s%s%s", names, i > 0 ? ":" : "", k->kept[i].name);
        if (k->n > 0) {
                environment[4] = path("LISTEN_FDS=%u", k->n);
                environment[5] = names;
        }
        k->is_ready = false;
        k->pid = fork();
        if (k->pid == 0)
                execute(k, argv, environment, listen_pid);
        pthread_mutex_unlock(&k->mutex);
        cr_assert_gt(k->pid, 0);
}

Keeper *keeper_start(void) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX, .sun_path = SOCKET };
        Keeper *k = calloc(1, sizeof(Keeper));

        cr_assert_not_null(k);
        pthread_mutex_init(&k->mutex, NULL);
        pthread_cond_init(&k->changed, NULL);
        k->socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        cr_assert(k->socket_fd >= 0 && bind(k->socket_fd, (struct sockaddr *) &sa, sizeof(sa)) == 0);
        cr_assert_eq(pthread_create(&k->thread, NULL, keeper_thread, k), 0);
        keeper_begin(k);
        return k;
}

pid_t keeper_pid(const Keeper *k) {
        return k->pid;
}

/* What jaild sent before it died is read before anything else is done, as systemd does. */
static void read_the_rest(const Keeper *k) {
        struct pollfd p = { .fd = k->socket_fd, .events = POLLIN };

        while (poll(&p, 1, 0) > 0)
                (void) sched_yield();
}

int keeper_end(Keeper *k, int sig) {
        int status = 0;

        cr_assert_eq(kill(k->pid, sig), 0);
        cr_assert_eq(waitpid(k->pid, &status, 0), k->pid);
        read_the_rest(k);
        return status;
}

bool keeper_wait_ready(Keeper *k, unsigned timeout_seconds) {
        struct timespec until;
        bool is_ready;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += timeout_seconds;
        pthread_mutex_lock(&k->mutex);
        while (!k->is_ready && pthread_cond_timedwait(&k->changed, &k->mutex, &until) == 0)
                ;
        is_ready = k->is_ready;
        pthread_mutex_unlock(&k->mutex);
        return is_ready;
}

unsigned keeper_count(Keeper *k, const char *prefix) {
        unsigned n = 0;

        pthread_mutex_lock(&k->mutex);
        for (unsigned i = 0; i < k->n; i++)
                n += strncmp(k->kept[i].name, prefix, strlen(prefix)) == 0;
        pthread_mutex_unlock(&k->mutex);
        return n;
}

void keeper_put(Keeper *k, const char *name, int fd) {
        pthread_mutex_lock(&k->mutex);
        keep(k, name, fcntl(fd, F_DUPFD_CLOEXEC, FDS_FIRST));
        pthread_mutex_unlock(&k->mutex);
}

void keeper_forget(Keeper *k, const char *prefix) {
        pthread_mutex_lock(&k->mutex);
        forget(k, prefix, true);
        pthread_mutex_unlock(&k->mutex);
}
