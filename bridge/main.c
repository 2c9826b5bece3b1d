/* jaild-bridge: the control interface of every jail on the system bus, so that busctl, Cockpit and Ansible can use it.
 *
 * The bus name org.jaild has an object /org/jaild/jail/NAME for each jail that has a control socket. What it is asked is
 * handed on, message by message, to that socket, and so is the answer: the bridge knows none of the methods. What it adds
 * is the question whether the caller may: anyone may read, and polkit says who may change, root always. The signal of
 * those that live comes back the same way (signals.h). It is a program of its own, of a user of its own, so that the
 * supervisors, which are root's, never speak to a bus or wait for one. */

#include <dirent.h>
#include <signal.h>
#include <sys/queue.h>
#include <systemd/sd-bus.h>

#include "base.h"
#include "bus.h"
#include "config-paths.h"
#include "config.h"
#include "jail-bus.h"
#include "signals.h"

#define POLKIT_NAME      "org.freedesktop.PolicyKit1"
#define POLKIT_PATH      "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
#define POLKIT_ACTION    "org.jaild.manage"
/* CheckAuthorization's flag: somebody may be asked for a password, who may think about it as long as he likes. */
#define POLKIT_ALLOW_INTERACTION 1

#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"

/* A living supervisor answers at once what changes nothing. The time counts from the connection on: to one that hangs there is
 * not even that. */
#define READ_TIMEOUT_USEC (5 * USEC_PER_SEC)

/* Calls under way: of all, and of one user. A question for a password lasts as long as nobody answers it, and shall keep
 * nobody else waiting. */
#define CALLS_MAX      64
#define USER_CALLS_MAX 8

typedef struct Call Call;

typedef struct Bridge {
        sd_event *event;
        sd_bus *bus;
        Signals *signals;
        LIST_HEAD(, Call) calls;
} Bridge;

/* One call from the bus, until it is answered. */
struct Call {
        Bridge *bridge;
        LIST_ENTRY(Call) siblings;
        uid_t uid;
        char *jail;
        sd_bus_message *message;
        bool is_change;
        sd_bus_slot *authorization;
        sd_bus *jail_bus;
        sd_event_source *timeout;
        /* Frees the call, which has its answer: not from within its own bus. */
        sd_event_source *end;
};

static Call *call_free(Call *c) {
        if (!c)
                return NULL;
        LIST_REMOVE(c, siblings);
        sd_event_source_disable_unref(c->timeout);
        sd_event_source_disable_unref(c->end);
        sd_bus_slot_unref(c->authorization);
        sd_bus_close_unref(c->jail_bus);
        sd_bus_message_unref(c->message);
        free(c->jail);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(Call *, call_free)

static int on_end(sd_event_source *s, void *userdata) {
        call_free(userdata);
        return 0;
}

/* The call has been answered, or nobody waits for an answer. Returns 0, or an errno that ends the event loop. */
static int call_end(Call *c) {
        return sd_event_add_defer(c->bridge->event, &c->end, on_end, c);
}

static int call_fail(Call *c, const char *name, const char *text) {
        (void) sd_bus_reply_method_errorf(c->message, name, "%s: %s", c->jail, text);
        return call_end(c);
}

static int call_is_not_answered(Call *c) {
        return call_fail(c, JAIL_BUS_ERROR_NOT_RUNNING, "its supervisor does not answer");
}

static int on_timeout(sd_event_source *s, uint64_t usec, void *userdata) {
        Call *c = userdata;

        return c->end ? 0 : call_is_not_answered(c);
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const sd_bus_error *e = sd_bus_message_get_error(m);
        Call *c = userdata;
        int r;

        if (c->end)
                return 0;
        if (e && (sd_bus_error_has_name(e, SD_BUS_ERROR_NO_REPLY) ||
                  strncmp(e->name, "System.Error.", strlen("System.Error.")) == 0))
                return call_is_not_answered(c);
        if (e)
                r = sd_bus_reply_method_error(c->message, e);
        else {
                r = sd_bus_message_new_method_return(c->message, &reply);
                if (r >= 0)
                        r = sd_bus_message_copy(reply, m, true);
                if (r >= 0)
                        r = sd_bus_send(c->bridge->bus, reply, NULL);
        }
        return r < 0 ? call_fail(c, JAIL_BUS_ERROR_FAILED, strerror(-r)) : call_end(c);
}

static int call_hand_on(Call *c) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = jail_bus_open(c->bridge->event, c->jail, &c->jail_bus);

        if (r == -ENOENT || r == -ECONNREFUSED)
                return call_fail(c, JAIL_BUS_ERROR_NOT_RUNNING,
                                 "it has no supervisor, nor systemd a socket for one (jaild@.socket)");
        if (r >= 0)
                r = sd_bus_message_new_method_call(c->jail_bus, &m, NULL, JAIL_BUS_PATH,
                                                   sd_bus_message_get_interface(c->message),
                                                   sd_bus_message_get_member(c->message));
        if (r >= 0)
                r = sd_bus_message_copy(m, c->message, true);
        if (r >= 0)
                r = sd_bus_call_async(c->jail_bus, NULL, m, on_reply, c, UINT64_MAX);
        if (r >= 0 && !c->is_change)
                r = sd_event_add_time_relative(c->bridge->event, &c->timeout, CLOCK_MONOTONIC,
                                               READ_TIMEOUT_USEC, 0, on_timeout, c);
        return r < 0 ? call_fail(c, JAIL_BUS_ERROR_FAILED, strerror(-r)) : 0;
}

