#include "info.h"

#include <systemd/sd-bus.h>

#include "bus.h"
#include "client.h"
#include "config-paths.h"
#include "config.h"
#include "lifecycle.h"
#include "supervisor.h"
#include "verbs.h"

#define STATE_BAD_CONFIG "bad-config"
#define STATE_NO_ANSWER  "no-answer"
#define END_TRIES        3

JailInfo *jail_info_free(JailInfo *info) {
        if (!info)
                return NULL;
        free(info->name);
        free(info->description);
        free(info->state);
        free(info->problem);
        free(info->last_worker_death);
        free(info->health);
        free(info->last_failure);
        free(info->last_notice);
        strv_free(info->listens);
        strv_free(info->layers);
        free(info);
        return NULL;
}

static int set_string(char **field, const char *value) {
        char *copy = strdup(value ? value : "");

        if (!copy)
                return -ENOMEM;
        free(*field);
        *field = copy;
        return 0;
}

/* The property of the bus, and the field that takes it. */
static const struct {
        const char *name;
        const char *type;
        size_t offset;
} properties[] = {
        { "Description", "s", offsetof(JailInfo, description) },
        { "State", "s", offsetof(JailInfo, state) },
        { "StateSince", "t", offsetof(JailInfo, since_usec) },
        { "MainPID", "u", offsetof(JailInfo, main_pid) },
        { "StandbyPID", "u", offsetof(JailInfo, standby_pid) },
        { "Generation", "u", offsetof(JailInfo, generation) },
        { "Restarts", "u", offsetof(JailInfo, restarts) },
        { "WorkerDeaths", "u", offsetof(JailInfo, worker_deaths) },
        { "LastWorkerDeath", "s", offsetof(JailInfo, last_worker_death) },
        { "Health", "s", offsetof(JailInfo, health) },
        { "LastFailure", "s", offsetof(JailInfo, last_failure) },
        { "LastFailureTime", "t", offsetof(JailInfo, last_failure_usec) },
        { "LastNotice", "s", offsetof(JailInfo, last_notice) },
        { "LastNoticeTime", "t", offsetof(JailInfo, last_notice_usec) },
        { "NextStart", "t", offsetof(JailInfo, next_start_usec) },
        { "Processes", "u", offsetof(JailInfo, n_processes) },
        { "Tasks", "u", offsetof(JailInfo, n_tasks) },
        { "CPUUsage", "t", offsetof(JailInfo, cpu_usec) },
        { "Memory", "t", offsetof(JailInfo, memory_bytes) },
        { "Requests", "t", offsetof(JailInfo, requests) },
        { "RequestRate", "d", offsetof(JailInfo, request_rate) },
        { "BusyWorkers", "u", offsetof(JailInfo, busy_workers) },
        { "IdleWorkers", "u", offsetof(JailInfo, idle_workers) },
        { "LogDropped", "t", offsetof(JailInfo, log_dropped_bytes) },
        { "Listen", "as", offsetof(JailInfo, listens) },
        { "Layers", "as", offsetof(JailInfo, layers) },
};

static int read_strings(sd_bus_message *m, char ***v) {
        const char *s;
        int r;

        r = sd_bus_message_enter_container(m, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read_basic(m, 's', &s)) > 0)
                r = strv_extend(v, s);
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* One value, of a property that may be newer than this program. */
static int read_property(sd_bus_message *m, const char *name, JailInfo *info) {
        for (size_t i = 0; i < ELEMENTSOF(properties); i++) {
                void *field = (char *) info + properties[i].offset;
                const char *s;
                int r;

                if (!streq(name, properties[i].name))
                        continue;
                if (streq(properties[i].type, "as"))
                        return read_strings(m, field);
                if (!streq(properties[i].type, "s"))
                        return sd_bus_message_read(m, "v", properties[i].type, field);
                r = sd_bus_message_read(m, "v", "s", &s);
                return r < 0 ? r : set_string(field, s);
        }
        return sd_bus_message_skip(m, "v");
}

/* Ask the supervisor. Returns 0, or an errno with the reason. */
static int info_load_live(JailInfo *info, char **reterr) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *name;
        int r;

        r = client_get_properties(info->name, &m, reterr);
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read_basic(m, 's', &name);
                if (r >= 0)
                        r = read_property(m, name, info);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r < 0)
                return r;
        info->is_live = true;
        r = lifecycle_state_from_string(info->state);
        info->serves = r >= 0 && lifecycle_state_serves((LifecycleState) r);
        return 0;
}

static json_object *read_last(const char *name) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, JAILD_RUN_DIR "/%s/" JAIL_RUN_LAST, name) < 0)
                return NULL;
        return json_object_from_file(path);
}

static uint64_t get_number(json_object *o, const char *key) {
        int64_t n = json_object_get_int64(json_object_object_get(o, key));

        return n < 0 ? 0 : (uint64_t) n;
}

static int info_load_last(JailInfo *info) {
        json_object *o = read_last(info->name);
        const char *state = o ? json_object_get_string(json_object_object_get(o, "state")) : NULL;
        const char *failure = o ? json_object_get_string(json_object_object_get(o, "last-failure")) : NULL;
        int r;

        /* Whatever else the state was: without a supervisor it is over, unless systemd waits for clients. */
        r = set_string(&info->state,
                       lifecycle_state_to_string(state && streq(state, "failed") ? LIFECYCLE_FAILED
                                                 : supervisor_ports_are_held(info->name)
                                                                 ? LIFECYCLE_IDLE
                                                                 : LIFECYCLE_STOPPED));
        if (r >= 0)
                r = set_string(&info->last_failure, failure);
        if (r >= 0 && o) {
                info->since_usec = get_number(o, "since");
                info->last_failure_usec = get_number(o, "last-failure-time");
                info->restarts = (uint32_t) get_number(o, "restarts");
        }
        json_object_put(o);
        return r;
}

