#include "stale.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "config.h"
#include "generation.h"
#include "origins.h"
#include "output.h"
#include "planner.h"
#include "rootpath.h"

static bool is_configuration(const char *why) {
        size_t n = strlen(why), ports = strlen(PLANNER_WHY_PORTS);

        return streq(why, PLANNER_WHY_CONFIGURATION) || streq(why, PLANNER_WHY_INCLUDED) ||
               streq(why, PLANNER_WHY_INCLUDED_FOLDER) ||
               (n > ports && streq(why + n - ports, PLANNER_WHY_PORTS));
}

/* A folder is as young as what was put into it or taken out of it last. */
static bool is_younger(int source_fd, const char *path, const struct timespec *than) {
        _cleanup_close_ int fd = rootpath_open(source_fd, path, O_PATH);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return fd == -ENOENT;
        return st.st_mtim.tv_sec > than->tv_sec ||
               (st.st_mtim.tv_sec == than->tv_sec && st.st_mtim.tv_nsec > than->tv_nsec);
}

/* Returns the first file or folder that has changed, or NULL. */
static const char *find_changed(const Origins *origins, int source_fd, const struct timespec *built) {
        for (size_t i = 0; i < origins->n_entries; i++) {
                const Origin *o = &origins->entries[i];
                const char *path = o->source ?: o->path;

                if (is_configuration(o->why) && is_younger(source_fd, path, built))
                        return path;
        }
        return NULL;
}

void print_if_stale(const char *name) {
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        _cleanup_(config_error_done) ConfigError error = {};
        _cleanup_(origins_freep) Origins *origins = NULL;
        _cleanup_close_ int fd = -EBADF, source_fd = -EBADF;
        _cleanup_free_ char *reason = NULL;
        const char *changed;
        unsigned number;
        struct stat st;

        if (jail_config_load(name, &config, &error) < 0 || generation_current(name, &number) < 0)
                return;
        fd = generation_open(name, number, GENERATION_ORIGINS, O_RDONLY);
        source_fd = open(config->source ?: "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || source_fd < 0 || fstat(fd, &st) < 0 || origins_read(fd, &origins, &reason) < 0)
                return;
        changed = find_changed(origins, source_fd, &st.st_mtim);
        if (changed)
                print_error(name,
                            "%s has changed since generation %u was built; to have it in the jail: jailctl update %s",
                            changed, number, name);
}
