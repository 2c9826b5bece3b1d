/* One sd-bus object per connection, all serving the same jail at the same path. The peer is a program that
 * may be slow, mad or hostile, and the supervisor must never wait for it or grow with it:
 *
 *  - who it is comes from the socket (peer.h), not from what it says;
 *  - it has ten seconds to speak D-Bus;
 *  - it may send no descriptors, no long messages, and must read what it asked for;
 *  - it has one request under way at a time;
 *  - there are at most CONNECTIONS_MAX, and the oldest that waits for nothing makes room for a new one.
 *
 * A connection is never freed where its fault is found, as that may be deep inside its own bus or inside the
 * jail's callbacks: connection_doom() has the event loop do it. */

#include <fcntl.h>
#include <grp.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include "bus.h"
#include "control.h"
#include "log.h"
#include "peer.h"
#include "utf8.h"

#define CONNECTIONS_MAX     32
#define AUTHENTICATION_USEC (10 * USEC_PER_SEC)
#define ACCEPT_PAUSE_USEC   (1 * USEC_PER_SEC)

/* Replies and signals that a peer has not read yet. */
#define QUEUE_MAX         64
#define SEND_BUFFER_BYTES (128 * 1024)

/* Times that the socket was readable before a message was complete. sd-bus takes messages of 128 MiB; one turn
 * brings at most a socket buffer, and ours take two or three. */
#define READS_PER_MESSAGE_MAX 32

typedef struct Connection Connection;

struct Control {
        sd_event *event;
        Jail *jail;
        /* (gid_t) -1 where there is no such group. Looked up for the first who connects: the name service loads libraries
         * and may ask a server, and a start shall wait for neither. */
        gid_t group;
        bool group_is_known;
        sd_event_source *listen_source;
        sd_event_source *pause_source;
        LifecycleState state;
        LogLimit refusals;

        /* Oldest first. */
        TAILQ_HEAD(, Connection) connections;
        size_t n_connections;
};

struct Connection {
        Control *control;
        TAILQ_ENTRY(Connection) siblings;

        sd_bus *bus;
        Peer peer;
        /* Runs until the peer has authenticated, then again when the connection is doomed. */
        sd_event_source *end_source;
        /* A second look at the bus's socket. */
        int watch_fd;
        sd_event_source *watch_source;
        unsigned n_reads;
        /* The method call that waits for jail_request() to settle. */
        sd_bus_message *pending;

        /* Taken anew for each message that reads properties; the strings as D-Bus wants them. */
        JailStatus status;
        char *description;
        char *last_failure;
        char *health;
};

static void connection_doom(Connection *c) {
        (void) sd_event_source_set_time(c->end_source, 0);
        (void) sd_event_source_set_enabled(c->end_source, SD_EVENT_ONESHOT);
}

