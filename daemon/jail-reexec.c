#include <limits.h>

#include "jail-internal.h"
#include "reterr.h"

/* Without systemd nobody keeps what the next supervisor needs, but the same process may become another program: its children
 * stay its children, and what store.c keeps goes through the execve(2). The rest is as if the last supervisor had died. */

static char *program;

void jail_remember_program(void) {
        char path[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

        if (n > 0)
                program = strndup(path, (size_t) n);
}

int jail_reexecute(Jail *j, char **reterr) {
        char *argv[] = { program, j->config->name, NULL };
        int r;

        if (store_is_there())
                return reterr_set(reterr, -EBUSY,
                                  "it is systemd's: systemctl restart jaild@%s keeps the server",
                                  j->config->name);
        if (j->kept->state != LIFECYCLE_RUNNING && j->kept->state != LIFECYCLE_IDLE)
                return reterr_set(reterr, -EBUSY, "%s", lifecycle_state_to_string(j->kept->state));
        /* It would be a child that nobody knows. */
        if (hook_is_busy(j->hook))
                return reterr_set(reterr, -EBUSY, "the command of Notify= still runs");
        if (!program)
                return reterr_set(reterr, -ENOENT, "it is not known which program this is");
        if (access(program, X_OK) < 0)
                return reterr_set(reterr, -errno, "%s: %s", program, strerror(errno));
        health_end(j->health);
        r = store_execute(argv);
        if (j->live)
                jail_attend_live(j);
        return reterr_set(reterr, r, "%s: %s", program, strerror(-r));
}
