/* The verbs adopt and unadopt: move a running Apache's site into a jail, and back.
 *
 * The jail is built and proved while the old server serves. Then its supervisor takes the old server's listening sockets
 * (JAIL_BUS_TAKE_OVER), so that for a moment both accept from the same queue; only then the old one is told to end
 * gracefully. At no instant is there nobody to connect to, and until the jail serves nothing has happened to the old
 * server: whatever goes wrong before that leaves it as it was. What has been replaced is written beside the generations,
 * for unadopt.
 *
 * On the way back it is the same where the old server can be told to listen beside (beside.h). */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "beside.h"
#include "client.h"
#include "config-paths.h"
#include "config.h"
#include "file.h"
#include "output.h"
#include "supervisor.h"
#include "unit.h"
#include "verbs.h"

/* How long the old server has for the requests that it is at. systemd then stops it less gently. */
#define DRAIN_TIMEOUT_MSEC (60 * 1000)

/* As distributions call it. */
static const char *const server_units[] = { "apache2.service", "httpd.service" };

/* What stood before, in /var/lib/jaild/NAME: the unit's name, and whether it was enabled. */
#define RECORD_FORMAT JAILD_STATE_DIR "/%s/adopted"

/* The units of a jail. */
typedef struct JailUnits {
        char *service;
        char *socket;
} JailUnits;

static void jail_units_done(JailUnits *u) {
        free(u->service);
        free(u->socket);
}

static int jail_units_init(JailUnits *u, const char *name) {
        return asprintf(&u->service, "jaild@%s.service", name) < 0 ||
                                               asprintf(&u->socket, "jaild@%s.socket", name) < 0
                               ? -ENOMEM
                               : 0;
}

static int fail(const char *name, int r, const char *what, const char *reason) {
        print_error(name, "%s: %s", what, reason ? reason : strerror(-r));
        return CTL_EXIT_FAILED;
}

static int fill_text(FILE *f, void *userdata) {
        return fputs(userdata, f) < 0 ? -EIO : 0;
}

/* A jail of what the server's own configuration says, where the administrator has not said more. */
static int ensure_config(const char *name, const char *unit) {
        _cleanup_free_ char *path = NULL, *content = NULL;
        int r;

        if (asprintf(&path, JAILD_CONF_DIR "/%s.conf", name) < 0 ||
            asprintf(&content, "[Jail]\nDescription=What %s served\n", unit) < 0)
                return -ENOMEM;
        if (access(path, F_OK) == 0)
                return 0;
        if (mkdir(JAILD_CONF_DIR, 0755) < 0 && errno != EEXIST)
                return -errno;
        r = file_replace(AT_FDCWD, path, 0644, fill_text, content);
        if (r >= 0)
                printf("%s: %s written\n", name, path);
        return r;
}

static int write_record(const char *name, const char *unit, bool was_enabled) {
        _cleanup_free_ char *path = NULL, *content = NULL;

        if (asprintf(&path, RECORD_FORMAT, name) < 0 ||
            asprintf(&content, "%s %s\n", unit, was_enabled ? "enabled" : "disabled") < 0)
                return -ENOMEM;
        return file_replace(AT_FDCWD, path, 0644, fill_text, content);
}

/* Returns 0, the unit in buffer, or an errno. */
static int read_record(const char *name, char unit[static 256], bool *ret_was_enabled) {
        _cleanup_free_ char *path = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        char state[16];

        if (asprintf(&path, RECORD_FORMAT, name) < 0)
                return -ENOMEM;
        f = fopen(path, "re");
        if (!f)
                return -errno;
        if (fscanf(f, "%255s %15s", unit, state) != 2)
                return -EBADMSG;
        *ret_was_enabled = streq(state, "enabled");
        return 0;
}

static void remove_record(const char *name) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, RECORD_FORMAT, name) >= 0)
                (void) unlink(path);
}

/* The server that runs. Returns NULL where there is none; *reterr is set where that cannot be seen. */
static const char *find_server(pid_t *ret, char **reterr) {
        for (size_t i = 0; i < ELEMENTSOF(server_units); i++) {
                if (unit_get_main_pid(server_units[i], ret, reterr) < 0)
                        return NULL;
                if (*ret > 0)
                        return server_units[i];
        }
        return NULL;
}

