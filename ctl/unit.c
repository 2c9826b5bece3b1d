#include "unit.h"

#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#include "output.h"
#include "process.h"
#include "strv.h"
#include "supervisor.h"

#define SYSTEMD_NAME      "org.freedesktop.systemd1"
#define SYSTEMD_PATH      "/org/freedesktop/systemd1"
#define SYSTEMD_INTERFACE "org.freedesktop.systemd1.Manager"

typedef struct UnitJob {
        sd_event *event;
        char *path;
        char *result;
} UnitJob;

static void unit_job_done(UnitJob *job) {
        sd_event_unref(job->event);
        free(job->path);
        free(job->result);
}

static int describe(int r, const sd_bus_error *e, char **reterr) {
        if (sd_bus_error_has_names(e, SD_BUS_ERROR_ACCESS_DENIED,
                                   SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED)) {
                *reterr = strdup("starting and stopping needs root");
                return -EACCES;
        }
        if (asprintf(reterr, "systemd refuses: %s", e->message ? e->message : strerror(-r)) < 0)
                *reterr = NULL;
        return r;
}

static int connect_systemd(sd_bus **ret, char **reterr) {
        int r = sd_bus_open_system(ret);

        if (r < 0 && asprintf(reterr, "cannot speak with systemd: %s", strerror(-r)) < 0)
                *reterr = NULL;
        return r;
}

int unit_is_enabled(const char *unit, char **reterr) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        const char *state;
        int r = connect_systemd(&bus, reterr);

        if (r < 0)
                return r;
        r = sd_bus_call_method(bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE, "GetUnitFileState",
                               &error, &reply, "s", unit);
        if (sd_bus_error_has_names(&error, SD_BUS_ERROR_FILE_NOT_FOUND,
                                   "org.freedesktop.systemd1.NoSuchUnit"))
                return -ENOENT;
        if (r >= 0)
                r = sd_bus_message_read(reply, "s", &state);
        return r < 0 ? describe(r, &error, reterr) : strncmp(state, "enabled", strlen("enabled")) == 0;
}

int supervisor_unit_exists(char **reterr) {
        int r = sd_booted();

        if (r <= 0)
                return r;
        r = unit_is_enabled("jaild@.service", reterr);
        return r == -ENOENT ? false : r < 0 ? r : true;
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        const char *path, *unit, *result;
        UnitJob *job = userdata;
        uint32_t id;
        int r;

        r = sd_bus_message_read(m, "uoss", &id, &path, &unit, &result);
        if (r < 0)
                return r;
        if (!job->path || !streq(path, job->path))
                return 0;
        job->result = strdup(result);
        return sd_event_exit(job->event, job->result ? 0 : -ENOMEM);
}

static int begin_job(sd_bus *bus, const char *method, const char *unit, UnitJob *job, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *path;
        int r;

        /* Before the job can end. */
        r = sd_bus_match_signal(bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE, "JobRemoved",
                                on_job_removed, job);
        if (r >= 0)
                r = sd_bus_call_method(bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE, "Subscribe",
                                       error, NULL, "");
        if (r >= 0)
                r = sd_bus_call_method(bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE, method, error,
                                       &reply, "ss", unit, "replace");
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        if (r < 0)
                return r;
        job->path = strdup(path);
        return job->path ? 0 : -ENOMEM;
}

int unit_do(const char *method, const char *unit, const char *label, char **reterr) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(unit_job_done) UnitJob job = {};
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(progress_freep) Progress *progress = NULL;
        int r;

        r = sd_event_new(&job.event);
        if (r >= 0)
                r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_attach_event(bus, job.event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = progress_new(job.event, label, &progress);
        if (r >= 0)
                r = begin_job(bus, method, unit, &job, &error);
        if (r >= 0)
                r = sd_event_loop(job.event);
        if (r < 0 && sd_bus_error_has_name(&error, "org.freedesktop.systemd1.NoSuchUnit"))
                return -ENOENT;
        if (r < 0)
                return describe(r, &error, reterr);

        if (streq(job.result, "done"))
                return 0;
        if (streq(job.result, "failed"))
                return -EIO;
        if (asprintf(reterr, "systemd's job ended as '%s': systemctl status %s", job.result, unit) < 0)
                *reterr = NULL;
        return -EIO;
}

int supervisor_start_unit(const char *name, const char *label, char **reterr) {
        _cleanup_free_ char *unit = NULL;

        if (asprintf(&unit, "jaild@%s.service", name) < 0)
                return -ENOMEM;
        return unit_do("StartUnit", unit, label, reterr);
}

static int ports_unit(const char *name, char **ret) {
        return asprintf(ret, "jaild-http@%s.socket", name) < 0 ? -ENOMEM : 0;
}

/* Whether a property of the unit has that value. */
static bool unit_has(const char *unit, const char *property, const char *value) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_free_ char *path = NULL, *is = NULL;

        return sd_bus_open_system(&bus) >= 0 && sd_bus_path_encode(SYSTEMD_PATH "/unit", unit, &path) >= 0 &&
               sd_bus_get_property_string(bus, SYSTEMD_NAME, path, "org.freedesktop.systemd1.Unit", property,
                                          NULL, &is) >= 0 &&
               streq(is, value);
}

int supervisor_stop_unit(const char *name, const char *label, char **reterr) {
        _cleanup_free_ char *unit = NULL;
        int r;

        if (asprintf(&unit, "jaild@%s.service", name) < 0)
                return -ENOMEM;
        if (sd_booted() <= 0 || !unit_has(unit, "LoadState", "loaded") ||
            unit_has(unit, "ActiveState", "inactive") || unit_has(unit, "ActiveState", "failed"))
                return 0;
        r = unit_do("StopUnit", unit, label, reterr);
        return r < 0 ? r : 1;
}

