#include "signals.h"

#include <dirent.h>
#include <sys/inotify.h>
#include <sys/queue.h>

#include "base.h"
#include "bus.h"
#include "config-paths.h"
#include "config.h"
#include "jail-bus.h"
#include "lifecycle.h"
#include "run-lock.h"

/* After the end of a connection, the next look whether there is somebody to connect to: who begins is seen at once. */
#define RETRY_USEC (1 * USEC_PER_SEC)

typedef struct Watch Watch;

struct Signals {
        sd_event *event;
        sd_bus *bus;
        sd_event_source *folder;
        LIST_HEAD(, Watch) watches;
};

/* One folder in JAILD_RUN_DIR. */
struct Watch {
        Signals *signals;
        LIST_ENTRY(Watch) siblings;
        char *jail;
        char *object;
        /* What was told last. */
        LifecycleState state;
        sd_event_source *folder;
        sd_bus *jail_bus;
        sd_event_source *retry;
};

static Watch *watch_free(Watch *w) {
        if (!w)
                return NULL;
        LIST_REMOVE(w, siblings);
        sd_event_source_disable_unref(w->folder);
        sd_event_source_disable_unref(w->retry);
        sd_bus_close_unref(w->jail_bus);
        free(w->jail);
        free(w->object);
        free(w);
        return NULL;
}
DEFINE_CLEANUP(Watch *, watch_free)

/* Tell the system bus, where it is news. */
static void watch_tell(Watch *w, const char *name) {
        int state = lifecycle_state_from_string(name);

        if (state < 0 || (LifecycleState) state == w->state)
                return;
        (void) sd_bus_emit_signal(w->signals->bus, w->object, JAIL_BUS_INTERFACE, JAIL_BUS_STATE_CHANGED,
                                  "ss", name, lifecycle_state_to_string(w->state));
        w->state = (LifecycleState) state;
}

static int on_state_changed(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        const char *state;

        if (sd_bus_message_read(m, "s", &state) > 0)
                watch_tell(userdata, state);
        return 0;
}

static int on_state(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        const char *state;

        if (sd_bus_message_read(m, "v", "s", &state) > 0)
                watch_tell(userdata, state);
        return 0;
}

/* The connection cannot be freed from within. */
static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        Watch *w = userdata;
        int r = sd_event_source_set_time_relative(w->retry, RETRY_USEC);

        return r < 0 ? r : sd_event_source_set_enabled(w->retry, SD_EVENT_ONESHOT);
}

/* Connect anew to the supervisor, if one lives. Returns 0, or an errno. */
static int watch_connect(Watch *w) {
        pid_t pid;
        int r;

        w->jail_bus = sd_bus_close_unref(w->jail_bus);
        r = run_lock_holder(w->jail, &pid);
        if (r <= 0)
                return r;
        r = jail_bus_open(w->signals->event, w->jail, &w->jail_bus);
        if (r >= 0)
                r = sd_bus_match_signal(w->jail_bus, NULL, NULL, "/org/freedesktop/DBus/Local",
                                        "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, w);
        if (r >= 0)
                r = sd_bus_match_signal(w->jail_bus, NULL, NULL, JAIL_BUS_PATH, JAIL_BUS_INTERFACE,
                                        JAIL_BUS_STATE_CHANGED, on_state_changed, w);
        if (r >= 0)
                r = sd_bus_call_method_async(w->jail_bus, NULL, NULL, JAIL_BUS_PATH,
                                             "org.freedesktop.DBus.Properties", "Get", on_state, w, "ss",
                                             JAIL_BUS_INTERFACE, "State");
        return r;
}

static void watch_connect_or_retry(Watch *w) {
        int r = watch_connect(w);

        if (r < 0) {
                w->jail_bus = sd_bus_close_unref(w->jail_bus);
                (void) sd_event_source_set_time_relative(w->retry, RETRY_USEC);
        }
        (void) sd_event_source_set_enabled(w->retry, r < 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata) {
        watch_connect_or_retry(userdata);
        return 0;
}

static int on_jail_folder(sd_event_source *s, const struct inotify_event *e, void *userdata) {
        Watch *w = userdata;

        if (e->mask & IN_IGNORED)
                watch_free(w);
        else if (e->mask & IN_Q_OVERFLOW || (e->len > 0 && streq(e->name, JAIL_RUN_LOCK)))
                watch_connect_or_retry(w);
        return 0;
}

/* The folder of a jail that is not watched yet. What cannot be is not told of, which is said. */
static void signals_add(Signals *s, const char *jail) {
        _cleanup_(watch_freep) Watch *w = NULL;
        _cleanup_free_ char *path = NULL;
        Watch *other;
        int r;

        if (!jail_name_is_valid(jail))
                return;
        LIST_FOREACH(other, &s->watches, siblings)
        if (streq(other->jail, jail))
                return;
        w = calloc(1, sizeof(*w));
        if (!w)
                return;
        *w = (Watch){ .signals = s, .jail = strdup(jail), .state = LIFECYCLE_STOPPED };
        LIST_INSERT_HEAD(&s->watches, w, siblings);
        r = w->jail && asprintf(&path, JAILD_RUN_DIR "/%s", jail) >= 0 ? 0 : -ENOMEM;
        if (r >= 0)
                r = sd_bus_path_encode(JAIL_BUS_PATH, jail, &w->object);
        if (r >= 0)
                r = sd_event_add_time(s->event, &w->retry, CLOCK_MONOTONIC, 0, 0, on_retry, w);
        /* Its lock is made, and then its mode, when it is held. */
        if (r >= 0)
                r = sd_event_add_inotify(s->event, &w->folder, path, IN_ATTRIB | IN_ONLYDIR, on_jail_folder,
                                         w);
        if (r < 0) {
                fprintf(stderr, "<4>%s: its changes of state are not told: %s\n", jail, strerror(-r));
                return;
        }
        /* After the watch, so that nothing comes in between. */
        watch_connect_or_retry(TAKE_PTR(w));
}

static void signals_look(Signals *s) {
        DIR *dir = opendir(JAILD_RUN_DIR);

        for (struct dirent *de; dir && (de = readdir(dir));)
                signals_add(s, de->d_name);
        if (dir)
                closedir(dir);
}

static int on_folder(sd_event_source *source, const struct inotify_event *e, void *userdata) {
        Signals *s = userdata;

        if (e->mask & IN_Q_OVERFLOW)
                signals_look(s);
        else if (e->len > 0)
                signals_add(s, e->name);
        return 0;
}

int signals_new(sd_event *event, sd_bus *bus, Signals **ret) {
        Signals *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        *s = (Signals){ .event = event, .bus = bus };
        LIST_INIT(&s->watches);
        r = sd_event_add_inotify(event, &s->folder, JAILD_RUN_DIR, IN_CREATE | IN_ONLYDIR, on_folder, s);
        if (r < 0) {
                signals_free(s);
                return r;
        }
        signals_look(s);
        *ret = s;
        return 0;
}

Signals *signals_free(Signals *s) {
        if (!s)
                return NULL;
        for (Watch *w; (w = LIST_FIRST(&s->watches));)
                watch_free(w);
        sd_event_source_disable_unref(s->folder);
        free(s);
        return NULL;
}
