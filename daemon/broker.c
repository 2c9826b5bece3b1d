#include "broker.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "log.h"
#include "policy.h"
#include "proc.h"

/* Kernel 6.6; the headers may be older. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS      SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

struct Broker {
        sd_event *event;
        const JailConfig *config;
        const Launch *launch;
        sd_event_source *source;
        int notify_fd;
        pid_t master;
        Connector *connector;
        BrokerForks forks;
        void *userdata;
        const BrokerTap *tap;

        BrokerKept *kept;
        const Listeners *listeners;
        /* Opt-in groups of which it was said that they are missing. */
        unsigned told;
        /* The UNIX socket that was connected to last, and is there. */
        char last_socket[sizeof(((struct sockaddr_un *) NULL)->sun_path)];
        LogLimit log_limit;
};

static uint64_t now_usec(const Broker *b) {
        uint64_t t = 0;

        (void) sd_event_now(b->event, CLOCK_MONOTONIC, &t);
        return t;
}

/* Returns 0, or -errno: -ENOENT where the caller is gone or a signal took it out of the call. */
static int broker_send(const Broker *b, uint64_t id, int error, uint32_t flags) {
        struct seccomp_notif_resp response = { .id = id, .error = -error, .flags = flags };

        return ioctl(b->notify_fd, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0 ? -errno : 0;
}

static int broker_refuse(const Broker *b, uint64_t id, int error) {
        return broker_send(b, id, error, 0);
}

static int broker_continue(const Broker *b, uint64_t id) {
        return broker_send(b, id, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

/* Read the caller's memory, and make sure that it was still the caller's. */
static ssize_t broker_read(const Broker *b, const struct seccomp_notif *n, uint64_t address, void *buf,
                           size_t size) {
        struct iovec local = { .iov_base = buf, .iov_len = size };
        struct iovec remote = { .iov_base = (void *) (uintptr_t) address, .iov_len = size };
        ssize_t k = process_vm_readv((pid_t) n->pid, &local, 1, &remote, 1, 0);

        if (k < 0)
                return -errno;
        return ioctl(b->notify_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &n->id) < 0 ? -errno : k;
}

/* Whether a refusal is for the log; who listens in is told instead. */
static bool broker_logs_refusal(Broker *b, const char *call, const char *what) {
        if (!b->tap)
                return log_limit_pass(&b->log_limit, now_usec(b));
        b->tap->refused(call, what, b->tap->userdata);
        return false;
}

static void broker_answer_bind_tcp(Broker *b, const struct seccomp_notif *n, const Address *asked) {
        char buf[ADDRESS_STRING_MAX];
        int fd = b->listeners ? listeners_grant(b->listeners, asked) : -ENOENT;
        struct seccomp_notif_addfd addfd = {
                .id = n->id,
                .flags = SECCOMP_ADDFD_FLAG_SETFD,
                .srcfd = (uint32_t) fd,
                .newfd = (uint32_t) n->data.args[0],
                .newfd_flags = O_CLOEXEC,
        };

        if (fd >= 0 && ioctl(b->notify_fd, SECCOMP_IOCTL_NOTIF_ADDFD, &addfd) >= 0) {
                (void) broker_send(b, n->id, 0, 0);
                return;
        }
        address_to_string(asked, buf);
        if (broker_logs_refusal(b, "bind", buf))
                log_event(EVENT_ADDRESS_REFUSED,
                          "refused Apache the address %s: not one of its Listen addresses; "
                          "add 'Listen=' to [Network] and build again",
                          buf);
        (void) broker_refuse(b, n->id, EACCES);
}

/* The address of a bind() or connect(). Returns 0; 1 for a UNIX address; or an errno, -EAFNOSUPPORT for what is neither,
 * as "no address", which would undo a connection. */
static int broker_read_address(const Broker *b, const struct seccomp_notif *n, Address *ret) {
        Address raw = {};
        size_t size = (uint32_t) n->data.args[2];
        ssize_t k = broker_read(b, n, n->data.args[1], &raw, size < sizeof(raw) ? size : sizeof(raw));
        int r = k < 0 ? -EFAULT : address_from_sockaddr(&raw, (size_t) k, ret);

        return r == -EAFNOSUPPORT && raw.sa.sa_family == AF_UNIX ? 1 : r;
}

static void broker_answer_bind(Broker *b, const struct seccomp_notif *n) {
        Address asked;
        int r = broker_read_address(b, n, &asked);

        /* A UNIX socket lives in the jail's own files. The kernel reads the address again, and may find another: what
         * that is worth to a socket of the host, fence.h says. */
        if (r > 0)
                (void) broker_continue(b, n->id);
        else if (r < 0)
                (void) broker_refuse(b, n->id, -r);
        /* How Apache asks whether IPv6 works. It does, and who then listens or connects is given a port by that. */
        else if (address_port(&asked) == 0)
                (void) broker_send(b, n->id, 0, 0);
        else
                broker_answer_bind_tcp(b, n, &asked);
}

/* Exactly what Exec= names, or anything in a folder that it names. The tree, its mounts and Landlock decide what
 * can be executed at all: the caller may have changed the path meanwhile. */
static bool exec_is_named(const JailConfig *config, const char *path) {
        if (path[0] != '/' || strstr(path, "/../"))
                return false;
        for (char **e = config->execs; e && *e; e++) {
                size_t n = strlen(*e);

                if ((*e)[n - 1] == '/' ? strncmp(*e, path, n) == 0 : streq(*e, path))
                        return true;
        }
        return false;
}

/* Until httpd has taken the place of its launcher. Returns whether it has answered. */
static bool broker_answer_launcher(Broker *b, const struct seccomp_notif *n, const char *path) {
        char *const *launcher = launch_launcher(b->launch, b->config);

        if (!launcher || (b->kept->launched_id != 0 && b->kept->launched_id != n->id))
                return false;
        if (b->kept->launched_id == 0 && strv_contains(launcher, path)) {
                (void) broker_continue(b, n->id);
                return true;
        }
        if ((pid_t) n->pid != b->master || !streq(path, b->launch->httpd))
                return false;
        /* Noted first, as in broker_answer_exec(). */
        b->kept->launched_id = n->id;
        atomic_signal_fence(memory_order_seq_cst);
        if (broker_continue(b, n->id) < 0)
                b->kept->launched_id = 0;
        return true;
}

static void broker_answer_exec(Broker *b, const struct seccomp_notif *n) {
        char path[256] = {};
        ssize_t k;

        /* Our own code in a process with one thread: nobody there can change the argument under us. */
        if ((b->kept->exec_id == 0 || b->kept->exec_id == n->id) && (pid_t) n->pid == b->master) {
                /* Noted first: dying in between must not leave a second one to grant. */
                b->kept->exec_id = n->id;
                atomic_signal_fence(memory_order_seq_cst);
                if (broker_continue(b, n->id) < 0)
                        b->kept->exec_id = 0;
                return;
        }
        k = broker_read(b, n, n->data.args[0], path, sizeof(path) - 1);
        if (k > 0 && broker_answer_launcher(b, n, path))
                return;
        if (k > 0 && strlen(path) < sizeof(path) - 1 && exec_is_named(b->config, path)) {
                (void) broker_continue(b, n->id);
                return;
        }
        log_sanitize(path);
        path[strcspn(path, "\n")] = '\0';
        if (broker_logs_refusal(b, "execve", path))
                log_event(EVENT_EXEC_REFUSED,
                          "refused to run '%s'; to allow it, add 'Exec=%s' and 'SystemCallFilter=+cgi' to [Sandbox]",
                          path, path);
        (void) broker_refuse(b, n->id, EACCES);
}

/* Whether the descriptor blocks; the kernel knows by the thread that waits. */
static bool descriptor_blocks(pid_t tid, int fd) {
        _cleanup_fclose_ FILE *f = NULL;
        char path[64], line[64];
        unsigned flags = 0;

        snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", tid, fd);
        f = fopen(path, "re");
        while (f && fgets(line, sizeof(line), f))
                if (sscanf(line, "flags: %o", &flags) == 1)
                        break;
        return !(flags & O_NONBLOCK);
}

static bool connect_is_named(const JailConfig *config, const Address *a) {
        for (size_t i = 0; i < config->n_connects; i++)
                if (address_equal(&config->connects[i], a))
                        return true;
        return false;
}

/* Nothing that anybody should be advised to show to a jail: folders that hold more than one service's socket, and those
 * of the host itself. Whoever knocks at them in vain is a C library, or no friend. */
static bool is_socket_of_host(const char *path) {
        static const char *const folders[] = {
                "/",    "/run",     "/run/systemd", "/run/dbus",     "/run/jaild",
                "/tmp", "/var/run", "/dev",         "/var/run/nscd", "/var/run/dbus"
        };
        size_t n = (size_t) (strrchr(path, '/') - path);

        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                if (strlen(folders[i]) == (n ?: 1) && strncmp(folders[i], path, n ?: 1) == 0)
                        return true;
        return strncmp(path, "/run/systemd/", strlen("/run/systemd/")) == 0 ||
               strncmp(path, "/run/jaild/", strlen("/run/jaild/")) == 0;
}

/* UNIX sockets are reached through the jail's files, and the kernel answers, whatever address it reads then (fence.h).
 * Only where the jail has not even its folder we have something to say: elsewhere whoever makes it is late, or down. */
static void broker_answer_connect_unix(Broker *b, const struct seccomp_notif *n) {
        struct sockaddr_un un = {};
        char folder[sizeof(un.sun_path)];
        size_t size = (uint32_t) n->data.args[2];
        ssize_t k = broker_read(b, n, n->data.args[1], &un, size < sizeof(un) - 1 ? size : sizeof(un) - 1);
        bool is_path = k > (ssize_t) offsetof(struct sockaddr_un, sun_path) && un.sun_family == AF_UNIX &&
                       un.sun_path[0] == '/';

        (void) broker_continue(b, n->id);
        if (b->tap || !is_path || streq(un.sun_path, b->last_socket) || is_socket_of_host(un.sun_path))
                return;
        snprintf(folder, sizeof(folder), "%.*s", (int) (strrchr(un.sun_path, '/') - un.sun_path),
                 un.sun_path);
        if (proc_has_path(b->master, folder) != 0) {
                memcpy(b->last_socket, un.sun_path, sizeof(b->last_socket));
                return;
        }
        if (log_limit_pass(&b->log_limit, now_usec(b))) {
                log_sanitize(un.sun_path);
                un.sun_path[strcspn(un.sun_path, "\n")] = '\0';
                log_sanitize(folder);
                folder[strcspn(folder, "\n")] = '\0';
                log_warning("there is no socket %s in the jail; if there is one outside, add 'BindReadOnly=%s' to "
                            "[Files] and build again",
                            un.sun_path, folder);
        }
}

/* prefork's master wakes an idle child by a connection to its own address, which is outside. */
static bool broker_reach_self(const Broker *b, Address *a) {
        const ListenPair *pairs;
        size_t n;

        if (!b->listeners)
                return false;
        pairs = listeners_pairs(b->listeners, &n);
        return listen_pairs_reach(pairs, n, address_port(a), a) >= 0;
}

static void broker_answer_connect(Broker *b, const struct seccomp_notif *n) {
        char buf[ADDRESS_STRING_MAX];
        Address a;
        int r = broker_read_address(b, n, &a);

        if (r > 0) {
                broker_answer_connect_unix(b, n);
                return;
        }
        if (r >= 0 && (pid_t) n->pid == b->master && broker_reach_self(b, &a)) {
                connector_answer(b->connector, n->id, (int) n->data.args[0],
                                 descriptor_blocks((pid_t) n->pid, (int) n->data.args[0]), &a);
                return;
        }
        /* The host's network needs nobody's help. */
        if (r >= 0 && b->config->mode == CONFIG_MODE_HOST) {
                (void) broker_continue(b, n->id);
                return;
        }
        if (r < 0) {
                (void) broker_refuse(b, n->id, -r);
                return;
        }
        if (connect_is_named(b->config, &a)) {
                int fd = (int) n->data.args[0];

                connector_answer(b->connector, n->id, fd, descriptor_blocks((pid_t) n->pid, fd), &a);
                return;
        }
        /* One that ends has no address any more. prefork's master would wake its children by it, which have been told by a
         * signal as well, warns of each failure, and does not look whether what it sends arrives. */
        if (!b->listeners && (pid_t) n->pid == b->master) {
                (void) broker_send(b, n->id, 0, 0);
                return;
        }
        if (!b->listeners || listeners_name(b->listeners, address_port(&a))) {
                (void) broker_refuse(b, n->id, ECONNREFUSED);
                return;
        }
        address_to_string(&a, buf);
        if (broker_logs_refusal(b, "connect", buf))
                log_event(EVENT_CONNECT_REFUSED,
                          "refused a connection to %s; to allow it, add 'Connect=%s' to [Network]", buf,
                          buf);
        (void) broker_refuse(b, n->id, EACCES);
}

static void broker_let_fork(Broker *b, uint64_t id, pid_t pid) {
        /* A signal can take the caller out of the call, which then begins anew: only an answer that arrived is
         * a fork. */
        if (broker_continue(b, id) >= 0 && pid == b->master)
                b->forks(false, b->userdata);
}

static void broker_answer_fork(Broker *b, const struct seccomp_notif *n) {
        /* What forks before the pid file is there is a program that logs are piped to, or a module's own. */
        if (b->kept->holds_forks && (pid_t) n->pid == b->master &&
            proc_has_path(b->master, b->launch->pid_file) != 0) {
                b->kept->parked_id = n->id;
                b->forks(true, b->userdata);
        } else
                broker_let_fork(b, n->id, (pid_t) n->pid);
}

/* "'SystemCallFilter=+cgi' or 'SystemCallFilter=+php'" */
static void groups_to_string(unsigned groups, char *buf, size_t size) {
        size_t n = 0;

        buf[0] = '\0';
        for (unsigned g = 1; g <= POLICY_OPT_IN && n < size; g <<= 1)
                if (groups & g)
                        n += (size_t) snprintf(buf + n, size - n, "%s'SystemCallFilter=+%s'",
                                               n > 0 ? " or " : "", policy_group_to_string((PolicyGroup) g));
}

/* Whether a call is on in this jail: all of the groups that are always on, and those of the opt-in ones. */
static bool broker_may_answer(const Broker *b, int number) {
        const char *name;
        int groups = policy_opt_in_call(number, &name);

        return groups < 0 || ((unsigned) groups & b->config->groups);
}

/* What another kernel without the call would say. Each group is named once: its calls come together. */
static void broker_refuse_call(Broker *b, const struct seccomp_notif *n) {
        const char *name;
        char text[128];
        int groups = policy_opt_in_call(n->data.nr, &name);

        if (groups > 0 && !(b->told & (unsigned) groups) && log_limit_pass(&b->log_limit, now_usec(b))) {
                b->told |= (unsigned) groups;
                groups_to_string((unsigned) groups, text, sizeof(text));
                log_warning("refused Apache the system call %s; to allow it, add %s to [Sandbox]", name,
                            text);
        }
        (void) broker_refuse(b, n->id, POLICY_UNKNOWN_CALL_ERROR);
}

static void broker_answer(Broker *b, const struct seccomp_notif *n) {
        /* fork and vfork are notified where their group is on, too. */
        if (!broker_may_answer(b, n->data.nr)) {
                broker_refuse_call(b, n);
                return;
        }
        switch (n->data.nr) {
        case SYS_bind:
                broker_answer_bind(b, n);
                break;
        case SYS_execve:
                broker_answer_exec(b, n);
                break;
        case SYS_connect:
                broker_answer_connect(b, n);
                break;
        case SYS_clone:
#ifdef SYS_vfork
        case SYS_vfork:
#endif
#ifdef SYS_fork
        case SYS_fork:
#endif
                broker_answer_fork(b, n);
                break;
        default:
                broker_refuse_call(b, n);
        }
}

static int on_notification(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Broker *b = userdata;
        struct seccomp_notif *n = &b->kept->current;

        /* No process is left that has the filter. */
        if (!(revents & EPOLLIN)) {
                b->source = sd_event_source_disable_unref(b->source);
                return 0;
        }
        *n = (struct seccomp_notif){};
        /* ENOENT: killed while we were on our way. */
        if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, n) < 0) {
                if (errno == ENOENT || errno == EINTR)
                        return 0;
                log_error("cannot take a notification any more: %s", strerror(errno));
                b->source = sd_event_source_disable_unref(b->source);
                return 0;
        }
        if (!b->tap || !b->tap->notified(fd, n, b->tap->userdata))
                broker_answer(b, n);
        n->id = 0;
        return 0;
}

int broker_new(sd_event *event, const JailConfig *config, const Launch *launch, int notify_fd, pid_t master,
               BrokerKept *kept, const Listeners *listeners, BrokerForks forks, void *userdata,
               Broker **ret) {
        _cleanup_(broker_freep) Broker *b = calloc(1, sizeof(Broker));
        int r;

        if (!b) {
                close_fd(notify_fd);
                return -ENOMEM;
        }
        *b = (Broker){
                .event = sd_event_ref(event),
                .config = config,
                .launch = launch,
                .notify_fd = notify_fd,
                .master = master,
                .kept = kept,
                .listeners = listeners,
                .forks = forks,
                .userdata = userdata,
        };
        if ((r = connector_new(event, notify_fd, kept->connects, &b->connector)) < 0 ||
            (r = sd_event_add_io(event, &b->source, notify_fd, EPOLLIN, on_notification, b)) < 0)
                return r;
        /* Who asks sleeps until it is answered: on its processor, without waking another. Older kernels do without. */
        (void) ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
        *ret = TAKE_PTR(b);
        return 0;
}

Broker *broker_free(Broker *b) {
        if (!b)
                return NULL;
        sd_event_source_disable_unref(b->source);
        connector_free(b->connector);
        close_fd(b->notify_fd);
        sd_event_unref(b->event);
        free(b);
        return NULL;
}

void broker_set_tap(Broker *b, const BrokerTap *tap) {
        b->tap = tap;
}

void broker_forget_listeners(Broker *b) {
        b->listeners = NULL;
}

void broker_release(Broker *b) {
        uint64_t id = b->kept->parked_id;

        /* In this order: whoever looks after our death must not find a call that nobody will let go. */
        b->kept->holds_forks = false;
        atomic_signal_fence(memory_order_seq_cst);
        if (id != 0)
                broker_let_fork(b, id, b->master);
        b->kept->parked_id = 0;
}

static bool is_waiting(const Broker *b, uint64_t id) {
        return id != 0 && ioctl(b->notify_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) >= 0;
}

void broker_resume(Broker *b) {
        /* It was in the middle of a release. */
        if (!b->kept->holds_forks)
                broker_release(b);
        connector_resume(b->connector);
        if (is_waiting(b, b->kept->current.id))
                broker_answer(b, &b->kept->current);
        b->kept->current.id = 0;
}

bool broker_is_parked(const Broker *b) {
        return b->kept->parked_id != 0;
}