static int on_authorization(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        int is_authorized, is_challenge, r;
        Call *c = userdata;

        r = sd_bus_message_is_method_error(m, NULL);
        if (r > 0)
                return call_fail(c, SD_BUS_ERROR_ACCESS_DENIED,
                                 "to change it needs root, as polkit cannot be asked");
        r = sd_bus_message_enter_container(m, 'r', "bba{ss}");
        if (r >= 0)
                r = sd_bus_message_read(m, "bb", &is_authorized, &is_challenge);
        if (r < 0)
                return call_fail(c, SD_BUS_ERROR_ACCESS_DENIED, "polkit's answer is not understood");
        if (is_authorized)
                return call_hand_on(c);
        return is_challenge ? call_fail(c, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                                        "to change it needs a password, and nobody can be asked")
                            : call_fail(c, SD_BUS_ERROR_ACCESS_DENIED, "to change it is not allowed");
}

/* Ask polkit whether the sender may. */
static int call_authorize(Call *c) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        bool interactive = sd_bus_message_get_allow_interactive_authorization(c->message) > 0;
        int r;

        r = sd_bus_message_new_method_call(c->bridge->bus, &m, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE,
                                           "CheckAuthorization");
        if (r >= 0)
                r = sd_bus_message_append(m, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                                          sd_bus_message_get_sender(c->message), POLKIT_ACTION, 1, "jail",
                                          c->jail, interactive ? POLKIT_ALLOW_INTERACTION : 0, "");
        if (r >= 0)
                r = sd_bus_call_async(c->bridge->bus, &c->authorization, m, on_authorization, c, UINT64_MAX);
        return r < 0 ? call_fail(c, SD_BUS_ERROR_ACCESS_DENIED, strerror(-r)) : 0;
}

/* Returns 0 with an uid, or an errno. */
static int sender_uid(sd_bus_message *m, uid_t *ret) {
        _cleanup_(sd_bus_creds_unrefp) sd_bus_creds *creds = NULL;
        int r = sd_bus_query_sender_creds(m, SD_BUS_CREDS_EUID, &creds);

        return r < 0 ? r : sd_bus_creds_get_euid(creds, ret);
}

/* Whether one more call of a user is too many. Root's are not counted by user. */
static bool bridge_is_busy(const Bridge *b, uid_t uid) {
        size_t n = 0, of_user = 0;
        const Call *c;

        LIST_FOREACH(c, &b->calls, siblings) {
                n++;
                of_user += uid != 0 && c->uid == uid;
        }
        return n >= CALLS_MAX || of_user >= USER_CALLS_MAX;
}

/* What is handed on: to read, and the jail's own methods, every one of which is a change. */
static bool is_known_call(sd_bus_message *m, bool *ret_is_change) {
        *ret_is_change = sd_bus_message_is_method_call(m, JAIL_BUS_INTERFACE, NULL) > 0;
        return *ret_is_change || sd_bus_message_is_method_call(m, PROPERTIES_INTERFACE, "Get") > 0 ||
               sd_bus_message_is_method_call(m, PROPERTIES_INTERFACE, "GetAll") > 0 ||
               sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Introspectable", "Introspect") > 0;
}