static int check_system(const char *name) {
        if (geteuid() != 0) {
                print_error(name, "this needs root");
                return CTL_EXIT_FAILED;
        }
        if (sd_booted() <= 0) {
                print_error(name, "this needs systemd, which runs the server that is replaced");
                return CTL_EXIT_FAILED;
        }
        return CTL_EXIT_DONE;
}

/* Let the server answer what it has begun, and end. */
static int drain_server(const char *name, const char *unit, pid_t pid, char **reterr) {
        _cleanup_close_ int pidfd = pidfd_open(pid, 0);
        struct pollfd p = { .fd = pidfd, .events = POLLIN };

        /* The same as "apachectl graceful-stop". systemd's own stop says it, too, but waits for nothing after it. */
        if (pidfd >= 0 && pidfd_send_signal(pidfd, SIGWINCH, NULL, 0) == 0 &&
            poll(&p, 1, DRAIN_TIMEOUT_MSEC) == 0)
                print_error(name, "%s still answers after %d seconds, and is ended", unit,
                            DRAIN_TIMEOUT_MSEC / 1000);
        return unit_do("StopUnit", unit, name, reterr);
}

/* The jail serves: nothing may keep the old server, and nothing is undone from here. */
static int replace_server(const char *name, const JailUnits *units, const char *unit, pid_t pid) {
        _cleanup_free_ char *reason = NULL;
        int was_enabled = unit_is_enabled(unit, &reason), r;

        if (was_enabled < 0)
                return fail(name, was_enabled, "cannot see whether the server is enabled", reason);
        r = write_record(name, unit, was_enabled);
        if (r < 0)
                return fail(name, r, "cannot write what unadopt has to know", NULL);
        r = drain_server(name, unit, pid, &reason);
        if (r < 0)
                return fail(name, r, "the jail serves, but the old server does not end", reason);
        if (was_enabled && (r = unit_enable((const char *[]){ unit, NULL }, false, &reason)) < 0)
                return fail(name, r, "the jail serves, but the old server would start at boot", reason);
        r = unit_enable((const char *[]){ units->service, units->socket, NULL }, true, &reason);
        if (r < 0)
                return fail(name, r, "the jail serves, but would not start at boot", reason);
        printf("%s: serves what %s served, which is stopped%s\n", name, unit,
               was_enabled ? " and disabled" : "");
        return CTL_EXIT_DONE;
}

int verb_adopt(const CtlOptions *options, const char *name) {
        _cleanup_(jail_units_done) JailUnits units = {};
        _cleanup_free_ char *reason = NULL, *aside = NULL;
        const char *server;
        pid_t pid = 0;
        int r = check_system(name);

        if (r != CTL_EXIT_DONE)
                return r;
        if (jail_units_init(&units, name) < 0)
                return CTL_EXIT_FAILED;
        if (client_is_alive(name) != 0) {
                print_error(name, "the jail runs already: jailctl stop %s", name);
                return CTL_EXIT_FAILED;
        }
        server = find_server(&pid, &reason);
        if (!server) {
                print_error(name, "%s", reason ? reason : "no apache2.service or httpd.service runs");
                return CTL_EXIT_FAILED;
        }
        r = ensure_config(name, server);
        if (r < 0)
                return fail(name, r, "cannot write its configuration", NULL);
        if ((r = verb_build(&(CtlOptions){ .legend = true }, name)) != CTL_EXIT_DONE ||
            (r = verb_verify(&(CtlOptions){ .legend = true, .tree = true }, name)) != CTL_EXIT_DONE) {
                print_error(name, "%s serves on as it did", server);
                return r;
        }
        /* The control socket first: through it comes a supervisor that has not started the jail. */
        if ((r = unit_do("StartUnit", units.socket, name, &reason)) < 0 ||
            (r = client_take_over(name, pid, name, &reason)) < 0) {
                (void) unit_do("StopUnit", units.socket, name, &aside);
                print_error(name, "%s; %s serves on as it did", reason ? reason : strerror(-r), server);
                return CTL_EXIT_FAILED;
        }
        return replace_server(name, &units, server, pid);
}