int jail_info_last_failure(const char *name, char **ret, uint64_t *ret_since_usec) {
        json_object *o = read_last(name);
        const char *s;
        int r;

        if (!o)
                return -ENOENT;
        s = json_object_get_string(json_object_object_get(o, "last-failure"));
        *ret_since_usec = get_number(o, "since");
        *ret = strdup(s ? s : "");
        r = *ret ? 0 : -ENOMEM;
        json_object_put(o);
        return r;
}

/* The number of the generation that `current` names. Returns 0 where nothing is built. */
static uint32_t read_current_generation(const char *name) {
        _cleanup_free_ char *path = NULL;
        char target[256];
        const char *last;
        ssize_t n;

        if (asprintf(&path, JAILD_STATE_DIR "/%s/current", name) < 0)
                return 0;
        n = readlink(path, target, sizeof(target) - 1);
        if (n < 0)
                return 0;
        target[n] = 0;
        last = strrchr(target, '/');
        return (uint32_t) strtoul(last ? last + 1 : target, NULL, 10);
}

/* Ask the supervisor, if there is one. Returns 1 if it answered, 0 if there is none, or an errno with the reason. */
static int info_ask(JailInfo *info, char **reterr) {
        int r;

        /* One that is about to end does not answer any more: what it leaves is the answer, or its successor's. */
        for (unsigned tries = 0;; tries++) {
                r = client_is_alive(info->name);
                if (r <= 0)
                        return r;
                free(*reterr);
                *reterr = NULL;
                r = info_load_live(info, reterr);
                if (r >= 0)
                        return 1;
                if ((r != -ECONNRESET && r != -ECONNREFUSED && r != -ENOENT) || tries == END_TRIES)
                        return r;
                (void) client_wait_for_end(info->name, 1);
        }
}

int jail_info_load(const char *name, JailInfo **ret) {
        _cleanup_(jail_info_freep) JailInfo *info = calloc(1, sizeof(*info));
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        _cleanup_(config_error_done) ConfigError error = {};
        _cleanup_free_ char *reason = NULL;
        int alive, configured, r;

        if (!info)
                return -ENOMEM;
        configured = jail_config_load(name, &config, &error);
        alive = client_is_alive(name);
        if (configured == -ENOENT && alive <= 0)
                return -ENOENT;

        if ((r = set_string(&info->name, name)) < 0 ||
            (r = set_string(&info->description, config ? config->description : NULL)) < 0 ||
            (r = set_string(&info->last_worker_death, NULL)) < 0 ||
            (r = set_string(&info->health, NULL)) < 0 || (r = set_string(&info->last_failure, NULL)) < 0 ||
            (r = set_string(&info->last_notice, NULL)) < 0)
                return r;
        info->current_generation = read_current_generation(name);
        if (configured < 0)
                info->problem = TAKE_PTR(error.message);

        alive = info_ask(info, &reason);
        if (alive == 0)
                r = configured < 0 && configured != -EACCES ? set_string(&info->state, STATE_BAD_CONFIG)
                                                            : info_load_last(info);
        if (alive < 0) {
                free(info->problem);
                info->problem = reason ? TAKE_PTR(reason) : strdup(strerror(-alive));
                r = set_string(&info->state, STATE_NO_ANSWER);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(info);
        return 0;
}

JailInfo **jail_infos_free(JailInfo **infos) {
        for (JailInfo **i = infos; i && *i; i++)
                jail_info_free(*i);
        free(infos);
        return NULL;
}

int jail_infos_load(JailInfo ***ret) {
        _cleanup_(jail_infos_freep) JailInfo **infos = NULL;
        _cleanup_strv_free_ char **names = NULL;
        size_t n = 0;
        int r = jail_config_list(&names);

        if (r < 0 && r != -ENOENT)
                return r;
        infos = calloc(strv_length(names) + 1, sizeof(JailInfo *));
        if (!infos)
                return -ENOMEM;
        for (char **name = names; name && *name; name++) {
                r = jail_info_load(*name, &infos[n]);
                if (r >= 0)
                        n++;
                else if (r != -ENOENT)
                        return r;
        }
        *ret = TAKE_PTR(infos);
        return 0;
}

int jail_info_exit_status(const JailInfo *info) {
        /* Whoever comes to an idle jail is served. */
        if (info->serves || streq(info->state, lifecycle_state_to_string(LIFECYCLE_IDLE)))
                return CTL_EXIT_DONE;
        return streq(info->state, STATE_BAD_CONFIG) || streq(info->state, STATE_NO_ANSWER)
                               ? CTL_EXIT_FAILED
                               : CTL_EXIT_NOT_RUNNING;
}

Colour jail_info_colour(const JailInfo *info) {
        if (info->serves || streq(info->state, lifecycle_state_to_string(LIFECYCLE_IDLE)))
                return COLOUR_GREEN;
        if (streq(info->state, lifecycle_state_to_string(LIFECYCLE_STOPPED)))
                return COLOUR_GREY;
        if (streq(info->state, lifecycle_state_to_string(LIFECYCLE_FAILED)) ||
            jail_info_exit_status(info) == CTL_EXIT_FAILED)
                return COLOUR_RED;
        return COLOUR_YELLOW;
}