/* Anything sent to an object below /org/jaild/jail. */
static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        _cleanup_(call_freep) Call *c = NULL;
        _cleanup_free_ char *jail = NULL;
        Bridge *b = userdata;
        bool is_change;
        uid_t uid;

        if (!is_known_call(m, &is_change) ||
            sd_bus_path_decode(sd_bus_message_get_path(m), JAIL_BUS_PATH, &jail) <= 0 ||
            !jail_name_is_valid(jail))
                return 0;
        if (sender_uid(m, &uid) < 0)
                return sd_bus_error_set(reterr, SD_BUS_ERROR_ACCESS_DENIED, "who are you?");
        if (bridge_is_busy(b, uid))
                return sd_bus_error_set(reterr, SD_BUS_ERROR_LIMITS_EXCEEDED, "too many calls at once");
        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        *c = (Call){
                .bridge = b,
                .uid = uid,
                .jail = TAKE_PTR(jail),
                .message = sd_bus_message_ref(m),
                .is_change = is_change,
        };
        LIST_INSERT_HEAD(&b->calls, c, siblings);

        if (!is_change)
                return call_hand_on(TAKE_PTR(c)) < 0 ? -ENOMEM : 1;
        /* The supervisor sees the bridge only. */
        fprintf(stderr, "<6>%s: %s asked for by user %u\n", c->jail, sd_bus_message_get_member(m), uid);
        return (uid == 0 ? call_hand_on(TAKE_PTR(c)) : call_authorize(TAKE_PTR(c))) < 0 ? -ENOMEM : 1;
}

static int append_path(const char *name, char ***paths, size_t *n) {
        char **more = reallocarray(*paths, *n + 2, sizeof(char *));
        int r;

        if (!more)
                return -ENOMEM;
        *paths = more;
        more[*n] = NULL;
        r = sd_bus_path_encode(JAIL_BUS_PATH, name, more + *n);
        if (r < 0)
                return r;
        more[++*n] = NULL;
        return 0;
}

/* The jails that have a control socket. */
static int on_enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret, sd_bus_error *reterr) {
        DIR *dir = opendir(JAILD_RUN_DIR);
        char **paths = NULL;
        size_t n = 0;
        int r = 0;

        for (struct dirent *de; r >= 0 && dir && (de = readdir(dir));) {
                _cleanup_free_ char *control = NULL;

                if (!jail_name_is_valid(de->d_name))
                        continue;
                if (asprintf(&control, JAILD_RUN_DIR "/%s/" JAIL_RUN_CONTROL, de->d_name) < 0)
                        r = -ENOMEM;
                else if (access(control, F_OK) == 0)
                        r = append_path(de->d_name, &paths, &n);
        }
        if (dir)
                closedir(dir);
        if (r < 0) {
                for (size_t i = 0; i < n; i++)
                        free(paths[i]);
                free(paths);
                return r;
        }
        *ret = paths;
        return 0;
}

static int bridge_start(Bridge *b) {
        int r;

        r = sd_event_default(&b->event);
        for (size_t i = 0; r >= 0 && i < 2; i++)
                r = sd_event_add_signal(b->event, NULL,
                                        (i == 0 ? SIGTERM : SIGINT) | SD_EVENT_SIGNAL_PROCMASK, NULL, NULL);
        if (r >= 0)
                r = sd_bus_open_system(&b->bus);
        if (r >= 0)
                r = sd_bus_add_fallback(b->bus, NULL, JAIL_BUS_PATH, on_message, b);
        if (r >= 0)
                r = sd_bus_add_node_enumerator(b->bus, NULL, JAIL_BUS_PATH, on_enumerate, b);
        if (r >= 0)
                r = sd_bus_request_name(b->bus, JAIL_BUS_NAME, 0);
        if (r >= 0)
                r = sd_bus_attach_event(b->bus, b->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = signals_new(b->event, b->bus, &b->signals);
        return r;
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        Bridge *b = userdata;

        return sd_event_exit(b->event, -ECONNRESET);
}

int main(void) {
        Bridge bridge = {};
        int r = bridge_start(&bridge);

        if (r >= 0)
                r = sd_bus_match_signal(bridge.bus, NULL, NULL, "/org/freedesktop/DBus/Local",
                                        "org.freedesktop.DBus.Local", "Disconnected", on_disconnected,
                                        &bridge);
        if (r >= 0)
                r = sd_event_loop(bridge.event);
        if (r < 0)
                fprintf(stderr, "<3>jaild-bridge: %s on the system bus\n", strerror(-r));
        signals_free(bridge.signals);
        sd_bus_flush_close_unref(bridge.bus);
        sd_event_unref(bridge.event);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
