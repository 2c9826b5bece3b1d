#include "jail-internal.h"
#include "log.h"
#include "room.h"

/* What is about jaild itself (restarting, health, logs) is read once. What rooms are made by is read again for each server
 * that somebody asks for, as jailctl reads it for each build; a server that nobody asked for, after a crash, is what the
 * last one was. */

int jail_say_layers(Jail *j) {
        const char *missing;
        char **layers;
        int r = room_layers(j->room_config, &layers, &missing);

        if (r < 0)
                return r;
        strv_free(j->layers);
        j->layers = layers;
        for (char **l = layers; *l; l++)
                log_info("layer: %s", *l);
        if (j->room_config->mode == CONFIG_MODE_HOST)
                log_event(EVENT_LAYER_MISSING, "Mode=host: the jail has the host's network");
        if (j->room_config->launcher == CONFIG_LAUNCHER_APACHECTL)
                log_event(EVENT_LAYER_MISSING,
                          "Launcher=apachectl: a shell is in the jail, and may be run until the server is");
        if (missing)
                log_event(EVENT_LAYER_MISSING, "%s", missing);
        return 0;
}

int jail_want_config(Jail *j, char **reterr) {
        JailConfig *config;
        ConfigError error = {};
        int r = jail_config_load(j->config->name, &config, &error);

        if (r < 0) {
                *reterr = error.message ?: strdup(r == -ENOENT ? "its configuration is gone" : strerror(-r));
                return r;
        }
        jail_config_free(j->wanted_config);
        j->wanted_config = config;
        return 0;
}

void jail_forget_wanted_config(Jail *j) {
        j->wanted_config = jail_config_free(j->wanted_config);
}

void jail_take_config(Jail *j, JailConfig *config) {
        if (config == j->room_config)
                return;
        jail_config_free(j->room_config);
        j->room_config = jail_config_ref(config);
        if (jail_say_layers(j) < 0)
                log_error("cannot tell the layers: out of memory");
}