int supervisor_start_ports(const char *name, const char *label, char **reterr) {
        _cleanup_free_ char *unit = NULL, *service = NULL;
        int r = ports_unit(name, &unit);

        if (r < 0 || sd_booted() <= 0 || supervisor_ports_are_held(name) ||
            !unit_has(unit, "LoadState", "loaded"))
                return r;
        if (asprintf(&service, "jaild@%s.service", name) < 0)
                return -ENOMEM;
        /* No supervisor lives, but systemd may not have cleared it away yet, and has no socket for what is active. */
        r = unit_do("StopUnit", service, label, reterr);
        if (r >= 0 || r == -ENOENT)
                r = unit_do("StartUnit", unit, label, reterr);
        if (r == -EIO && !*reterr &&
            asprintf(reterr, "systemd cannot hold the ports: systemctl status %s", unit) < 0)
                *reterr = NULL;
        return r == -ENOENT ? 0 : r;
}

int supervisor_stop_ports(const char *name, const char *label, char **reterr) {
        _cleanup_free_ char *unit = NULL;
        int r = ports_unit(name, &unit);

        /* Nothing is asked of systemd that need not be: who may stop a jail need not be root. */
        if (r < 0 || !supervisor_ports_are_held(name))
                return r;
        r = unit_do("StopUnit", unit, label, reterr);
        return r == -ENOENT ? 0 : r;
}

bool supervisor_ports_are_held(const char *name) {
        _cleanup_free_ char *unit = NULL;

        return sd_booted() > 0 && ports_unit(name, &unit) >= 0 && unit_has(unit, "ActiveState", "active");
}

/* The process of a unit that none of its processes has started. systemd itself guesses, and often gives up, where a server
 * puts itself into the background (Type=forking without PIDFile=, as Debian's apache2.service). */
static int find_first_process(sd_bus *bus, const char *unit, sd_bus_error *error, pid_t *ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        pid_t pids[1024];
        size_t n = 0;
        uint32_t pid;
        int r;

        r = sd_bus_call_method(bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE, "GetUnitProcesses", error,
                               &reply, "s", unit);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "(sus)");
        while (r >= 0 && n < ELEMENTSOF(pids) &&
               (r = sd_bus_message_read(reply, "(sus)", NULL, &pid, NULL)) > 0)
                pids[n++] = (pid_t) pid;
        *ret = 0;
        for (size_t i = 0; r >= 0 && *ret == 0 && i < n; i++) {
                pid_t parent = process_parent(pids[i]);
                size_t k = 0;

                while (k < n && pids[k] != parent)
                        k++;
                if (parent > 0 && k == n)
                        *ret = pids[i];
        }
        return r;
}

int unit_get_main_pid(const char *unit, pid_t *ret, char **reterr) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_free_ char *path = NULL, *state = NULL;
        uint32_t pid = 0;
        int r = connect_systemd(&bus, reterr);

        if (r < 0)
                return r;
        *ret = 0;
        r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path);
        if (r >= 0)
                r = sd_bus_get_property_string(bus, SYSTEMD_NAME, path, "org.freedesktop.systemd1.Unit",
                                               "ActiveState", &error, &state);
        if (r >= 0 && !streq(state, "active"))
                return 0;
        if (r >= 0)
                r = sd_bus_get_property_trivial(bus, SYSTEMD_NAME, path, "org.freedesktop.systemd1.Service",
                                                "MainPID", &error, 'u', &pid);
        *ret = (pid_t) pid;
        if (r >= 0 && pid == 0)
                r = find_first_process(bus, unit, &error, ret);
        return r < 0 ? describe(r, &error, reterr) : 0;
}

int unit_sets_variable(const char *unit, const char *variable, char **reterr) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_strv_free_ char **environment = NULL;
        _cleanup_free_ char *path = NULL;
        size_t n = strlen(variable);
        int r = connect_systemd(&bus, reterr);

        if (r < 0)
                return r;
        r = sd_bus_path_encode(SYSTEMD_PATH "/unit", unit, &path);
        if (r >= 0)
                r = sd_bus_get_property_strv(bus, SYSTEMD_NAME, path, "org.freedesktop.systemd1.Service",
                                             "Environment", &error, &environment);
        if (r < 0)
                return describe(r, &error, reterr);
        for (char **e = environment; e && *e; e++)
                if (strncmp(*e, variable, n) == 0 && (*e)[n] == '=')
                        return true;
        return false;
}

int unit_read_all(char **reterr) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        int r = connect_systemd(&bus, reterr);

        if (r < 0)
                return r;
        r = sd_bus_call_method(bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE, "Reload", &error, NULL,
                               "");
        return r < 0 ? describe(r, &error, reterr) : 0;
}

int unit_enable(const char *const *units, bool enable, char **reterr) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        int r = connect_systemd(&bus, reterr);

        if (r < 0)
                return r;
        r = sd_bus_message_new_method_call(bus, &m, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE,
                                           enable ? "EnableUnitFiles" : "DisableUnitFiles");
        if (r >= 0)
                r = sd_bus_message_append_strv(m, (char **) (uintptr_t) units);
        /* Not for this boot only; and a link that is in the way is somebody's. */
        if (r >= 0)
                r = enable ? sd_bus_message_append(m, "bb", false, false)
                           : sd_bus_message_append(m, "b", false);
        if (r >= 0)
                r = sd_bus_call(bus, m, 0, &error, NULL);
        return r < 0 ? describe(r, &error, reterr) : unit_read_all(reterr);
}
