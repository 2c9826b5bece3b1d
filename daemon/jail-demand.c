#include "jail-internal.h"
#include "log.h"

/* On demand: in state idle nobody serves, and the listening sockets are watched. They are systemd's, and then jaild need
 * not be there to watch them; or they are ours. */

static int on_client(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Jail *j = userdata;

        log_info("somebody came: starting");
        jail_dispatch(j, LIFECYCLE_CLIENT_CAME);
        return 0;
}

void jail_watch(Jail *j) {
        size_t n = j->held ? listeners_count(j->held) : 0;
        int r = 0;

        j->watches = calloc(n + 1, sizeof(sd_event_source *));
        if (!j->watches)
                r = -ENOMEM;
        for (; r >= 0 && j->n_watches < n; j->n_watches++)
                r = sd_event_add_io(j->event, &j->watches[j->n_watches], listeners_fd(j->held, j->n_watches),
                                    EPOLLIN, on_client, j);
        if (r < 0)
                log_error("cannot watch the listening sockets: %s", strerror(-r));
}

void jail_unwatch(Jail *j) {
        while (j->n_watches > 0)
                sd_event_source_disable_unref(j->watches[--j->n_watches]);
        free(TAKE_PTR(j->watches));
}

void jail_on_idle(void *userdata) {
        Jail *j = userdata;

        if (j->kept->state == LIFECYCLE_RUNNING)
                jail_dispatch(j, LIFECYCLE_IDLE_ELAPSED);
}

void jail_wait_for_client(Jail *j) {
        jail_dispatch(j, LIFECYCLE_WATCH);
}

void jail_wait_for_request(Jail *j) {
        j->kept->waits_for_request = true;
}

bool jail_waits_for_request(const Jail *j) {
        return !j->kept->has_begun && j->kept->waits_for_request;
}

bool jail_is_passed_sockets(const Jail *j) {
        return j->held && listeners_are_passed(j->held);
}

bool jail_is_dispensable(const Jail *j) {
        return j->kept->state == LIFECYCLE_IDLE && j->n_old == 0 && jail_is_passed_sockets(j);
}
