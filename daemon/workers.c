#include "workers.h"

#include <fcntl.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "death.h"
#include "proc.h"

/* From a fork to the look at /proc: the new child is there by then, and a burst of forks is one look. */
#define LOOK_DELAY_USEC        (100 * USEC_PER_MSEC)
#define SECOND_LOOK_DELAY_USEC (500 * USEC_PER_MSEC)
/* A worker that lives shorter than this has not served anybody. */
#define YOUNG_USEC (1 * USEC_PER_SEC)
/* So many young deaths in a row, and nobody surviving, is a sick server. */
#define SICK_DEATHS 3
/* So many deaths within that time are too many, whoever survives. */
#define DYING_DEATHS        20
#define DYING_INTERVAL_USEC (60 * USEC_PER_SEC)
/* What we track, whatever the jail forks. */
#define WORKERS_MAX 1024

typedef struct Worker {
        Workers *workers;
        pid_t pid;
        int pidfd;
        uint64_t born_usec;
        sd_event_source *source;
} Worker;

struct Workers {
        sd_event *event;
        sd_event_source *look_source;
        pid_t master;
        WorkersSick sick;
        void *userdata;

        Worker **worker;
        size_t n;
        /* Forks since the last look. */
        unsigned forked;
        bool looks_again;

        unsigned deaths;
        char last_death[DEATH_WORDS_MAX];
        /* Those since then, at most DYING_INTERVAL_USEC ago. */
        unsigned recent;
        uint64_t recent_since_usec;
        /* Young deaths in a row, and when the first of them was. */
        unsigned young;
        uint64_t young_since_usec;
};

static uint64_t now_usec(const Workers *w) {
        uint64_t t = 0;

        (void) sd_event_now(w->event, CLOCK_MONOTONIC, &t);
        return t;
}

static Worker *worker_free(Worker *worker) {
        if (!worker)
                return NULL;
        sd_event_source_disable_unref(worker->source);
        close_fd(worker->pidfd);
        free(worker);
        return NULL;
}
DEFINE_CLEANUP(Worker *, worker_free)

/* Whether one that came after the first young death has lived long enough. */
static bool anybody_survives(const Workers *w, uint64_t t) {
        for (size_t i = 0; i < w->n; i++)
                if (w->worker[i]->born_usec >= w->young_since_usec &&
                    t - w->worker[i]->born_usec > YOUNG_USEC)
                        return true;
        return false;
}

/* One that had served. */
static void worker_died_old(Workers *w, uint64_t t) {
        if (w->recent == 0 || t - w->recent_since_usec > DYING_INTERVAL_USEC) {
                w->recent = 0;
                w->recent_since_usec = t;
        }
        if (++w->recent == DYING_DEATHS)
                w->sick(w, WORKERS_KEEP_DYING, w->userdata);
}

static void worker_died(Workers *w, bool young, int status) {
        uint64_t t = now_usec(w);

        w->deaths++;
        if (status >= 0)
                death_describe(status, w->last_death);
        else if (w->last_death[0] == '\0')
                snprintf(w->last_death, sizeof(w->last_death), "before anybody could see how");

        if (!young) {
                worker_died_old(w, t);
                return;
        }
        if (w->young > 0 && anybody_survives(w, t))
                w->young = 0;
        if (w->young++ == 0)
                w->young_since_usec = t;
        if (w->young == SICK_DEATHS)
                w->sick(w, WORKERS_NONE_SURVIVES, w->userdata);
}

static int on_worker_exit(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Worker *worker = userdata;
        Workers *w = worker->workers;
        bool young = now_usec(w) - worker->born_usec < YOUNG_USEC;
        int status;

        /* The master reaps at its next turn, up to a second later; until then the status can be read. */
        status = proc_zombie_status(worker->pid);
        for (size_t i = 0; i < w->n; i++)
                if (w->worker[i] == worker)
                        w->worker[i] = w->worker[--w->n];
        worker_free(worker);
        if (proc_ending_status(w->master) >= 0) {
                w->sick(w, WORKERS_END_WITH_MASTER, w->userdata);
                return 0;
        }
        /* Status 0 is a worker that was told to go; one reaped before we looked is given the benefit. */
        if (status > 0)
                worker_died(w, young, status);
        return 0;
}