/* Where the server cannot listen beside the jail: clients are refused from the end of the one to the start of the other. */
static int exchange_servers(const char *name, const JailUnits *units, const char *server) {
        _cleanup_free_ char *reason = NULL, *back = NULL;
        int r;

        if ((r = supervisor_stop_ports(name, name, &reason)) < 0 ||
            (r = unit_do("StopUnit", units->socket, name, &reason)) < 0 ||
            (r = unit_do("StopUnit", units->service, name, &reason)) < 0)
                return fail(name, r, "cannot stop it", reason);
        r = unit_do("StartUnit", server, name, &reason);
        if (r >= 0)
                return CTL_EXIT_DONE;

        print_error(name, "%s does not start: systemctl status %s", server, server);
        (void) unit_do("StartUnit", units->socket, name, &back);
        if (unit_do("StartUnit", units->service, name, &back) >= 0)
                print_error(name, "the jail serves again");
        return CTL_EXIT_FAILED;
}

/* The server serves beside the jail. */
static int stop_jail(const char *name, const JailUnits *units) {
        _cleanup_free_ char *reason = NULL;
        int migrated = beside_migrate(name), r;

        if ((r = supervisor_stop_ports(name, name, &reason)) >= 0 &&
            (r = unit_do("StopUnit", units->socket, name, &reason)) >= 0)
                r = unit_do("StopUnit", units->service, name, &reason);
        beside_migrate_restore(migrated);
        return r < 0 ? fail(name, r, "cannot stop it", reason) : CTL_EXIT_DONE;
}

/* Put the server in the place of the jail. */
static int give_back(const char *name, const JailUnits *units, const char *server) {
        _cleanup_free_ char *reason = NULL;
        pid_t pid = 0;
        int r;

        if (client_is_alive(name) <= 0)
                return exchange_servers(name, units, server);
        r = unit_get_main_pid(server, &pid, &reason);
        if (r >= 0 && pid > 0) {
                print_error(name,
                            "%s runs already, and cannot listen where the jail does: systemctl stop %s",
                            server, server);
                return CTL_EXIT_FAILED;
        }
        if (r >= 0)
                r = beside_start(name, server, &reason);
        if (r == -EOPNOTSUPP)
                return exchange_servers(name, units, server);
        if (r >= 0)
                return stop_jail(name, units);
        if (reason)
                print_error(name, "%s", reason);
        print_error(name, "%s does not start, and the jail serves on: systemctl status %s", server, server);
        return CTL_EXIT_FAILED;
}

/* systemd's generator goes by the configuration, whatever is enabled. */
static void warn_of_ports(const char *name) {
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        ConfigError error = {};

        if (jail_config_load(name, &config, &error) >= 0 && config->on_demand)
                print_error(name,
                            "OnDemand=yes is still in its configuration: systemd takes the ports at the next boot; "
                            "take it out of " JAILD_CONF_DIR "/%s.conf",
                            name);
        config_error_done(&error);
}

int verb_unadopt(const CtlOptions *options, const char *name) {
        _cleanup_(jail_units_done) JailUnits units = {};
        _cleanup_free_ char *reason = NULL;
        bool was_enabled = false;
        char server[256];
        int r = check_system(name);

        if (r != CTL_EXIT_DONE)
                return r;
        if (jail_units_init(&units, name) < 0)
                return CTL_EXIT_FAILED;
        r = read_record(name, server, &was_enabled);
        if (r < 0)
                return fail(name, r, "it has not been adopted",
                            r == -ENOENT ? "there is nothing to give back" : NULL);
        r = give_back(name, &units, server);
        if (r != CTL_EXIT_DONE)
                return r;
        if ((r = unit_enable((const char *[]){ units.service, units.socket, NULL }, false, &reason)) < 0 ||
            (was_enabled && (r = unit_enable((const char *[]){ server, NULL }, true, &reason)) < 0))
                return fail(name, r, "what is started at boot cannot be changed", reason);
        remove_record(name);
        printf("%s: stopped; %s serves again\n", name, server);
        warn_of_ports(name);
        return CTL_EXIT_DONE;
}
