/* The verbs that move a jail from one generation to another: update and rollback. What is new is rehearsed before anybody can
 * reach it. The order makes every instant a good one to be killed in: the other generation serves before it becomes current,
 * so that current names at all times one that was whole when it was written and, where the jail runs, one that has served. */

#include <fcntl.h>

#include "builder.h"
#include "client.h"
#include "file.h"
#include "info.h"
#include "json-object.h"
#include "json-print.h"
#include "lifecycle.h"
#include "output.h"
#include "rehearsal.h"
#include "reterr.h"
#include "verbs.h"

typedef struct Move {
        const JailConfig *config;
        GenerationStore *store;
        /* 0: nothing was current, nothing runs. */
        unsigned current;
        unsigned running;
        unsigned target;
        /* The server was replaced. */
        bool replaced;
} Move;

static int read_state(Move *m, char **reterr) {
        _cleanup_(jail_info_freep) JailInfo *info = NULL;
        int r = jail_info_load(m->config->name, &info);

        if (r < 0)
                return reterr_set(reterr, r, "%s", strerror(-r));
        if (info->problem && !info->is_live && client_is_alive(m->config->name) > 0)
                return reterr_set(reterr, -EIO, "%s", info->problem);
        if (generation_current(m->config->name, &m->current) < 0)
                m->current = 0;
        /* One that waits for its next start, or was given up, is not worth keeping up: the next start takes the new one. */
        if (info->serves)
                m->running = info->generation;
        return 0;
}

/* Bring back what served, after r. Returns r. */
static int go_back(Move *m, const char *label, int r, char **reterr) {
        _cleanup_free_ char *back = NULL, *why = NULL;

        if (client_replace(m->config->name, m->running, label, &back) >= 0) {
                m->replaced = false;
                return r;
        }
        why = TAKE_PTR(*reterr);
        return reterr_set(reterr, r, "%s; and generation %u does not come back: %s", why ?: strerror(-r),
                          m->running, back ?: "no reason given");
}

/* Put the server of the target beside the one that runs, and in its place when it serves; then make it current. */
static int move_to_target(Move *m, char **reterr) {
        _cleanup_free_ char *label = NULL;
        int r = 0;

        if (asprintf(&label, "%s: replacing", m->config->name) < 0)
                return -ENOMEM;
        if (m->running > 0 && m->running != m->target) {
                r = client_replace(m->config->name, m->target, label, reterr);
                m->replaced = r >= 0;
        }
        if (r >= 0 && m->current != m->target)
                r = generation_switch(m->store, m->target, reterr);
        return r < 0 && m->replaced ? go_back(m, label, r, reterr) : r;
}

static bool same_file(const Move *m, unsigned other, const char *what) {
        _cleanup_close_ int a = generation_open(m->config->name, m->target, what, O_RDONLY),
                            b = generation_open(m->config->name, other, what, O_RDONLY);

        return a >= 0 && b >= 0 && file_equals(a, b) > 0;
}

/* Where the new generation is the current one over again it is dropped, and the current one is the target. */
static int drop_copy(Move *m, char **reterr) {
        unsigned copy = m->target;
        int r;

        if (m->current == 0 || !same_file(m, m->current, GENERATION_MANIFEST) ||
            !same_file(m, m->current, GENERATION_LAUNCH))
                return 0;
        r = generation_remove(m->store, copy, reterr);
        if (r >= 0)
                m->target = m->current;
        return r;
}

static int update(Move *m, Plan **ret_plan, BuildResult *ret, char **reterr) {
        int r;

        if ((r = generation_store_open(m->config->name, &m->store, reterr)) < 0 ||
            (r = read_state(m, reterr)) < 0 ||
            (r = builder_run(m->store, m->config, ret_plan, ret, reterr)) < 0)
                return r;
        m->target = ret->generation;
        r = drop_copy(m, reterr);
        if (r >= 0 && m->running > 0 && m->running != m->target)
                r = rehearsal_run(m->config, m->target, m->running, reterr);
        if (r >= 0)
                r = move_to_target(m, reterr);
        if (r < 0) {
                _cleanup_free_ char *why = NULL;

                /* It serves, or it is current, only where going back has failed, too. */
                if (!m->replaced && m->target != m->current)
                        (void) generation_remove(m->store, m->target, &why);
                return r;
        }
        (void) builder_prune(m->store, m->config, reterr);
        return 0;
}

