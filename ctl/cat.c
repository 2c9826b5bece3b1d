/* The verb cat: every key of a jail's configuration with the value in force and where that comes from. What it prints
 * can be read as a configuration again. */

#include <json-c/json.h>

#include "json-print.h"
#include "load.h"
#include "output.h"
#include "verbs.h"

DEFINE_CLEANUP(json_object *, json_object_put)

/* Room for what most keys and their values take; longer ones stick out. */
#define COLUMN_ORIGIN 40

static void print_line(const ConfigKey *key, const char *value, const char *origin) {
        int n = printf("%s%s=", value ? "" : "; ", key->key);

        print_text(stdout, value ?: "", 0);
        n += (int) strlen(value ?: "");
        printf("%*s%s; ", n < COLUMN_ORIGIN ? COLUMN_ORIGIN - n : 1, "", colour_on(stdout, COLOUR_GREY));
        print_text(stdout, origin, 0);
        printf("%s\n", colour_on(stdout, COLOUR_NONE));
}

/* Calls fn for each assignment of the key that is in force, or once for its default; value may be NULL then. */
static int for_each_value(const JailConfig *config, const ConfigKey *key,
                          void (*fn)(const ConfigKey *key, const char *value, const char *where,
                                     void *userdata),
                          void *userdata) {
        _cleanup_free_ char *value = NULL;
        bool is_set = false;
        int r;

        for (size_t i = 0; i < config->n_origins; i++)
                if (config->origins[i].key == key) {
                        fn(key, config->origins[i].value, config->origins[i].where, userdata);
                        is_set = true;
                }
        if (is_set)
                return 0;
        r = config_key_default(key, &value);
        if (r >= 0)
                fn(key, value, NULL, userdata);
        return r;
}

static void on_text(const ConfigKey *key, const char *value, const char *where, void *userdata) {
        print_line(key, value, where ?: value ? "default" : "not set");
}

static void on_json(const ConfigKey *key, const char *value, const char *where, void *userdata) {
        json_object *o = json_object_new_object();

        json_object_object_add(o, "section", json_object_new_string(key->section));
        json_object_object_add(o, "key", json_object_new_string(key->key));
        json_object_object_add(o, "value", value ? json_object_new_string(value) : NULL);
        json_object_object_add(o, "origin", where ? json_object_new_string(where) : NULL);
        json_object_array_add(userdata, o);
}

static int print_all(const JailConfig *config) {
        size_t n;
        const ConfigKey *keys = config_keys(&n);
        const char *section = "";
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++) {
                if (!streq(section, keys[i].section)) {
                        printf("%s%s[%s]%s\n", i > 0 ? "\n" : "", colour_on(stdout, COLOUR_BOLD),
                               keys[i].section, colour_on(stdout, COLOUR_NONE));
                        section = keys[i].section;
                }
                r = for_each_value(config, &keys[i], on_text, NULL);
        }
        return r;
}

static int print_json(const JailConfig *config) {
        _cleanup_(json_object_putp) json_object *o = json_object_new_object();
        json_object *array = json_object_new_array();
        size_t n;
        const ConfigKey *keys = config_keys(&n);
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++)
                r = for_each_value(config, &keys[i], on_json, array);
        json_object_object_add(o, "name", json_object_new_string(config->name));
        json_object_object_add(o, "values", array);
        json_print(o);
        return r;
}

int verb_cat(const CtlOptions *options, const char *name) {
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        int r = ctl_load_config(name, &config);

        if (r != CTL_EXIT_DONE)
                return r;
        r = options->json ? print_json(config) : print_all(config);
        if (r < 0) {
                print_error(name, "%s", strerror(-r));
                return CTL_EXIT_FAILED;
        }
        return CTL_EXIT_DONE;
}
