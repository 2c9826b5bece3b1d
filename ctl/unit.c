#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#include "output.h"
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
                *reterr = strdup("starting needs root");
                return -EACCES;
        }
        if (asprintf(reterr, "systemd refuses: %s", e->message ? e->message : strerror(-r)) < 0)
                *reterr = NULL;
        return r;
}

int supervisor_unit_exists(char **reterr) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        int r;

        r = sd_booted();
        if (r <= 0)
                return r;
        r = sd_bus_open_system(&bus);
        if (r < 0) {
                if (asprintf(reterr, "cannot speak with systemd: %s", strerror(-r)) < 0)
                        *reterr = NULL;
                return r;
        }
        r = sd_bus_call_method(bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE, "GetUnitFileState",
                               &error, &reply, "s", "jaild@.service");
        if (r >= 0)
                return true;
        if (sd_bus_error_has_names(&error, SD_BUS_ERROR_FILE_NOT_FOUND,
                                   "org.freedesktop.systemd1.NoSuchUnit"))
                return false;
        return describe(r, &error, reterr);
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

/* method: StartUnit or StopUnit. */
static int queue_job(sd_bus *bus, const char *method, const char *unit, UnitJob *job, sd_bus_error *error) {
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

/* Returns 0 when the job is done; -ENOENT where there is no such unit; -EIO, without a reason, where it failed. */
static int run_job(const char *method, const char *unit, const char *label, char **reterr) {
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
                r = queue_job(bus, method, unit, &job, &error);
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
        return run_job("StartUnit", unit, label, reterr);
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

int supervisor_start_ports(const char *name, const char *label, char **reterr) {
        _cleanup_free_ char *unit = NULL, *service = NULL;
        int r = ports_unit(name, &unit);

        if (r < 0 || sd_booted() <= 0 || supervisor_ports_are_held(name) ||
            !unit_has(unit, "LoadState", "loaded"))
                return r;
        if (asprintf(&service, "jaild@%s.service", name) < 0)
                return -ENOMEM;
        /* No supervisor lives, but systemd may not have cleared it away yet, and has no socket for what is active. */
        r = run_job("StopUnit", service, label, reterr);
        if (r >= 0 || r == -ENOENT)
                r = run_job("StartUnit", unit, label, reterr);
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
        r = run_job("StopUnit", unit, label, reterr);
        return r == -ENOENT ? 0 : r;
}

bool supervisor_ports_are_held(const char *name) {
        _cleanup_free_ char *unit = NULL;

        return sd_booted() > 0 && ports_unit(name, &unit) >= 0 && unit_has(unit, "ActiveState", "active");
}
