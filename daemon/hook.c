#include "hook.h"

#include <sys/wait.h>

#include "helper.h"
#include "log.h"
#include "reterr.h"

#define HOOK_USER         "nobody"
#define HOOK_TIMEOUT_USEC (30 * USEC_PER_SEC)
/* Events that wait behind a slow command; a crash loop must not pile up without end. */
#define QUEUE_MAX 16

typedef struct Notice {
        Event event;
        char *message;
} Notice;

struct Hook {
        sd_event *event;
        const JailConfig *config;
        uid_t uid;
        gid_t gid;
        Helper *helper;
        Notice queue[QUEUE_MAX];
        size_t n;
        unsigned lost;
};

static void hook_next(Hook *h);

static void on_done(int status, bool timed_out, void *userdata) {
        Hook *h = userdata;

        h->helper = helper_free(h->helper);
        if (timed_out)
                log_event(EVENT_HOOK_FAILED, "%s took too long and was killed (Notify=)",
                          h->config->notify[0]);
        else if (WIFSIGNALED(status))
                log_event(EVENT_HOOK_FAILED, "%s was killed by SIG%s (Notify=)", h->config->notify[0],
                          sigabbrev_np(WTERMSIG(status)) ?: "?");
        else if (WEXITSTATUS(status) == HELPER_EXIT_CANNOT_RUN)
                log_event(EVENT_HOOK_FAILED, "%s cannot be run as user %s (Notify=)", h->config->notify[0],
                          h->config->notify_user ?: HOOK_USER);
        else if (WEXITSTATUS(status) != 0)
                log_event(EVENT_HOOK_FAILED, "%s ended with status %d (Notify=)", h->config->notify[0],
                          WEXITSTATUS(status));
        hook_next(h);
}

static int hook_run(Hook *h, Event event, const char *message) {
        _cleanup_strv_free_ char **environment = NULL;
        int r;

        if ((r = strv_extend(&environment, "PATH=/usr/local/bin:/usr/bin:/bin")) < 0 ||
            (r = strv_env_set(&environment, "JAIL", h->config->name)) < 0 ||
            (r = strv_env_set(&environment, "EVENT", event_name(event))) < 0 ||
            (r = strv_env_set(&environment, "MESSAGE", message)) < 0)
                return r;
        return helper_start(h->event,
                            &(HelperSpec){
                                            .argv = h->config->notify,
                                            .environment = environment,
                                            .uid = h->uid,
                                            .gid = h->gid,
                                            .in_fd = -EBADF,
                                            .out_fd = -EBADF,
                                            .timeout_usec = HOOK_TIMEOUT_USEC,
                            },
                            on_done, h, &h->helper);
}

/* The next one that waits, where none is being told. */
static void hook_next(Hook *h) {
        while (!h->helper && h->n > 0) {
                Notice notice = h->queue[0];
                int r;

                memmove(h->queue, h->queue + 1, --h->n * sizeof(Notice));
                r = hook_run(h, notice.event, notice.message);
                if (r < 0)
                        log_event(EVENT_HOOK_FAILED, "%s cannot be run: %s (Notify=)", h->config->notify[0],
                                  strerror(-r));
                free(notice.message);
        }
        if (h->n == 0 && h->lost > 0) {
                log_event(EVENT_HOOK_FAILED, "%u events were not told to %s, which was too slow (Notify=)",
                          h->lost, h->config->notify[0]);
                h->lost = 0;
        }
}

int hook_new(sd_event *event, const JailConfig *config, Hook **ret, char **reterr) {
        const char *user = config->notify_user ?: HOOK_USER;
        Hook *h;
        uid_t uid;
        gid_t gid;
        int r;

        *ret = NULL;
        if (!config->notify)
                return 0;
        r = helper_user(user, &uid, &gid);
        if (r < 0)
                return reterr_set(reterr, r, "NotifyUser=%s: %s", user,
                                  r == -EPERM ? "a command that is told of events is not run as root"
                                              : "there is no such user");
        h = calloc(1, sizeof(Hook));
        if (!h)
                return -ENOMEM;
        *h = (Hook){ .event = sd_event_ref(event), .config = config, .uid = uid, .gid = gid };
        *ret = h;
        return 0;
}

Hook *hook_free(Hook *h) {
        if (!h)
                return NULL;
        helper_free(h->helper);
        for (size_t i = 0; i < h->n; i++)
                free(h->queue[i].message);
        sd_event_unref(h->event);
        free(h);
        return NULL;
}

void hook_notify(Hook *h, Event event, const char *message) {
        char *copy;

        if (!h)
                return;
        copy = h->n < QUEUE_MAX ? strdup(message) : NULL;
        if (!copy) {
                h->lost++;
                return;
        }
        log_sanitize(copy);
        h->queue[h->n++] = (Notice){ .event = event, .message = copy };
        hook_next(h);
}

bool hook_is_busy(const Hook *h) {
        return h && h->helper;
}

void hook_finish(Hook *h) {
        if (!h)
                return;
        /* It is over, and takes nobody any more. */
        h->event = sd_event_unref(h->event);
        for (;;) {
                if (h->helper) {
                        helper_wait(h->helper);
                        h->helper = helper_free(h->helper);
                }
                if (h->n == 0)
                        return;
                hook_next(h);
        }
}