static bool workers_know(const Workers *w, pid_t pid) {
        for (size_t i = 0; i < w->n; i++)
                if (w->worker[i]->pid == pid)
                        return true;
        return false;
}

static int workers_add(Workers *w, pid_t pid) {
        _cleanup_(worker_freep) Worker *worker = NULL;
        Worker **more;
        int r;

        if (w->n == WORKERS_MAX)
                return -E2BIG;
        more = reallocarray(w->worker, w->n + 1, sizeof(Worker *));
        if (!more)
                return -ENOMEM;
        w->worker = more;
        worker = calloc(1, sizeof(Worker));
        if (!worker)
                return -ENOMEM;
        *worker = (Worker){
                .workers = w, .pid = pid, .pidfd = pidfd_open(pid, 0), .born_usec = now_usec(w)
        };
        if (worker->pidfd < 0)
                return -errno;
        r = sd_event_add_io(w->event, &worker->source, worker->pidfd, EPOLLIN, on_worker_exit, worker);
        if (r < 0)
                return r;
        w->worker[w->n++] = TAKE_PTR(worker);
        return 0;
}

static void on_child(pid_t pid, void *userdata) {
        Workers *w = userdata;

        if (workers_know(w, pid))
                return;
        if (w->forked > 0)
                w->forked--;
        /* One that we cannot watch is one whose death goes uncounted; the server is not touched for it. */
        (void) workers_add(w, pid);
}

static void on_elder(pid_t pid, void *userdata) {
        Workers *w = userdata;

        if (workers_add(w, pid) >= 0)
                w->worker[w->n - 1]->born_usec = 0;
}

void workers_adopt(Workers *w) {
        (void) proc_for_each_child(w->master, on_elder, w);
}

static int on_look(sd_event_source *s, uint64_t usec, void *userdata) {
        Workers *w = userdata;

        if (proc_for_each_child(w->master, on_child, w) < 0) {
                w->forked = 0;
                return 0;
        }
        /* On a machine that is out of breath the child may be not yet there, not gone: one more look, later. */
        if (w->forked > 0 && w->n == 0 && !w->looks_again) {
                w->looks_again = true;
                (void) sd_event_source_set_time(s, now_usec(w) + SECOND_LOOK_DELAY_USEC);
                return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
        }
        w->looks_again = false;
        /* Forked, and already gone again: how it ended is not known any more. Where others live it may have been told to
         * go, as by a graceful restart right after the start. */
        for (; w->forked > 0; w->forked--)
                if (w->n == 0)
                        worker_died(w, true, -1);
        return 0;
}

int workers_new(sd_event *event, pid_t master, WorkersSick sick, void *userdata, Workers **ret) {
        _cleanup_(workers_freep) Workers *w = calloc(1, sizeof(Workers));
        int r;

        if (!w)
                return -ENOMEM;
        w->event = sd_event_ref(event);
        w->master = master;
        w->sick = sick;
        w->userdata = userdata;
        r = sd_event_add_time(event, &w->look_source, CLOCK_MONOTONIC, 0, 10 * USEC_PER_MSEC, on_look, w);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(w->look_source, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(w);
        return 0;
}

Workers *workers_free(Workers *w) {
        if (!w)
                return NULL;
        for (size_t i = 0; i < w->n; i++)
                worker_free(w->worker[i]);
        free(w->worker);
        sd_event_source_disable_unref(w->look_source);
        sd_event_unref(w->event);
        free(w);
        return NULL;
}

void workers_forked(Workers *w) {
        int enabled = SD_EVENT_OFF;

        w->forked++;
        (void) sd_event_source_get_enabled(w->look_source, &enabled);
        if (enabled == SD_EVENT_OFF) {
                (void) sd_event_source_set_time(w->look_source, now_usec(w) + LOOK_DELAY_USEC);
                (void) sd_event_source_set_enabled(w->look_source, SD_EVENT_ONESHOT);
        }
}

unsigned workers_deaths(const Workers *w) {
        return w->deaths;
}

const char *workers_last_death(const Workers *w) {
        return w->last_death;
}
