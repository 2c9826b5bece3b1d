#include "load.h"

#include "config-paths.h"
#include "output.h"
#include "verbs.h"

int ctl_no_such_jail(const char *name) {
        print_error(name, "no such jail: there is no " JAILD_CONF_DIR "/%s.conf", name);
        return CTL_EXIT_NO_SUCH_JAIL;
}

int ctl_load_config(const char *name, JailConfig **ret) {
        _cleanup_(config_error_done) ConfigError error = {};
        int r = jail_config_load(name, ret, &error);

        if (r >= 0)
                return CTL_EXIT_DONE;
        if (r == -ENOENT)
                return ctl_no_such_jail(name);
        /* The configuration is root's where it holds secrets. */
        print_error(name, r == -EACCES ? "this needs root: %s" : "%s",
                    error.message ? error.message : strerror(-r));
        return CTL_EXIT_FAILED;
}
