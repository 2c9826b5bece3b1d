#include "events.h"

#include <syslog.h>

/* A number once given is never changed or used for something else: journals are older than programs. */
static const struct {
        const char *message_id;
        const char *name;
        int level;
} table[_EVENT_MAX] = {
        [EVENT_SERVER_DIED] = { "f0d008095b854dc98400b2a026bc0624", "server-died", LOG_ERR },
        [EVENT_START_FAILED] = { "0158aaef6e854e1d95bbc9b574ee064c", "start-failed", LOG_ERR },
        [EVENT_UNHEALTHY] = { "3a96ee4e7c3b4e53bf6c60d4a37f58aa", "unhealthy", LOG_ERR },
        [EVENT_RECOVERED] = { "a654bc5a0b5c46048a3b29fb8919819b", "recovered", LOG_NOTICE },
        [EVENT_GAVE_UP] = { "5275ac1d2c4f4853a2a8bb52cbb1f396", "gave-up", LOG_ERR },
        [EVENT_SERVING] = { "6e994ba93fc44658bdda2e05c2bdfafb", "serving", LOG_NOTICE },
        [EVENT_CONFIG_REFUSED] = { "311c24a2b7ba4726998f2a6548326e74", "config-refused", LOG_ERR },
        [EVENT_JAIL_REFUSED] = { "da81b994831c4a4c806da65edfd025ac", "jail-refused", LOG_ERR },
        [EVENT_STANDBY_LOST] = { "59422cf5bd43479e8812dee4fb0c7c98", "standby-lost", LOG_WARNING },
        [EVENT_ADDRESS_REFUSED] = { "fb7a3ff8a0464aea85daa78a73082d0a", "address-refused", LOG_WARNING },
        [EVENT_EXEC_REFUSED] = { "a8d9d239d4cd4e468e2de64aa042f52a", "exec-refused", LOG_WARNING },
        [EVENT_CONNECT_REFUSED] = { "37a024f359d3419189fb25f43600c940", "connect-refused", LOG_WARNING },
        [EVENT_CONTROL_REFUSED] = { "d00fb6aede6e44d3a44516340b799226", "control-refused", LOG_NOTICE },
        [EVENT_LOG_DROPPED] = { "9d457f93fdc44119a6a33679918d62a5", "log-dropped", LOG_ERR },
        [EVENT_LAYER_MISSING] = { "8959f81b67234ffc9bd762b3a507aeee", "layer-missing", LOG_WARNING },
        [EVENT_ADOPTED] = { "58206d3d866f485096a5b4d0c16d5a68", "adopted", LOG_NOTICE },
        [EVENT_ADOPTION_REFUSED] = { "ad3e6f7c600f46f4abf22fb718f24c7a", "adoption-refused", LOG_WARNING },
        [EVENT_VERIFY_FINDINGS] = { "da91e3c352be4fa98a444830b07d080b", "verify-findings", LOG_WARNING },
        [EVENT_ENTERED_AS_ROOT] = { "ad5e9a4abd194d2487d4ed44f3061f58", "entered-as-root", LOG_NOTICE },
        [EVENT_CLOCK_STEPPED] = { "6816fefff2b04f7cadf3a11df6b41aae", "clock-stepped", LOG_NOTICE },
        [EVENT_HOOK_FAILED] = { "ea79a2242ece4064b8e9e88ce39dcdc8", "hook-failed", LOG_WARNING },
};

const char *event_message_id(Event event) {
        return table[event].message_id;
}

const char *event_name(Event event) {
        return table[event].name;
}

int event_level(Event event) {
        return table[event].level;
}
