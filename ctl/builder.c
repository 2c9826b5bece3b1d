#include "builder.h"

#include <fcntl.h>

#include "format.h"
#include "info.h"
#include "load.h"
#include "output.h"
#include "planner.h"
#include "verbs.h"

/* Nobody needs a bar before, nor sees it move faster. */
#define BAR_DELAY_USEC    USEC_PER_SEC
#define BAR_INTERVAL_USEC (100 * USEC_PER_MSEC)
#define BAR_WIDTH         30

typedef struct Bar {
        const char *name;
        uint64_t next_usec;
        bool shown;
} Bar;

int builder_begin(const char *name, JailConfig **ret) {
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        int r = ctl_load_config(name, &config);

        if (r != CTL_EXIT_DONE)
                return r;
        if (geteuid() != 0) {
                print_error(name,
                            "building needs root: it reads Apache's keys and makes files that are root's");
                return CTL_EXIT_FAILED;
        }
        *ret = TAKE_PTR(config);
        return CTL_EXIT_DONE;
}

int builder_make_plan(const JailConfig *config, Plan **ret, char **reterr) {
        _cleanup_(apache_freep) Apache *apache = NULL;
        int r = apache_inspect(config, &apache, reterr);

        return r < 0 ? r : planner_make(config, apache, ret, reterr);
}

static void bar_draw(size_t done, size_t total, void *userdata) {
        static const char full[] = "##############################",
                          empty[] = "                              ";
        Bar *bar = userdata;
        uint64_t now = now_usec();
        size_t n = total > 0 ? done * BAR_WIDTH / total : 0;

        if (now < bar->next_usec)
                return;
        bar->next_usec = now + BAR_INTERVAL_USEC;
        bar->shown = true;
        fprintf(stderr, "\r%s: building [%.*s%.*s] %zu of %zu", bar->name, (int) n, full,
                (int) (BAR_WIDTH - n), empty, done, total);
        fflush(stderr);
}

static void bar_end(Bar *bar) {
        if (bar->shown)
                fputs("\r\033[K", stderr);
}

int builder_run(GenerationStore *store, const JailConfig *config, Plan **ret_plan, BuildResult *ret,
                char **reterr) {
        uint64_t begin_usec = now_usec();
        _cleanup_(bar_end) Bar bar = { .name = config->name, .next_usec = begin_usec + BAR_DELAY_USEC };
        _cleanup_(plan_freep) Plan *plan = NULL;
        int r = builder_make_plan(config, &plan, reterr);

        if (r < 0)
                return r;
        if (isatty(STDERR_FILENO))
                generation_store_on_progress(store, bar_draw, &bar);
        r = generation_write(store, plan, &ret->generation, &ret->stats, reterr);
        generation_store_on_progress(store, NULL, NULL);
        if (r < 0)
                return r;
        ret->duration_usec = now_usec() - begin_usec;
        *ret_plan = TAKE_PTR(plan);
        return 0;
}

int builder_prune(GenerationStore *store, const JailConfig *config, char **reterr) {
        _cleanup_(jail_info_freep) JailInfo *info = NULL;
        int r = jail_info_load(config->name, &info);

        /* What runs is not known: nothing is removed from under it. */
        if (r < 0 || (!info->is_live && !streq(info->state, "stopped") && !streq(info->state, "failed")))
                return 0;
        r = generation_prune(store, config->keep, info->generation, reterr);
        return r < 0 ? r : 0;
}

void builder_print_warnings(const Plan *plan) {
        for (char **s = plan->warnings; s && *s; s++)
                print_error("warning", "%s", *s);
}

json_object *builder_strv_to_json(char *const *v) {
        json_object *array = json_object_new_array();

        for (; v && *v; v++)
                json_object_array_add(array, json_object_new_string(*v));
        return array;
}

json_object *builder_result_to_json(const char *name, const Plan *plan, const BuildResult *result) {
        double seconds = (double) result->duration_usec / (double) USEC_PER_SEC;
        json_object *o = json_object_new_object();

        json_object_object_add(o, "name", json_object_new_string(name));
        json_object_object_add(o, "generation", json_object_new_int64(result->generation));
        json_object_object_add(o, "files", json_object_new_int64((int64_t) result->stats.n_files));
        json_object_object_add(o, "bytes", json_object_new_int64((int64_t) result->stats.bytes));
        json_object_object_add(o, "shared-bytes",
                               json_object_new_int64((int64_t) result->stats.shared_bytes));
        json_object_object_add(o, "seconds", json_object_new_double(seconds));
        json_object_object_add(o, "warnings", builder_strv_to_json(plan->warnings));
        json_object_object_add(o, "remarks", builder_strv_to_json(plan->remarks));
        return o;
}
