#include "jail-bus.h"

#include "base.h"
#include "bus.h"
#include "config-paths.h"

/* A jail's name needs no escaping in an address. */
int jail_bus_open(sd_event *event, const char *jail, sd_bus **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        _cleanup_free_ char *address = NULL;
        int r;

        if (asprintf(&address, "unix:path=" JAILD_RUN_DIR "/%s/" JAIL_RUN_CONTROL, jail) < 0)
                return -ENOMEM;
        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, address);
        /* It would flush at the end of the event loop, and so wait for a supervisor that is stuck. */
        if (r >= 0)
                r = sd_bus_set_close_on_exit(bus, false);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r >= 0 && event)
                r = sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                *ret = TAKE_PTR(bus);
        return r;
}
