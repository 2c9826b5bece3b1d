#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-login.h>

#include "log.h"
#include "proc.h"

#define SYSTEMD            "org.freedesktop.systemd1"
#define SYSTEMD_SOCKET     "unix:path=/run/systemd/private"
#define REPLY_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define END_TIMEOUT_MSEC   10000
#define UNIT_PROCESSES_MAX 16384

/* The type of the unit's job in *ret, "" if it has none. Returns 0 or an errno. */
static int unit_job_type(const char *unit, char **ret) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL;
        const char *job;
        uint32_t id;
        int r;

        if ((r = sd_bus_new(&bus)) < 0 || (r = sd_bus_set_address(bus, SYSTEMD_SOCKET)) < 0 ||
            (r = sd_bus_start(bus)) < 0 ||
            (r = sd_bus_set_method_call_timeout(bus, REPLY_TIMEOUT_USEC)) < 0 ||
            (r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path)) < 0 ||
            (r = sd_bus_get_property(bus, SYSTEMD, path, SYSTEMD ".Unit", "Job", NULL, &reply, "(uo)")) <
                            0 ||
            (r = sd_bus_message_read(reply, "(uo)", &id, &job)) < 0)
                return r;
        if (id != 0)
                return sd_bus_get_property_string(bus, SYSTEMD, job, SYSTEMD ".Job", "JobType", NULL, ret);
        *ret = strdup("");
        return *ret ? 0 : -ENOMEM;
}

/* Our own unit, if we are one: not a shell's session, nor a container's only process. */
static char *own_unit(void) {
        char *unit = NULL;

        if (sd_booted() <= 0 || sd_pid_get_unit(0, &unit) < 0)
                return NULL;
        if (strncmp(unit, "jaild@", strlen("jaild@")) == 0)
                return unit;
        free(unit);
        return NULL;
}

bool unit_is_restarting(void) {
        _cleanup_free_ char *unit = own_unit(), *type = NULL;
        int r;

        if (!unit)
                return false;
        r = unit_job_type(unit, &type);
        if (r < 0)
                log_warning("cannot ask systemd whether this is a restart, taking it for a stop: %s",
                            strerror(-r));
        return r >= 0 && streq(type, "restart");
}

/* The processes of a control group, on either kind of hierarchy. */
static FILE *open_processes(const char *group) {
        static const char *const mounts[] = { "", "/systemd", "/unified" };

        for (size_t i = 0; i < ELEMENTSOF(mounts); i++) {
                _cleanup_free_ char *path = NULL;
                FILE *f;

                if (asprintf(&path, "/sys/fs/cgroup%s%s/cgroup.procs", mounts[i], group) < 0)
                        return NULL;
                f = fopen(path, "re");
                if (f)
                        return f;
        }
        return NULL;
}

/* Returns whether it was one of the group. */
static bool end(pid_t pid, const char *group) {
        _cleanup_close_ int fd = pidfd_open(pid, 0);
        _cleanup_free_ char *its_group = NULL;
        struct pollfd p = { .fd = fd, .events = POLLIN };

        /* The list is as old as those before it took to end, and the number may have become another's before it was held: who
         * is in the group now cannot leave it. */
        if (fd < 0 || sd_pid_get_cgroup(pid, &its_group) < 0 || !streq(its_group, group) ||
            pidfd_send_signal(fd, SIGKILL, NULL, 0) < 0)
                return false;
        while (poll(&p, 1, END_TIMEOUT_MSEC) < 0 && errno == EINTR)
                ;
        return true;
}

static bool is_among(pid_t pid, const pid_t *pids, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (pids[i] == pid)
                        return true;
        return false;
}

/* Returns how many there were. */
static unsigned end_all(const pid_t *known, size_t n_known, bool masters_only) {
        _cleanup_free_ char *group = NULL;
        _cleanup_fclose_ FILE *f = sd_pid_get_cgroup(0, &group) < 0 ? NULL : open_processes(group);
        unsigned n = 0;
        pid_t pid;

        while (f && n < UNIT_PROCESSES_MAX && fscanf(f, "%d", &pid) == 1) {
                if (pid == getpid() || is_among(pid, known, n_known) ||
                    (masters_only && !proc_is_namespace_init(pid)))
                        continue;
                n += end(pid, group);
        }
        return n;
}

void unit_end_strangers(const pid_t *known, size_t n) {
        _cleanup_free_ char *unit = own_unit();
        unsigned ended = unit ? end_all(known, n, true) : 0;

        if (ended > 0)
                log_warning("ended %u master%s that an earlier supervisor had left behind", ended,
                            ended == 1 ? "" : "s");
}

int unit_after_stop(void) {
        const char *result = getenv("SERVICE_RESULT") ?: "";
        _cleanup_free_ char *unit = own_unit(), *type = NULL;
        unsigned ended;
        int r;

        if (!unit) {
                log_error("--after-stop is for ExecStopPost= of jaild@.service");
                return EXIT_FAILURE;
        }
        r = unit_job_type(unit, &type);
        if (r >= 0 && streq(type, "restart"))
                return EXIT_SUCCESS;
        /* As Restart=on-abnormal has it: nobody wanted this, and the next supervisor is on its way. */
        if (r >= 0 && !streq(type, "stop") && !streq(result, "success") && !streq(result, "exit-code"))
                return EXIT_SUCCESS;
        ended = end_all(NULL, 0, false);
        if (ended > 0)
                log_warning("ended %u process%s that the supervisor had left behind", ended,
                            ended == 1 ? "" : "es");
        return EXIT_SUCCESS;
}
