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
#include <sys/socket.h>

#include "bus.h"
#include "control-internal.h"

#define CONNECTIONS_MAX     32
#define AUTHENTICATION_USEC (10 * USEC_PER_SEC)
#define ACCEPT_PAUSE_USEC   (1 * USEC_PER_SEC)

/* Replies and signals that a peer has not read yet. */
#define QUEUE_MAX         64
#define SEND_BUFFER_BYTES (128 * 1024)

/* Times that the socket was readable before a message was complete. sd-bus takes messages of 128 MiB; one turn
 * brings at most a socket buffer, and ours take two or three. */
#define READS_PER_MESSAGE_MAX 32

void connection_doom(Connection *c) {
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
        control_object_done(c);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(Connection *, connection_free)

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

        if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", NULL) > 0)
                return control_object_refresh(c);
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
        r = sd_bus_add_object_vtable(c->bus, NULL, JAIL_BUS_PATH, JAIL_BUS_INTERFACE, control_object, c);
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
