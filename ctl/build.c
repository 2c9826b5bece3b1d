/* The verb build: a new generation of a jail, or with --dry-run what would be in it and why; and configtest, which only
 * looks whether that could be said. */

#include "builder.h"
#include "format.h"
#include "json-object.h"
#include "json-print.h"
#include "output.h"
#include "verbs.h"

enum {
        COLUMN_TYPE,
        COLUMN_MODE,
        COLUMN_PATH,
        COLUMN_WHY,
        _COLUMN_MAX,
};

static const char *const column_names[_COLUMN_MAX] = {
        [COLUMN_TYPE] = "TYPE",
        [COLUMN_MODE] = "MODE",
        [COLUMN_PATH] = "PATH",
        [COLUMN_WHY] = "WHY",
};

static json_object *entry_to_json(const PlanEntry *e) {
        json_object *o = json_object_new_object();
        char mode[8];

        snprintf(mode, sizeof(mode), "%04o", e->mode);
        json_object_object_add(o, "path", json_object_new_string(e->path));
        json_object_object_add(o, "type", json_object_new_string(plan_type_to_string(e->type)));
        json_object_object_add(o, "mode", json_object_new_string(mode));
        json_object_object_add(o, "uid", json_object_new_int64(e->uid));
        json_object_object_add(o, "gid", json_object_new_int64(e->gid));
        json_object_object_add(o, "why", json_object_new_string(e->why));
        if (e->cause)
                json_object_object_add(o, "needed-by", json_object_new_string(e->cause->path));
        if (e->source)
                json_object_object_add(o, "source", json_object_new_string(e->source));
        if (e->type == PLAN_SYMLINK)
                json_object_object_add(o, "target", json_object_new_string(e->content));
        return o;
}

static int print_plan_json(const char *name, const Plan *plan, const PlanEntry *const *entries) {
        _cleanup_(json_object_putp) json_object *o = json_object_new_object();
        json_object *array = json_object_new_array();

        for (size_t i = 0; i < plan->n_entries; i++)
                json_object_array_add(array, entry_to_json(entries[i]));
        json_object_object_add(o, "name", json_object_new_string(name));
        json_object_object_add(o, "entries", array);
        json_object_object_add(o, "warnings", builder_strv_to_json(plan->warnings));
        json_object_object_add(o, "remarks", builder_strv_to_json(plan->remarks));
        json_print(o);
        return CTL_EXIT_DONE;
}

/* The reason, with what the entry is for where it is not the configuration that asks for it. */
static char *entry_why(const PlanEntry *e) {
        char *s;

        if (!e->cause)
                return strdup(e->why);
        return asprintf(&s, "%s, needed by %s", e->why, e->cause->path) < 0 ? NULL : s;
}

static int print_plan_table(const CtlOptions *options, const char *name, const Plan *plan,
                            const PlanEntry *const *entries) {
        size_t n = plan->n_entries;
        _cleanup_free_ TableCell *cells = calloc((n + 1) * _COLUMN_MAX, sizeof(TableCell));
        _cleanup_free_ char(*modes)[8] = calloc(n + 1, sizeof(*modes));
        _cleanup_strv_free_ char **whys = calloc(n + 1, sizeof(char *));

        if (!cells || !modes || !whys)
                return CTL_EXIT_FAILED;
        for (size_t i = 0; i < _COLUMN_MAX; i++)
                cells[i].text = column_names[i];
        for (size_t i = 0; i < n; i++) {
                TableCell *row = cells + (i + 1) * _COLUMN_MAX;

                whys[i] = entry_why(entries[i]);
                if (!whys[i])
                        return CTL_EXIT_FAILED;
                snprintf(modes[i], sizeof(modes[i]), "%04o", entries[i]->mode);
                row[COLUMN_TYPE].text = plan_type_to_string(entries[i]->type);
                row[COLUMN_MODE].text = modes[i];
                row[COLUMN_PATH].text = entries[i]->path;
                row[COLUMN_WHY].text = whys[i];
        }
        print_table(cells, _COLUMN_MAX, n + 1, options->legend);
        for (char **s = plan->remarks; s && *s; s++)
                printf("%s%s\n", s == plan->remarks ? "\n" : "", *s);
        if (options->legend)
                printf("\n%s: %zu entries; nothing was changed.\n", name, n);
        return CTL_EXIT_DONE;
}

static int print_plan(const CtlOptions *options, const char *name, const Plan *plan) {
        _cleanup_free_ const PlanEntry **entries = NULL;

        if (plan_list(plan, &entries) < 0) {
                print_error(name, "%s", strerror(ENOMEM));
                return CTL_EXIT_FAILED;
        }
        if (options->json)
                return print_plan_json(name, plan, entries);
        builder_print_warnings(plan);
        return print_plan_table(options, name, plan, entries);
}

static int print_result(const CtlOptions *options, const char *name, const Plan *plan,
                        const BuildResult *result) {
        double seconds = (double) result->duration_usec / (double) USEC_PER_SEC;
        char bytes[FORMAT_MAX];

        if (options->json) {
                _cleanup_(json_object_putp) json_object *o = builder_result_to_json(name, plan, result);

                json_print(o);
                return CTL_EXIT_DONE;
        }
        builder_print_warnings(plan);
        printf("%s: generation %u built: %zu files, %s in %.2f s\n", name, result->generation,
               result->stats.n_files, format_bytes(result->stats.bytes, bytes), seconds);
        return CTL_EXIT_DONE;
}

/* Under the lock from beginning to end, so that what is switched to is what was just planned. */
static int build(const JailConfig *config, Plan **ret_plan, BuildResult *ret, char **reterr) {
        _cleanup_(generation_store_closep) GenerationStore *store = NULL;
        _cleanup_(plan_freep) Plan *plan = NULL;
        int r;

        if ((r = generation_store_open(config->name, &store, reterr)) < 0 ||
            (r = builder_run(store, config, &plan, ret, reterr)) < 0)
                return r;
        r = generation_switch(store, ret->generation, reterr);
        if (r < 0) {
                _cleanup_free_ char *why = NULL;

                (void) generation_remove(store, ret->generation, &why);
                return r;
        }
        /* It is built all the same; what is left is said, and is the next build's to remove. */
        (void) builder_prune(store, config, reterr);
        *ret_plan = TAKE_PTR(plan);
        return 0;
}

int verb_configtest(const CtlOptions *options, const char *name) {
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_free_ char *reason = NULL;
        int r = builder_begin(name, &config);

        if (r != CTL_EXIT_DONE)
                return r;
        r = builder_make_plan(config, &plan, &reason);
        if (r < 0) {
                print_error(name, "%s", reason ? reason : strerror(-r));
                return CTL_EXIT_FAILED;
        }
        builder_print_warnings(plan);
        puts("Syntax OK");
        return CTL_EXIT_DONE;
}

int verb_build(const CtlOptions *options, const char *name) {
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_free_ char *reason = NULL;
        BuildResult result = {};
        int r = builder_begin(name, &config);

        if (r != CTL_EXIT_DONE)
                return r;
        r = options->dry_run ? builder_make_plan(config, &plan, &reason)
                             : build(config, &plan, &result, &reason);
        if (r < 0) {
                print_error(name, "%s", reason ? reason : strerror(-r));
                return CTL_EXIT_FAILED;
        }
        if (reason)
                print_error(name, "%s", reason);
        return options->dry_run ? print_plan(options, name, plan)
                                : print_result(options, name, plan, &result);
}
