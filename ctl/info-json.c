/* What is known of a jail, as JSON: the keys that jailctl(1) documents, each always there. */

#include "info.h"

static json_object *json_number(uint64_t n) {
        return json_object_new_int64(n > INT64_MAX ? INT64_MAX : (int64_t) n);
}

static json_object *json_number_or_null(bool known, uint64_t n) {
        return known ? json_number(n) : NULL;
}

static json_object *json_text_or_null(const char *s) {
        return s && *s ? json_object_new_string(s) : NULL;
}

static json_object *json_strings(char *const *v) {
        json_object *array = json_object_new_array();

        for (; v && *v; v++)
                json_object_array_add(array, json_object_new_string(*v));
        return array;
}

/* "OUTSIDE" or "OUTSIDE INSIDE", as the supervisor says it. */
static json_object *json_listens(char *const *listens) {
        json_object *array = json_object_new_array();

        for (; listens && *listens; listens++) {
                json_object *o = json_object_new_object();
                const char *blank = strchr(*listens, ' ');
                size_t n = blank ? (size_t) (blank - *listens) : strlen(*listens);

                json_object_object_add(o, "address", json_object_new_string_len(*listens, (int) n));
                json_object_object_add(o, "inside", json_object_new_string(blank ? blank + 1 : *listens));
                json_object_array_add(array, o);
        }
        return array;
}

bool jail_info_has_load(const JailInfo *info) {
        return info->busy_workers + info->idle_workers > 0;
}

json_object *jail_info_to_json(const JailInfo *info) {
        const struct {
                const char *key;
                json_object *value;
        } members[] = {
                { "name", json_object_new_string(info->name) },
                { "description", json_text_or_null(info->description) },
                { "state", json_object_new_string(info->state) },
                { "serves", json_object_new_boolean(info->serves) },
                { "since", json_number_or_null(info->since_usec > 0, info->since_usec) },
                { "main-pid", json_number_or_null(info->main_pid > 0, info->main_pid) },
                { "standby-pid", json_number_or_null(info->standby_pid > 0, info->standby_pid) },
                { "generation", json_number_or_null(info->generation > 0, info->generation) },
                { "current-generation",
                  json_number_or_null(info->current_generation > 0, info->current_generation) },
                { "listen", json_listens(info->listens) },
                { "restarts", json_number(info->restarts) },
                { "worker-deaths", json_number_or_null(info->is_live, info->worker_deaths) },
                { "last-worker-death", json_text_or_null(info->last_worker_death) },
                { "health", json_text_or_null(info->health) },
                { "last-failure", json_text_or_null(info->last_failure) },
                { "last-failure-time",
                  json_number_or_null(info->last_failure_usec > 0, info->last_failure_usec) },
                { "last-notice", json_text_or_null(info->last_notice) },
                { "last-notice-time",
                  json_number_or_null(info->last_notice_usec > 0, info->last_notice_usec) },
                { "next-start", json_number_or_null(info->next_start_usec > 0, info->next_start_usec) },
                { "cpu", json_number_or_null(info->is_live, info->cpu_usec) },
                { "memory", json_number_or_null(info->is_live, info->memory_bytes) },
                { "processes", json_number_or_null(info->is_live, info->n_processes) },
                { "tasks", json_number_or_null(info->is_live, info->n_tasks) },
                { "requests", json_number_or_null(jail_info_has_load(info), info->requests) },
                { "request-rate", jail_info_has_load(info) && info->request_rate >= 0
                                                  ? json_object_new_double(info->request_rate)
                                                  : NULL },
                { "busy-workers", json_number_or_null(jail_info_has_load(info), info->busy_workers) },
                { "idle-workers", json_number_or_null(jail_info_has_load(info), info->idle_workers) },
                { "log-dropped", json_number_or_null(info->is_live, info->log_dropped_bytes) },
                { "layers", json_strings(info->layers) },
                { "problem", json_text_or_null(info->problem) },
        };
        json_object *o = json_object_new_object();

        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                json_object_object_add(o, members[i].key, members[i].value);
        return o;
}
