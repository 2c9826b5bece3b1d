#include <fcntl.h>
#include <getopt.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <systemd/sd-daemon.h>

#include "bus.h"
#include "config-paths.h"
#include "control.h"
#include "jail.h"
#include "log.h"
#include "privileges.h"
#include "record.h"
#include "store.h"
#include "unit.h"

/* On demand, systemd starts us for the next client, and gives up listening after 20 starts within two seconds
 * (TriggerLimitBurst= of systemd.socket(5)): so long we stay after a failure, and the ports stay open until the cause is mended. */
#define FAILURE_USEC (150 * USEC_PER_MSEC)
/* And so long where all is well. */
#define IDLE_USEC (10 * USEC_PER_SEC)

/* jailctl(1) has the same numbers. */
enum {
        EXIT_USAGE = 2,
        EXIT_NO_SUCH_JAIL = 4,
};

typedef struct Manager {
        sd_event *event;
        Jail *jail;
        Control *control;
        JailConfig *config;
        int lock_fd;
        bool own_control;
        /* Runs where nobody needs us, until we go: whoever is connected may still have something to ask. */
        sd_event_source *idle_source;
} Manager;

/* Kernel 5.15 has all that the room is built of. What namespaces it was built without, room_explain() says. */
static bool kernel_is_able(void) {
        uint32_t action = SECCOMP_RET_USER_NOTIF;
        unsigned major = 0, minor = 0;
        struct utsname u = {};

        if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2 || major < 5 ||
            (major == 5 && minor < 15)) {
                log_error("this kernel (%s) is too old: 5.15 or newer is needed", u.release);
                return false;
        }
        if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0) {
                log_error("this kernel was built without seccomp user notification (CONFIG_SECCOMP_FILTER)");
                return false;
        }
        return true;
}

/* The control socket that systemd passes, among the others. */
static struct InheritedItem *find_control(const Inherited *in) {
        for (size_t i = 0; i < in->n; i++)
                if (in->item[i].fd >= 0 && sd_is_socket_unix(in->item[i].fd, SOCK_STREAM, 1, NULL, 0) > 0)
                        return &in->item[i];
        return NULL;
}

/* Whether a client that waits on systemd's socket has woken us. Asked before the lock shows that we live: who only wants to
 * know how the jail is comes then. */
static bool is_activated(const Inherited *in) {
        const struct InheritedItem *control = find_control(in);
        struct pollfd p = { .fd = control ? control->fd : -EBADF, .events = POLLIN };

        return poll(&p, 1, 0) > 0;
}

/* systemd's socket, or our own. Returns the descriptor. */
static int take_control(Inherited *in, const char *jail_name, bool *ret_own) {
        struct InheritedItem *control;
        int fd;

        /* What we opened before store_execute() is ours still. */
        if (!store_is_there() && (fd = inherited_take(in, JAIL_RUN_CONTROL)) >= 0) {
                *ret_own = true;
                return fd;
        }
        control = find_control(in);
        *ret_own = !control;
        return control ? TAKE_FD(control->fd) : record_open_control(jail_name);
}

static void ignore_done(int r, const char *message, void *userdata) {
}

static void request(Manager *m, JailRequest what) {
        _cleanup_free_ char *why = NULL;

        if (jail_request(m->jail, what, ignore_done, m, &why) < 0)
                log_warning("not done: %s", why ?: "out of memory");
}

static int on_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        Manager *m = userdata;

        if (si->ssi_signo == SIGHUP) {
                log_info("reload asked for by SIGHUP from process %u", si->ssi_pid);
                request(m, JAIL_RELOAD);
        } else if (si->ssi_signo == SIGTERM && store_is_there() && unit_is_restarting()) {
                /* All that the next one needs is in the store, as ever: this is no different from being killed. */
                log_info("restart of the supervisor: the server goes on");
                exit(EXIT_SUCCESS);
        } else {
                log_info("stop asked for by SIG%s from process %u", sigabbrev_np((int) si->ssi_signo),
                         si->ssi_pid);
                request(m, JAIL_STOP);
        }
        return 0;
}

