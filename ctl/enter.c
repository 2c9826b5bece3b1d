/* The verb enter: a program of the host's in the room of a jail. */

#include "info.h"
#include "inspector.h"
#include "load.h"
#include "output.h"
#include "verbs.h"

/* The running server, if there is one, and which generation it is of. */
static int add_target(const char *name, char ***arguments) {
        _cleanup_(jail_info_freep) JailInfo *info = NULL;
        char number[16];
        int r = jail_info_load(name, &info);

        if (r < 0 || !info->is_live || info->main_pid == 0)
                return r;
        snprintf(number, sizeof(number), "%u", info->main_pid);
        if ((r = strv_extend(arguments, "--master")) < 0 || (r = strv_extend(arguments, number)) < 0)
                return r;
        snprintf(number, sizeof(number), "%u", info->generation);
        r = strv_extend(arguments, "--generation");
        return r < 0 ? r : strv_extend(arguments, number);
}

static int make_arguments(const CtlOptions *options, const char *name, char ***ret) {
        const char *shell = getenv("SHELL");
        _cleanup_free_ char *path = NULL;
        int r = inspector_path(&path);

        if (r < 0 || (r = strv_extend(ret, path)) < 0 || (r = strv_extend(ret, "enter")) < 0 ||
            (r = add_target(name, ret)) < 0 || (options->rw && (r = strv_extend(ret, "--rw")) < 0) ||
            (options->as_root && (r = strv_extend(ret, "--as-root")) < 0) ||
            (r = strv_extend(ret, name)) < 0)
                return r;
        if (!options->command || !options->command[0])
                return strv_extend(ret, shell && *shell ? shell : "/bin/sh");
        for (char *const *word = options->command; r >= 0 && *word; word++)
                r = strv_extend(ret, *word);
        return r;
}

int verb_enter(const CtlOptions *options, const char *name) {
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        _cleanup_strv_free_ char **arguments = NULL;
        int r = ctl_load_config(name, &config);

        if (r != CTL_EXIT_DONE)
                return r;
        if (geteuid() != 0) {
                print_error(name,
                            "entering needs root: it joins the namespaces of the server, and then becomes its user");
                return CTL_EXIT_FAILED;
        }
        r = make_arguments(options, name, &arguments);
        if (r >= 0) {
                (void) execv(arguments[0], arguments);
                r = -errno;
        }
        print_error(name, "cannot run jaild-inspect: %s", strerror(-r));
        return CTL_EXIT_FAILED;
}