static int roll_back(Move *m, unsigned wanted, char **reterr) {
        _cleanup_free_ unsigned *numbers = NULL;
        int r, n;

        if ((r = generation_store_open(m->config->name, &m->store, reterr)) < 0 ||
            (r = read_state(m, reterr)) < 0)
                return r;
        n = generation_list(m->config->name, &numbers);
        for (int i = 0; i < n; i++)
                if (wanted > 0 ? numbers[i] == wanted : numbers[i] < m->current)
                        m->target = numbers[i];
        if (m->target == 0)
                return wanted > 0 ? reterr_set(reterr, -ENOENT, "there is no generation %u", wanted)
                                  : reterr_set(reterr, -ENOENT,
                                               "there is no generation before the current one");
        return move_to_target(m, reterr);
}

/* What is now, in one line or one object. */
static void print_move(const CtlOptions *options, const Move *m, json_object *o) {
        unsigned before = m->running > 0 ? m->running : m->current;
        bool changed = m->target != m->current || (m->running > 0 && m->target != m->running);

        if (options->json) {
                json_object_object_add(o, "name", json_object_new_string(m->config->name));
                json_object_object_add(o, "generation", json_object_new_int64(m->target));
                json_object_object_add(o, "before", before > 0 ? json_object_new_int64(before) : NULL);
                json_object_object_add(o, "changed", json_object_new_boolean(changed));
                json_object_object_add(o, "replaced", json_object_new_boolean(m->replaced));
                json_print(o);
        } else if (!changed)
                printf("%s: generation %u is up to date\n", m->config->name, m->target);
        else if (m->replaced)
                printf("%s: generation %u serves, in the place of %u\n", m->config->name, m->target, before);
        else
                printf("%s: generation %u is current; the next start takes it\n", m->config->name,
                       m->target);
}

static void print_failure(const Move *m, int r, const char *reason) {
        unsigned stays = m->running > 0 ? m->running : m->current;
        const char *name = m->config->name;

        if (m->replaced)
                print_error(name, "%s", reason ? reason : strerror(-r));
        else if (stays > 0)
                print_error(name, "nothing was changed, generation %u %s: %s", stays,
                            m->running > 0 ? "serves on" : "stays current", reason ? reason : strerror(-r));
        else
                print_error(name, "%s", reason ? reason : strerror(-r));
}

int verb_update(const CtlOptions *options, const char *name) {
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        _cleanup_(json_object_putp) json_object *o = NULL;
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_free_ char *reason = NULL;
        BuildResult result = {};
        Move m = {};
        int r = builder_begin(name, &config);

        if (r != CTL_EXIT_DONE)
                return r;
        m.config = config;
        r = update(&m, &plan, &result, &reason);
        m.store = generation_store_close(m.store);
        if (r < 0) {
                print_failure(&m, r, reason);
                return CTL_EXIT_FAILED;
        }
        if (reason)
                print_error(name, "%s", reason);
        if (!options->json)
                builder_print_warnings(plan);
        o = builder_result_to_json(name, plan, &result);
        print_move(options, &m, o);
        return CTL_EXIT_DONE;
}

int verb_rollback(const CtlOptions *options, const char *name) {
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        _cleanup_(json_object_putp) json_object *o = json_object_new_object();
        _cleanup_free_ char *reason = NULL;
        unsigned wanted = 0;
        Move m = {};
        int r;

        if (options->words[0] && (wanted = generation_parse(options->words[0])) == 0) {
                print_error("jailctl", "'%s' is no generation's number; see jailctl --help",
                            options->words[0]);
                return CTL_EXIT_USAGE;
        }
        r = builder_begin(name, &config);
        if (r != CTL_EXIT_DONE)
                return r;
        m.config = config;
        r = roll_back(&m, wanted, &reason);
        m.store = generation_store_close(m.store);
        if (r < 0) {
                print_failure(&m, r, reason);
                return CTL_EXIT_FAILED;
        }
        print_move(options, &m, o);
        return CTL_EXIT_DONE;
}
