#include "idle.h"

#include "proc.h"

/* Looks within IdleStopSec=. */
#define LOOKS 2

struct Idle {
        sd_event *event;
        uint64_t after_usec;
        IdleHandler handler;
        void *userdata;
        sd_event_source *timer;

        pid_t master;
        ListenPair *pairs;
        size_t n;
        /* Calls to read and write at the last look, and the looks since they were other. */
        uint64_t calls;
        unsigned quiet;
};

static void idle_arm(Idle *i) {
        (void) sd_event_source_set_time_relative(i->timer, i->after_usec / LOOKS);
        (void) sd_event_source_set_enabled(i->timer, SD_EVENT_ONESHOT);
}

static bool anybody_connected(const Idle *i) {
        for (size_t k = 0; k < i->n; k++)
                if (proc_is_connected(address_port(&i->pairs[k].outside)))
                        return true;
        return false;
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        Idle *i = userdata;
        uint64_t calls = proc_io_calls(i->master);

        idle_arm(i);
        if (calls != i->calls) {
                i->calls = calls;
                i->quiet = 0;
                return 0;
        }
        if (++i->quiet < LOOKS)
                return 0;
        i->quiet = 0;
        if (!anybody_connected(i))
                i->handler(i->userdata);
        return 0;
}

int idle_new(sd_event *event, uint64_t after_usec, IdleHandler handler, void *userdata, Idle **ret) {
        _cleanup_(idle_freep) Idle *i = NULL;
        int r;

        *ret = NULL;
        if (after_usec == 0)
                return 0;
        i = calloc(1, sizeof(Idle));
        if (!i)
                return -ENOMEM;
        *i = (Idle){ .event = sd_event_ref(event),
                     .after_usec = after_usec,
                     .handler = handler,
                     .userdata = userdata };
        /* Late does not matter, and many jails wake the machine once. */
        r = sd_event_add_time(event, &i->timer, CLOCK_MONOTONIC, 0, after_usec / 10, on_timer, i);
        if (r < 0 || (r = sd_event_source_set_enabled(i->timer, SD_EVENT_OFF)) < 0)
                return r;
        *ret = TAKE_PTR(i);
        return 0;
}

Idle *idle_free(Idle *i) {
        if (!i)
                return NULL;
        free(i->pairs);
        sd_event_source_disable_unref(i->timer);
        sd_event_unref(i->event);
        free(i);
        return NULL;
}

void idle_begin(Idle *i, pid_t master, const ListenPair *pairs, size_t n) {
        if (!i)
                return;
        free(i->pairs);
        i->pairs = calloc(n, sizeof(ListenPair));
        if (!i->pairs) {
                /* Without the look at who is connected it is not to be stopped. */
                idle_end(i);
                return;
        }
        memcpy(i->pairs, pairs, n * sizeof(ListenPair));
        i->n = n;
        i->master = master;
        i->calls = 0;
        i->quiet = 0;
        idle_arm(i);
}

void idle_end(Idle *i) {
        if (i)
                (void) sd_event_source_set_enabled(i->timer, SD_EVENT_OFF);
}
