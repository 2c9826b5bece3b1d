/* The object on each connection: what a peer may ask of the jail, and read of it. */

#include "bus.h"
#include "control-internal.h"
#include "utf8.h"

static void request_done(int r, const char *message, void *userdata) {
        Connection *c = userdata;
        _cleanup_free_ char *text = utf8_copy(message);
        sd_bus_message *call = TAKE_PTR(c->pending);

        if (r >= 0)
                r = sd_bus_reply_method_return(call, NULL);
        else
                r = sd_bus_reply_method_errorf(call,
                                               r == -ENOTCONN ? JAIL_BUS_ERROR_NOT_RUNNING
                                               : r == -EBUSY  ? JAIL_BUS_ERROR_BUSY
                                                              : JAIL_BUS_ERROR_FAILED,
                                               "%s", text && *text ? text : strerror(-r));
        sd_bus_message_unref(call);
        if (r < 0)
                connection_doom(c);
}

/* How a request is spoken of. */
static const struct {
        const char *noun;
        const char *doing;
} words[_JAIL_REQUEST_MAX] = {
        [JAIL_START] = { "start", "starting" },
        [JAIL_STOP] = { "stop", "stopping" },
        [JAIL_RESTART] = { "restart", "restarting" },
        [JAIL_RELOAD] = { "reload", "reloading" },
};

static int refuse_stranger(const Connection *c, JailRequest request, sd_bus_error *reterr) {
        uint64_t now_usec = 0;

        (void) sd_event_now(c->control->event, CLOCK_MONOTONIC, &now_usec);
        if (log_limit_pass(&c->control->refusals, now_usec))
                log_event(EVENT_CONTROL_REFUSED,
                          "%s refused to process %d of user %u, who is neither root nor in group %s",
                          words[request].noun, c->peer.pid, c->peer.uid, CONTROL_GROUP);
        return sd_bus_error_setf(reterr, SD_BUS_ERROR_ACCESS_DENIED, "%s needs root or group %s",
                                 words[request].doing, CONTROL_GROUP);
}

/* Ask the jail for something about a number. */
typedef int (*RequestNumber)(Jail *jail, unsigned number, Connection *c, char **reterr);

/* With ask NULL for the plain request. */
static int bus_on_change(sd_bus_message *m, Connection *c, JailRequest request, RequestNumber ask,
                         unsigned number, sd_bus_error *reterr) {
        _cleanup_free_ char *reason = NULL;
        int r;

        if (!c->peer.may_change)
                return refuse_stranger(c, request, reterr);
        if (c->pending)
                return sd_bus_error_setf(reterr, JAIL_BUS_ERROR_BUSY,
                                         "this connection's last request is still under way");

        log_info("%s asked for by process %d of user %u", words[request].noun, c->peer.pid, c->peer.uid);
        c->pending = sd_bus_message_ref(m);
        r = ask ? ask(c->control->jail, number, c, &reason)
                : jail_request(c->control->jail, request, request_done, c, &reason);
        if (r < 0)
                request_done(r, reason, c);
        return 1;
}

static int bus_on_request(sd_bus_message *m, Connection *c, JailRequest request, sd_bus_error *reterr) {
        return bus_on_change(m, c, request, NULL, 0, reterr);
}

static int bus_on_start(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        return bus_on_request(m, userdata, JAIL_START, reterr);
}

static int bus_on_stop(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        return bus_on_request(m, userdata, JAIL_STOP, reterr);
}

static int bus_on_restart(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        return bus_on_request(m, userdata, JAIL_RESTART, reterr);
}

static int bus_on_reload(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        return bus_on_request(m, userdata, JAIL_RELOAD, reterr);
}

static int ask_replacement(Jail *jail, unsigned generation, Connection *c, char **reterr) {
        return jail_request_replacement(jail, generation, request_done, c, reterr);
}

static int ask_take_over(Jail *jail, unsigned pid, Connection *c, char **reterr) {
        return jail_request_take_over(jail, (pid_t) pid, request_done, c, reterr);
}

/* An answer is a refusal. */
static int ask_reexecution(Jail *jail, unsigned unused, Connection *c, char **reterr) {
        return jail_reexecute(jail, reterr);
}

static int bus_on_reexecute(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        return bus_on_change(m, userdata, JAIL_RESTART, ask_reexecution, 0, reterr);
}

static int bus_on_replace(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        uint32_t generation;
        int r = sd_bus_message_read(m, "u", &generation);

        if (r < 0)
                return r;
        if (generation == 0)
                return sd_bus_error_set(reterr, SD_BUS_ERROR_INVALID_ARGS, "there is no generation 0");
        return bus_on_change(m, userdata, JAIL_RESTART, ask_replacement, generation, reterr);
}

static int bus_on_take_over(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        Connection *c = userdata;
        uint32_t pid;
        int r = sd_bus_message_read(m, "u", &pid);

        if (r < 0)
                return r;
        /* Whoever is in the group may do much to the jail, but nothing to other processes. */
        if (c->peer.uid != 0)
                return refuse_stranger(c, JAIL_START, reterr);
        if (pid == 0 || pid > INT32_MAX)
                return sd_bus_error_set(reterr, SD_BUS_ERROR_INVALID_ARGS, "that is no process");
        return bus_on_change(m, c, JAIL_START, ask_take_over, pid, reterr);
}