static int add_signals(Manager *m) {
        static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
        sigset_t mask;

        sigemptyset(&mask);
        /* sd_event_add_child_pidfd(3) insists. */
        sigaddset(&mask, SIGCHLD);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                sigaddset(&mask, signals[i]);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                int r = sd_event_add_signal(m->event, NULL, signals[i], on_signal, m);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void manager_exit(Manager *m, LifecycleState state) {
        (void) sd_notifyf(false, "STOPPING=1\nSTATUS=%s", lifecycle_state_to_string(state));
        (void) sd_event_exit(m->event, state == LIFECYCLE_FAILED ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* A client woke us through systemd's socket: what it asks decides, and if it goes without asking, so do we. The same where
 * systemd watches the ports of a jail on demand. */
static int on_idle(sd_event_source *s, uint64_t usec, void *userdata) {
        Manager *m = userdata;
        JailStatus status;

        jail_get_status(m->jail, &status);
        if (status.state == LIFECYCLE_STOPPED || status.state == LIFECYCLE_FAILED ||
            jail_is_dispensable(m->jail))
                manager_exit(m, status.state);
        return 0;
}

static void manager_arm_idle(Manager *m, uint64_t usec) {
        (void) sd_event_source_set_time_relative(m->idle_source, usec);
        (void) sd_event_source_set_enabled(m->idle_source, SD_EVENT_ONESHOT);
}

/* jaild lives as long as there is something to supervise. */
static void on_changed(Jail *jail, void *userdata) {
        Manager *m = userdata;
        JailStatus s;

        jail_get_status(jail, &s);
        control_state_changed(m->control);
        switch (s.state) {
        case LIFECYCLE_STOPPED:
                manager_exit(m, s.state);
                break;
        case LIFECYCLE_FAILED:
                if (m->config->on_demand)
                        manager_arm_idle(m, FAILURE_USEC);
                else
                        manager_exit(m, s.state);
                break;
        case LIFECYCLE_RUNNING:
                (void) sd_notifyf(false, "READY=1\nSTATUS=running, generation %u, master %d", s.generation,
                                  s.main_pid);
                break;
        case LIFECYCLE_IDLE:
                (void) sd_notify(false, "READY=1\nSTATUS=idle, the first client starts the server");
                if (jail_is_dispensable(jail))
                        manager_arm_idle(m, IDLE_USEC);
                break;
        default:
                (void) sd_notifyf(false, "STATUS=%s", lifecycle_state_to_string(s.state));
        }
}

static int manager_start(Manager *m, const char *name, Inherited *in) {
        _cleanup_free_ char *why = NULL;
        bool activated = is_activated(in);
        int fd, r, adopted;

        m->lock_fd = record_lock(name, in);
        if (m->lock_fd < 0) {
                if (m->lock_fd == -EBUSY)
                        log_error("another jaild supervises this jail already");
                else
                        log_error("cannot use " JAILD_RUN_DIR "/%s: %s", name, strerror(-m->lock_fd));
                return m->lock_fd;
        }
        record_remove_last(name);
        if ((r = sd_event_default(&m->event)) < 0 || (r = add_signals(m)) < 0 ||
            (r = sd_event_set_watchdog(m->event, true)) < 0 ||
            (r = sd_event_add_time(m->event, &m->idle_source, CLOCK_MONOTONIC, 0, 0, on_idle, m)) < 0 ||
            (r = sd_event_source_set_enabled(m->idle_source, SD_EVENT_OFF)) < 0 ||
            (r = adopted = jail_new(m->event, m->config, in, &m->jail, &why)) < 0) {
                log_error("cannot begin: %s", why ?: strerror(-r));
                return r;
        }
        r = fd = take_control(in, name, &m->own_control);
        if (fd < 0 || (r = control_new(m->event, m->jail, fd, &m->control)) < 0) {
                log_error("cannot open the control socket: %s", strerror(-r));
                return r;
        }
        inherited_discard(in);
        jail_on_changed(m->jail, on_changed, m);
        if (adopted) {
                jail_resume(m->jail);
                return 0;
        }
        if (!activated && !jail_waits_for_request(m->jail)) {
                request(m, JAIL_START);
                return 0;
        }
        if (jail_is_passed_sockets(m->jail)) {
                jail_wait_for_client(m->jail);
                return 0;
        }
        jail_wait_for_request(m->jail);
        (void) sd_notify(false, "READY=1\nSTATUS=stopped");
        manager_arm_idle(m, IDLE_USEC);
        return 0;
}

static int manager_run(Manager *m, const char *name, Inherited *in) {
        int r = manager_start(m, name, in);

        if (r >= 0) {
                r = sd_event_loop(m->event);
                if (r < 0)
                        log_error("the event loop ended: %s", strerror(-r));
        }
        if (m->jail && record_write_last(m->jail) < 0)
                log_warning("cannot leave the last state in " JAILD_RUN_DIR);
        control_free(m->control);
        jail_free(m->jail);
        sd_event_source_disable_unref(m->idle_source);
        sd_event_unref(m->event);
        if (m->own_control && m->lock_fd >= 0)
                record_remove_control(name);
        /* Last: whoever waits for it may trust that nothing of the jail is left. */
        close_fd(m->lock_fd);
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void help(FILE *f) {
        fputs("Usage: jaild [--help] [--version] [--after-stop] NAME\n"
              "\n"
              "Supervise the jail NAME (" JAILD_CONF_DIR "/NAME.conf) until it is told to stop.\n"
              "It is meant to be run by systemd (jaild@NAME.service) or by jailctl(1).\n"
              "--after-stop is for the unit: end what a supervisor that died has left behind.\n",
              f);
}

/* Returns the exit status, or -1 to go on with *ret_name. */
static int parse_arguments(int argc, char *argv[], const char **ret_name, bool *ret_after_stop) {
        static const struct option options[] = {
                { "after-stop", no_argument, NULL, 'A' },
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, 'V' },
                {},
        };

        for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) >= 0;)
                switch (c) {
                case 'A':
                        *ret_after_stop = true;
                        break;
                case 'h':
                        help(stdout);
                        return EXIT_SUCCESS;
                case 'V':
                        puts("jaild " JAILD_VERSION);
                        return EXIT_SUCCESS;
                default:
                        return EXIT_USAGE;
                }
        if (argc - optind != 1) {
                help(stderr);
                return EXIT_USAGE;
        }
        *ret_name = argv[optind];
        return -1;
}

/* Each log of each virtual host takes a few, and each document root one at a start. */
static void raise_descriptor_limit(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
                limit.rlim_cur = limit.rlim_max;
                (void) setrlimit(RLIMIT_NOFILE, &limit);
        }
}

