#include "clock.h"

#include <sys/timerfd.h>
#include <time.h>

#define STEP_MIN_USEC ((int64_t) USEC_PER_SEC)

struct Clock {
        ClockStepped stepped;
        void *userdata;
        int fd;
        sd_event_source *source;
        /* CLOCK_REALTIME less CLOCK_BOOTTIME. */
        int64_t offset_usec;
};

static int64_t now_on(clockid_t clock) {
        struct timespec t;

        clock_gettime(clock, &t);
        return (int64_t) t.tv_sec * (int64_t) USEC_PER_SEC + t.tv_nsec / 1000;
}

/* A timer for the end of time: all that ever happens to it is that the clock is set (timerfd_create(2)). */
static int clock_arm(Clock *c) {
        struct itimerspec never = { .it_value.tv_sec = INT64_MAX / 1000000000 };

        c->offset_usec = now_on(CLOCK_REALTIME) - now_on(CLOCK_BOOTTIME);
        return timerfd_settime(c->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0 ? -errno
                                                                                                     : 0;
}

static int on_set(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Clock *c = userdata;
        int64_t before = c->offset_usec, step;
        uint64_t n;

        /* ECANCELED: the clock was set, and the timer is to be set anew. */
        if (read(fd, &n, sizeof(n)) < 0 && errno != ECANCELED)
                return 0;
        if (clock_arm(c) < 0)
                c->source = sd_event_source_disable_unref(c->source);
        step = c->offset_usec - before;
        if (step >= STEP_MIN_USEC || step <= -STEP_MIN_USEC)
                c->stepped(step, c->userdata);
        return 0;
}

int clock_new(sd_event *event, ClockStepped stepped, void *userdata, Clock **ret) {
        _cleanup_(clock_freep) Clock *c = calloc(1, sizeof(Clock));
        int r;

        if (!c)
                return -ENOMEM;
        *c = (Clock){ .stepped = stepped, .userdata = userdata };
        c->fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        if (c->fd < 0)
                return -errno;
        if ((r = clock_arm(c)) < 0 ||
            (r = sd_event_add_io(event, &c->source, c->fd, EPOLLIN, on_set, c)) < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

Clock *clock_free(Clock *c) {
        if (!c)
                return NULL;
        sd_event_source_disable_unref(c->source);
        close_fd(c->fd);
        free(c);
        return NULL;
}