static int bus_on_share(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        _cleanup_free_ char *reason = NULL;
        Connection *c = userdata;
        int share, r = sd_bus_message_read(m, "b", &share);

        if (r < 0)
                return r;
        /* As long as they are shared, a server of root's can serve the jail's clients. */
        if (c->peer.uid != 0)
                return refuse_stranger(c, JAIL_START, reterr);
        r = jail_share_sockets(c->control->jail, share, &reason);
        if (r < 0)
                return sd_bus_error_set(reterr, JAIL_BUS_ERROR_FAILED, reason ? reason : strerror(-r));
        log_info("sockets are %s",
                 share ? "shared with a server that is to listen beside" : "no more shared");
        return sd_bus_reply_method_return(m, "");
}

static int bus_get_state(sd_bus *bus, const char *path, const char *interface, const char *property,
                         sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        const Connection *c = userdata;

        return sd_bus_message_append(reply, "s", lifecycle_state_to_string(c->status.state));
}

static int bus_get_listen(sd_bus *bus, const char *path, const char *interface, const char *property,
                          sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        const Connection *c = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "s");
        for (size_t i = 0; r >= 0 && i < c->status.n_listens; i++) {
                const ListenPair *pair = c->status.listens + i;
                char text[2 * ADDRESS_STRING_MAX];

                address_to_string(&pair->outside, text);
                if (!address_equal(&pair->outside, &pair->inside)) {
                        size_t n = strlen(text);

                        text[n] = ' ';
                        address_to_string(&pair->inside, text + n + 1);
                }
                r = sd_bus_message_append(reply, "s", text);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* Where no getter is named sd-bus reads the field itself. Each method is for the unprivileged in sd-bus's
 * eyes, as its own notion of privilege is the bus's; bus_on_request() decides. */
#define METHOD(name, callback)           SD_BUS_METHOD(name, "", "", callback, SD_BUS_VTABLE_UNPRIVILEGED)
#define PROPERTY(name, type, get, field) SD_BUS_PROPERTY(name, type, get, offsetof(Connection, field), 0)

const sd_bus_vtable control_object[] = {
        SD_BUS_VTABLE_START(0),
        METHOD(JAIL_BUS_START, bus_on_start),
        METHOD(JAIL_BUS_STOP, bus_on_stop),
        METHOD(JAIL_BUS_RESTART, bus_on_restart),
        METHOD(JAIL_BUS_RELOAD, bus_on_reload),
        METHOD(JAIL_BUS_REEXECUTE, bus_on_reexecute),
        SD_BUS_METHOD(JAIL_BUS_REPLACE, "u", "", bus_on_replace, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD(JAIL_BUS_TAKE_OVER, "u", "", bus_on_take_over, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD(JAIL_BUS_SHARE, "b", "", bus_on_share, SD_BUS_VTABLE_UNPRIVILEGED),
        PROPERTY("Name", "s", NULL, status.name),
        PROPERTY("Description", "s", NULL, description),
        SD_BUS_PROPERTY("State", "s", bus_get_state, 0, 0),
        PROPERTY("StateSince", "t", NULL, status.since_usec),
        PROPERTY("MainPID", "u", NULL, status.main_pid),
        PROPERTY("StandbyPID", "u", NULL, status.standby_pid),
        PROPERTY("Generation", "u", NULL, status.generation),
        PROPERTY("Restarts", "u", NULL, status.restarts),
        PROPERTY("WorkerDeaths", "u", NULL, status.worker_deaths),
        PROPERTY("LastWorkerDeath", "s", NULL, status.last_worker_death),
        PROPERTY("Health", "s", NULL, health),
        PROPERTY("LastFailure", "s", NULL, last_failure),
        PROPERTY("LastFailureTime", "t", NULL, status.last_failure_usec),
        PROPERTY("LastNotice", "s", NULL, status.last_notice),
        PROPERTY("LastNoticeTime", "t", NULL, status.last_notice_usec),
        PROPERTY("NextStart", "t", NULL, status.next_start_usec),
        SD_BUS_PROPERTY("Listen", "as", bus_get_listen, 0, 0),
        PROPERTY("Processes", "u", NULL, status.n_processes),
        PROPERTY("Tasks", "u", NULL, status.n_tasks),
        PROPERTY("Memory", "t", NULL, status.memory_bytes),
        PROPERTY("CPUUsage", "t", NULL, status.cpu_usec),
        PROPERTY("Requests", "t", NULL, status.requests),
        PROPERTY("RequestRate", "d", NULL, status.request_rate),
        PROPERTY("BusyWorkers", "u", NULL, status.busy_workers),
        PROPERTY("IdleWorkers", "u", NULL, status.idle_workers),
        PROPERTY("LogDropped", "t", NULL, status.log_dropped_bytes),
        PROPERTY("Layers", "as", NULL, status.layers),
        SD_BUS_SIGNAL_WITH_NAMES(JAIL_BUS_STATE_CHANGED, "ss", SD_BUS_PARAM(new) SD_BUS_PARAM(old), 0),
        SD_BUS_VTABLE_END,
};

int control_object_refresh(Connection *c) {
        jail_get_status(c->control->jail, &c->status);
        jail_measure(c->control->jail, &c->status);
        control_object_done(c);
        c->description = utf8_copy(c->status.description);
        c->last_failure = utf8_copy(c->status.last_failure);
        c->health = utf8_copy(c->status.health);
        return c->description && c->last_failure && c->health ? 0 : -ENOMEM;
}

void control_object_done(Connection *c) {
        free(c->description);
        free(c->last_failure);
        free(c->health);
        c->description = c->last_failure = c->health = NULL;
}
