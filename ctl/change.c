/* The verbs that change the state of a jail: start, stop, restart, reload. */

#include "bus.h"
#include "client.h"
#include "config.h"
#include "format.h"
#include "info.h"
#include "load.h"
#include "output.h"
#include "stale.h"
#include "supervisor.h"
#include "verbs.h"

/* A supervisor that has answered a stop has nothing left to do but to end. */
#define END_TIMEOUT_SECONDS 30

/* Whether the jail has a living supervisor. Returns an exit status; what is not CTL_EXIT_DONE has been said. */
static int find_jail(const char *name, bool *ret_alive) {
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        int alive, r;

        alive = client_is_alive(name);
        if (alive < 0) {
                print_error(name, "cannot see whether jaild runs: %s", strerror(-alive));
                return CTL_EXIT_FAILED;
        }
        /* One that lives can be stopped whatever has become of its configuration. */
        r = alive ? CTL_EXIT_DONE : ctl_load_config(name, &config);
        if (r != CTL_EXIT_DONE)
                return r;
        *ret_alive = alive;
        return CTL_EXIT_DONE;
}

/* The same, of a jail that is asked for something that only a living supervisor can do. */
static int find_living(const char *name) {
        bool alive;
        int r = find_jail(name, &alive);

        if (r != CTL_EXIT_DONE || alive)
                return r;
        print_error(name, "not running");
        return CTL_EXIT_NOT_RUNNING;
}

/* What was asked for is done, by what was built. */
static int done(const char *name, int r) {
        if (r == CTL_EXIT_DONE)
                print_if_stale(name);
        return r;
}

/* Ask the living supervisor. Doing is the word for the progress line: "stopping". */
static int ask(const char *name, const char *method, const char *doing) {
        _cleanup_free_ char *label = NULL, *reason = NULL;
        int r;

        if (asprintf(&label, "%s: %s", name, doing) < 0)
                return CTL_EXIT_FAILED;
        r = client_call(name, method, label, &reason);
        if (r >= 0)
                return CTL_EXIT_DONE;
        print_error(name, "%s", reason ? reason : strerror(-r));
        return r == -ENOTCONN ? CTL_EXIT_NOT_RUNNING : CTL_EXIT_FAILED;
}

/* Bring up a supervisor, which starts its jail. */
static int bring_up(const char *name) {
        _cleanup_free_ char *label = NULL, *reason = NULL, *failure = NULL;
        uint64_t begin_usec = now_usec(), since_usec;
        int r;

        if (asprintf(&label, "%s: starting", name) < 0)
                return CTL_EXIT_FAILED;
        r = supervisor_unit_exists(&reason);
        if (r > 0) {
                r = supervisor_start_ports(name, label, &reason);
                if (r >= 0)
                        r = supervisor_start_unit(name, label, &reason);
        } else if (r == 0)
                r = supervisor_spawn(name, label, &reason);
        if (r >= 0)
                return CTL_EXIT_DONE;

        /* What it left is better than what it logged, if it was this one that left it. */
        if (jail_info_last_failure(name, &failure, &since_usec) >= 0 && *failure && since_usec >= begin_usec)
                print_error(name, "%s", failure);
        else
                print_error(name, "%s", reason ? reason : "jaild could not be started");
        return CTL_EXIT_FAILED;
}

int verb_start(const CtlOptions *options, const char *name) {
        bool alive;
        int r;

        r = find_jail(name, &alive);
        if (r != CTL_EXIT_DONE)
                return r;
        return done(name, alive ? ask(name, JAIL_BUS_START, "starting") : bring_up(name));
}

int verb_restart(const CtlOptions *options, const char *name) {
        bool alive;
        int r;

        r = find_jail(name, &alive);
        if (r != CTL_EXIT_DONE)
                return r;
        return done(name, alive ? ask(name, JAIL_BUS_RESTART, "restarting") : bring_up(name));
}

int verb_reload(const CtlOptions *options, const char *name) {
        int r = find_living(name);

        return done(name, r == CTL_EXIT_DONE ? ask(name, JAIL_BUS_RELOAD, "reloading") : r);
}

int verb_daemon_reexec(const CtlOptions *options, const char *name) {
        _cleanup_free_ char *label = NULL, *reason = NULL;
        int r = find_living(name);

        if (r != CTL_EXIT_DONE)
                return r;
        if (asprintf(&label, "%s: exchanging the supervisor", name) < 0)
                return CTL_EXIT_FAILED;
        r = client_reexecute(name, label, &reason);
        if (r < 0)
                print_error(name, "%s", reason ? reason : strerror(-r));
        return r < 0 ? CTL_EXIT_FAILED : CTL_EXIT_DONE;
}

int verb_stop(const CtlOptions *options, const char *name) {
        _cleanup_free_ char *reason = NULL;
        bool alive;
        int r;

        r = find_jail(name, &alive);
        if (r != CTL_EXIT_DONE)
                return r;
        /* First: the next client would start it again. */
        r = supervisor_stop_ports(name, name, &reason);
        if (r < 0) {
                print_error(name, "%s", reason ? reason : strerror(-r));
                return CTL_EXIT_FAILED;
        }
        if (!alive) {
                r = supervisor_stop_unit(name, name, &reason);
                if (r < 0) {
                        print_error(name, "%s", reason ? reason : strerror(-r));
                        return CTL_EXIT_FAILED;
                }
                if (r == 0)
                        printf("%s: already stopped\n", name);
                return CTL_EXIT_DONE;
        }
        r = ask(name, JAIL_BUS_STOP, "stopping");
        if (r != CTL_EXIT_DONE)
                return r;
        r = client_wait_for_end(name, END_TIMEOUT_SECONDS);
        if (r < 0) {
                print_error(name, "the jail has stopped, but jaild does not end: %s", strerror(-r));
                return CTL_EXIT_FAILED;
        }
        return CTL_EXIT_DONE;
}