/* Returns the exit status. What was not taken of the inherited by then, nobody has. */
static int supervise(const char *name, Inherited *in) {
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        _cleanup_(config_error_done) ConfigError error = {};
        int r;

        if (!kernel_is_able())
                return EXIT_FAILURE;
        jail_remember_program();
        if ((r = privileges_drop()) < 0 || (r = privileges_confine()) < 0) {
                log_error("cannot give up privileges: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        raise_descriptor_limit();
        r = jail_config_load(name, &config, &error);
        if (r < 0) {
                log_event(EVENT_JAIL_REFUSED, "%s",
                          error.message
                                          ?: r == -ENOENT ? "no such jail"
                                                          : strerror(-r));
                return r == -ENOENT ? EXIT_NO_SUCH_JAIL : EXIT_FAILURE;
        }
        return manager_run(&(Manager){ .config = config, .lock_fd = -EBADF }, name, in);
}

static int on_client_in_vain(sd_event_source *s, int fd, uint32_t events, void *userdata) {
        close_fd(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
        return 0;
}

/* A start that failed before there was a jail, for whatever reason, so that nobody took the sockets that a client waits at:
 * whoever does is closed, who would have systemd start us again in vain, and we stay as long as a jail that failed.
 * Not where an earlier supervisor left anything: its server accepts from the same sockets. */
static void turn_away(const Inherited *in) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        bool is_passed = false;

        for (size_t i = 0; i < in->n; i++) {
                int fd = in->item[i].fd;

                if (fd < 0)
                        continue;
                if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
                        return;
                is_passed = true;
        }
        /* Without a handler the timer ends the loop. */
        if (!is_passed || sd_event_new(&event) < 0 ||
            sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, FAILURE_USEC, 0, NULL, NULL) < 0)
                return;
        for (size_t i = 0; i < in->n; i++)
                if (in->item[i].fd >= 0)
                        (void) sd_event_add_io(event, NULL, in->item[i].fd, EPOLLIN, on_client_in_vain,
                                               NULL);
        (void) sd_event_loop(event);
}

int main(int argc, char *argv[]) {
        _cleanup_(inherited_done) Inherited in = {};
        bool after_stop = false;
        const char *name;
        int r = parse_arguments(argc, argv, &name, &after_stop);

        if (r >= 0)
                return r;
        log_open(name);
        (void) umask(022);
        if (geteuid() != 0) {
                log_error("jaild must be run by root");
                return EXIT_FAILURE;
        }
        if (after_stop)
                return unit_after_stop();
        store_open();
        r = inherited_collect(&in);
        if (r < 0) {
                log_error("cannot take what systemd passes: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        r = supervise(name, &in);
        turn_away(&in);
        return r;
}
