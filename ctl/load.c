#include "load.h"

#include "output.h"
#include "verbs.h"

int ctl_load_config(const char *name, JailConfig **ret) {
        _cleanup_(config_error_done) ConfigError error = {};
        int r = jail_config_load(name, ret, &error);

        if (r >= 0)
                return CTL_EXIT_DONE;
        if (r == -ENOENT) {
                print_error(name, "no such jail");
                return CTL_EXIT_NO_SUCH_JAIL;
        }
        /* The configuration is root's where it holds secrets. */
        print_error(name, r == -EACCES ? "this needs root: %s" : "%s",
                    error.message ? error.message : strerror(-r));
        return CTL_EXIT_FAILED;
}
