#include <sys/inotify.h>

#include "config-paths.h"
#include "jail-internal.h"
#include "log.h"
#include "reterr.h"

/* A standby that ended is tried again after this: it is wanted, not waited for. */
#define STANDBY_RETRY_USEC (30 * USEC_PER_SEC)

void jail_standby_lost(Jail *j, const char *reason) {
        log_event(EVENT_STANDBY_LOST, "the standby ended: %s", reason);
        timer_arm(j->standby_timer, STANDBY_RETRY_USEC);
}

/* The link is replaced by a rename. */
static int on_switch(sd_event_source *s, const struct inotify_event *e, void *userdata) {
        if (e->len > 0 && streq(e->name, "current"))
                jail_renew_standby(userdata);
        return 0;
}

static int watch_generation(Jail *j, char **reterr) {
        _cleanup_free_ char *path = NULL;
        int r;

        if (j->switch_source)
                return 0;
        if (asprintf(&path, JAILD_STATE_DIR "/%s", j->config->name) < 0)
                return -ENOMEM;
        r = sd_event_add_inotify(j->event, &j->switch_source, path, IN_MOVED_TO | IN_CREATE, on_switch, j);
        /* Our own descriptors are not that many. */
        if (r == -EMFILE)
                return reterr_set(reterr, r,
                                  "too many jails have a standby for this kernel's settings: raise "
                                  "fs.inotify.max_user_instances (sysctl.d(5)), of which each takes one");
        return r;
}

void jail_spawn_standby(Jail *j) {
        _cleanup_free_ char *why = NULL;
        int r;

        if (!j->config->standby || !j->live)
                return;
        /* Before the look at what is current. */
        r = watch_generation(j, &why);
        if (r >= 0 && !j->standby)
                r = jail_spawn(j, INSTANCE_SERVE, INSTANCE_STANDBY, &j->standby, &why);
        if (r < 0)
                jail_standby_lost(j, why ?: strerror(-r));
}

void jail_renew_standby(Jail *j) {
        unsigned generation;

        if (!j->standby || (j->config->standby && jail_current_generation(j, &generation) >= 0 &&
                            generation == instance_generation(j->standby)))
                return;
        log_info("ending the standby: generation %u is not current any more",
                 instance_generation(j->standby));
        j->standby = instance_free(j->standby);
        jail_spawn_standby(j);
}

void jail_release_standby(Jail *j) {
        instance_set_role(j->standby, INSTANCE_NEXT);
        j->next = TAKE_PTR(j->standby);
        instance_release(j->next);
        jail_dispatch(j, LIFECYCLE_NEXT_READY);
}