static Connection *connection_free(Connection *c) {
        if (!c)
                return NULL;

        if (c->pending)
                jail_forget_request(c->control->jail, c);
        sd_bus_message_unref(c->pending);

        TAILQ_REMOVE(&c->control->connections, c, siblings);
        c->control->n_connections--;

        sd_event_source_disable_unref(c->watch_source);
        sd_event_source_disable_unref(c->end_source);
        close_fd(c->watch_fd);
        /* Not flushed: that would wait for the peer. What fits into the socket is there already. */
        sd_bus_close_unref(c->bus);
        free(c->description);
        free(c->last_failure);
        free(c->health);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(Connection *, connection_free)

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

static const sd_bus_vtable vtable[] = {
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

static bool connection_reads(Connection *c) {
        size_t n_queued = 0;

        return sd_bus_get_n_queued_write(c->bus, &n_queued) >= 0 && n_queued <= QUEUE_MAX;
}

/* Sees every message before the object does. */
static int connection_on_message(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        Connection *c = userdata;

        c->n_reads = 0;

        if (sd_bus_message_is_signal(m, "org.freedesktop.DBus.Local", "Disconnected") > 0) {
                connection_doom(c);
                return 1;
        }
        if (!connection_reads(c)) {
                connection_doom(c);
                return 1;
        }

        if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", NULL) > 0) {
                jail_get_status(c->control->jail, &c->status);
                free(c->description);
                free(c->last_failure);
                free(c->health);
                c->description = utf8_copy(c->status.description);
                c->last_failure = utf8_copy(c->status.last_failure);
                c->health = utf8_copy(c->status.health);
                if (!c->description || !c->last_failure || !c->health)
                        return -ENOMEM;
        }
        return 0;
}

static int connection_on_readable(sd_event_source *s, int fd, uint32_t events, void *userdata) {
        Connection *c = userdata;

        if (++c->n_reads <= READS_PER_MESSAGE_MAX)
                return 0;
        /* The peer's data stays, and would wake us until the end. */
        (void) sd_event_source_set_enabled(s, SD_EVENT_OFF);
        connection_doom(c);
        return 0;
}

static int connection_on_end(sd_event_source *s, uint64_t usec, void *userdata) {
        Connection *c = userdata;

        /* The time of a doomed one is 0. */
        if (usec == 0 || sd_bus_is_ready(c->bus) <= 0)
                connection_free(c);
        return 0;
}

/* Consumes fd, also on failure. */
static int connection_new_bus(int fd, sd_bus **ret) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        sd_id128_t id;
        int r;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_fd(bus, fd, fd);
        if (r < 0) {
                close_fd(fd);
                return r;
        }

        r = sd_id128_randomize(&id);
        if (r < 0)
                return r;
        r = sd_bus_set_server(bus, true, id);
        if (r < 0)
                return r;
        r = sd_bus_negotiate_fds(bus, false);
        if (r < 0)
                return r;
        /* It would flush at the end of the loop, and so wait for the peer. */
        r = sd_bus_set_close_on_exit(bus, false);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

/* Consumes fd, also on failure. */
static int connection_new(Control *control, int fd) {
        _cleanup_(connection_freep) Connection *c = NULL;
        Peer peer;
        int r;

        if (!control->group_is_known) {
                const struct group *group = getgrnam(CONTROL_GROUP);

                control->group = group ? group->gr_gid : (gid_t) -1;
                control->group_is_known = true;
        }
        r = peer_identify(fd, control->group, &peer);
        c = r < 0 ? NULL : calloc(1, sizeof(*c));
        if (!c) {
                close_fd(fd);
                return r < 0 ? r : -ENOMEM;
        }
        c->control = control;
        c->peer = peer;
        c->watch_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        TAILQ_INSERT_TAIL(&control->connections, c, siblings);
        control->n_connections++;

        r = connection_new_bus(fd, &c->bus);
        if (r < 0)
                return r;
        if (c->watch_fd < 0)
                return -EMFILE;

        r = sd_event_add_time_relative(control->event, &c->end_source, CLOCK_MONOTONIC, AUTHENTICATION_USEC,
                                       0, connection_on_end, c);
        if (r < 0)
                return r;
        r = sd_event_add_io(control->event, &c->watch_source, c->watch_fd, EPOLLIN, connection_on_readable,
                            c);
        if (r < 0)
                return r;

        r = sd_bus_add_filter(c->bus, NULL, connection_on_message, c);
        if (r < 0)
                return r;
        r = sd_bus_add_object_vtable(c->bus, NULL, JAIL_BUS_PATH, JAIL_BUS_INTERFACE, vtable, c);
        if (r < 0)
                return r;
        r = sd_bus_start(c->bus);
        if (r < 0)
                return r;
        /* It has just made that 8 MiB, as root may. */
        if (setsockopt(c->watch_fd, SOL_SOCKET, SO_SNDBUF, &(int){ SEND_BUFFER_BYTES }, sizeof(int)) < 0)
                return -errno;
        r = sd_bus_attach_event(c->bus, control->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                return r;
        TAKE_PTR(c);
        return 0;
}

/* Closes the oldest connection that waits for nothing, one that may only read before one that may change.
 * Returns whether there was one. */
static bool control_make_room(Control *control) {
        Connection *c, *found = NULL;

        TAILQ_FOREACH(c, &control->connections, siblings) {
                if (c->pending || (found && (c->peer.may_change || !found->peer.may_change)))
                        continue;
                found = c;
        }
        connection_free(found);
        return found;
}

static int control_on_pause_end(sd_event_source *s, uint64_t usec, void *userdata) {
        Control *control = userdata;

        return sd_event_source_set_enabled(control->listen_source, SD_EVENT_ON);
}

/* Nobody can be accepted now: look away for a moment, or the waiting peer keeps the loop spinning. */
static int control_pause(Control *control) {
        int r;

        r = sd_event_source_set_time_relative(control->pause_source, ACCEPT_PAUSE_USEC);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(control->pause_source, SD_EVENT_ONESHOT);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(control->listen_source, SD_EVENT_OFF);
}

static int control_on_connect(sd_event_source *s, int listen_fd, uint32_t events, void *userdata) {
        Control *control = userdata;
        int fd;

        if (control->n_connections >= CONNECTIONS_MAX && !control_make_room(control))
                return control_pause(control);

        fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
                if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
                        return control_make_room(control) ? 0 : control_pause(control);
                /* The peer has gone again. */
                return 0;
        }
        /* A connection that cannot be set up is closed, and that is all its peer can be told. */
        (void) connection_new(control, fd);
        return 0;
}

void control_state_changed(Control *control) {
        LifecycleState old;
        JailStatus status;
        Connection *c;

        if (!control)
                return;
        old = control->state;
        jail_get_status(control->jail, &status);
        if (status.state == old)
                return;
        control->state = status.state;

        TAILQ_FOREACH(c, &control->connections, siblings) {
                /* Before that it would be queued for a peer that may never come. */
                if (sd_bus_is_ready(c->bus) <= 0)
                        continue;
                if (sd_bus_emit_signal(c->bus, JAIL_BUS_PATH, JAIL_BUS_INTERFACE, JAIL_BUS_STATE_CHANGED,
                                       "ss", lifecycle_state_to_string(status.state),
                                       lifecycle_state_to_string(old)) < 0 ||
                    !connection_reads(c))
                        connection_doom(c);
        }
}

int control_new(sd_event *event, Jail *jail, int listen_fd, Control **ret) {
        _cleanup_(control_freep) Control *control = NULL;
        _cleanup_close_ int fd = listen_fd;
        JailStatus status;
        int flags, r;

        control = calloc(1, sizeof(*control));
        if (!control)
                return -ENOMEM;
        TAILQ_INIT(&control->connections);
        control->jail = jail;
        control->event = sd_event_ref(event);
        jail_get_status(jail, &status);
        control->state = status.state;

        /* systemd hands it over as it likes. */
        flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return -errno;

        r = sd_event_add_io(event, &control->listen_source, fd, EPOLLIN, control_on_connect, control);
        if (r < 0)
                return r;
        r = sd_event_source_set_io_fd_own(control->listen_source, true);
        if (r < 0)
                return r;
        TAKE_FD(fd);
        r = sd_event_add_time_relative(event, &control->pause_source, CLOCK_MONOTONIC, 0, 0,
                                       control_on_pause_end, control);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(control->pause_source, SD_EVENT_OFF);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(control);
        return 0;
}

Control *control_free(Control *control) {
        Connection *c;

        if (!control)
                return NULL;

        while ((c = TAILQ_FIRST(&control->connections)))
                connection_free(c);
        sd_event_source_disable_unref(control->pause_source);
        sd_event_source_disable_unref(control->listen_source);
        sd_event_unref(control->event);
        free(control);
        return NULL;
}
