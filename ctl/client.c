#include "client.h"

#include <poll.h>
#include <stdarg.h>
#include <sys/pidfd.h>

#include "bus.h"
#include "config-paths.h"
#include "jail-bus.h"
#include "output.h"
#include "run-lock.h"

/* A living supervisor answers at once: it never waits for anything itself. */
#define READ_TIMEOUT_USEC (5 * USEC_PER_SEC)

static int fail(int r, char **reterr, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Returns r, with the reason. */
static int fail(int r, char **reterr, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        if (vasprintf(reterr, format, ap) < 0)
                *reterr = NULL;
        va_end(ap);
        return r;
}

int client_is_alive(const char *name) {
        pid_t pid;

        return run_lock_holder(name, &pid);
}

int client_wait_for_end(const char *name, unsigned timeout_seconds) {
        struct pollfd p = { .events = POLLIN };
        _cleanup_close_ int fd = -EBADF;
        pid_t pid, again;
        int r;

        r = run_lock_holder(name, &pid);
        if (r <= 0)
                return r;
        p.fd = fd = pidfd_open(pid, 0);
        /* Whose process that is, is known when it holds the lock still. */
        r = run_lock_holder(name, &again);
        if (r <= 0 || again != pid)
                return r < 0 ? r : 0;
        if (fd < 0)
                return errno == ESRCH ? 0 : -errno;
        r = poll(&p, 1, (int) timeout_seconds * 1000);
        return r < 0 ? -errno : r == 0 ? -ETIMEDOUT : 0;
}

static int client_connect(const char *name, sd_bus **ret, char **reterr) {
        int r = jail_bus_open(NULL, name, ret);

        return r < 0 ? fail(r, reterr,
                            "cannot connect to jaild at " JAILD_RUN_DIR "/%s/" JAIL_RUN_CONTROL ": %s", name,
                            strerror(-r))
                     : 0;
}

/* Turns what a reply says into an errno and a reason. */
static int settle(const sd_bus_error *e, char **reterr) {
        if (!e)
                return 0;
        if (sd_bus_error_has_names(e, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_DISCONNECTED,
                                   "System.Error.ECONNRESET", "System.Error.ENOTCONN", "System.Error.EPIPE"))
                return fail(-ECONNRESET, reterr, "jaild ended before it answered");
        return fail(sd_bus_error_has_name(e, JAIL_BUS_ERROR_NOT_RUNNING)   ? -ENOTCONN
                    : sd_bus_error_has_name(e, JAIL_BUS_ERROR_BUSY)        ? -EBUSY
                    : sd_bus_error_has_name(e, SD_BUS_ERROR_ACCESS_DENIED) ? -EACCES
                                                                           : -EIO,
                    reterr, "%s", e->message && *e->message ? e->message : e->name);
}

typedef struct Call {
        sd_event *event;
        sd_bus *bus;
        sd_bus_message *reply;
        Progress *progress;
} Call;

static void call_done(Call *call) {
        progress_free(call->progress);
        sd_bus_message_unref(call->reply);
        sd_bus_close_unref(call->bus);
        sd_event_unref(call->event);
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        Call *call = userdata;

        call->reply = sd_bus_message_ref(m);
        return sd_event_exit(call->event, 0);
}

static int on_state_changed(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        const char *state;

        if (sd_bus_message_read(m, "s", &state) > 0)
                progress_set_detail(userdata, state);
        return 0;
}

/* Connect, to call something on the connection that settles in on_reply(). */
static int call_begin(Call *call, const char *name, char **reterr) {
        int r;

        r = client_connect(name, &call->bus, reterr);
        if (r < 0)
                return r;
        r = sd_event_new(&call->event);
        if (r >= 0)
                r = sd_bus_attach_event(call->bus, call->event, SD_EVENT_PRIORITY_NORMAL);
        return r;
}

static int call_wait(Call *call, char **reterr) {
        int r = sd_event_loop(call->event);

        return r < 0 ? r : settle(sd_bus_message_get_error(call->reply), reterr);
}

/* type: of the argument, "u" or "b", or "" for a method without one. */
static int call_method(const char *name, const char *method, const char *type, unsigned argument,
                       const char *label, char **reterr) {
        _cleanup_(call_done) Call call = {};
        int r;

        r = call_begin(&call, name, reterr);
        if (r >= 0)
                r = progress_new(call.event, label, &call.progress);
        if (r >= 0)
                r = sd_bus_match_signal(call.bus, NULL, NULL, JAIL_BUS_PATH, JAIL_BUS_INTERFACE,
                                        JAIL_BUS_STATE_CHANGED, on_state_changed, call.progress);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(call.bus, UINT64_MAX);
        if (r >= 0)
                r = sd_bus_call_method_async(call.bus, NULL, NULL, JAIL_BUS_PATH, JAIL_BUS_INTERFACE, method,
                                             on_reply, &call, type, argument);
        return r < 0 ? r : call_wait(&call, reterr);
}

int client_call(const char *name, const char *method, const char *label, char **reterr) {
        return call_method(name, method, "", 0, label, reterr);
}

int client_reexecute(const char *name, const char *label, char **reterr) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r = client_call(name, JAIL_BUS_REEXECUTE, label, reterr);

        if (r != -ECONNRESET)
                return r;
        /* It is another program now, on the same socket: or it is none. */
        free(*reterr);
        *reterr = NULL;
        return client_get_properties(name, &reply, reterr);
}

int client_replace(const char *name, unsigned generation, const char *label, char **reterr) {
        return call_method(name, JAIL_BUS_REPLACE, "u", generation, label, reterr);
}

int client_take_over(const char *name, pid_t pid, const char *label, char **reterr) {
        return call_method(name, JAIL_BUS_TAKE_OVER, "u", (unsigned) pid, label, reterr);
}

int client_share(const char *name, bool share, const char *label, char **reterr) {
        return call_method(name, JAIL_BUS_SHARE, "b", share, label, reterr);
}

int client_get_properties(const char *name, sd_bus_message **ret, char **reterr) {
        _cleanup_(call_done) Call call = {};
        int r;

        r = call_begin(&call, name, reterr);
        /* sd-bus's own timeout begins only where the peer has authenticated. */
        if (r >= 0)
                r = sd_event_add_time_relative(call.event, NULL, CLOCK_MONOTONIC, READ_TIMEOUT_USEC, 0, NULL,
                                               (void *) (intptr_t) -ETIMEDOUT);
        if (r >= 0)
                r = sd_bus_call_method_async(call.bus, NULL, NULL, JAIL_BUS_PATH,
                                             "org.freedesktop.DBus.Properties", "GetAll", on_reply, &call,
                                             "s", JAIL_BUS_INTERFACE);
        if (r >= 0)
                r = call_wait(&call, reterr);
        if (r == -ETIMEDOUT && !*reterr)
                return fail(r, reterr, "jaild does not answer");
        if (r >= 0)
                *ret = TAKE_PTR(call.reply);
        return r;
}
