/* jaild-inspect: what jailctl does not do itself, because it needs the room: to watch a throw-away instance (trace), and to
 * go in and look (enter). A program of its own, so that the supervisor stays without it. */

#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "config-paths.h"
#include "enter.h"
#include "log.h"
#include "privileges.h"
#include "trace-run.h"

enum {
        EXIT_USAGE = 2,
        EXIT_NO_SUCH_JAIL = 4,
};

/* A mount namespace of our own, in which a folder of the run-time ones is a file system that ends with us. */
static int make_scratch(const char *path) {
        if ((mkdir(JAILD_RUN_DIR, 0755) < 0 && errno != EEXIST) ||
            (mkdir(path, 0700) < 0 && errno != EEXIST))
                return -errno;
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("scratch", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=64M") < 0)
                return -errno;
        return 0;
}

static int load_config(const char *name, JailConfig **ret) {
        _cleanup_(config_error_done) ConfigError error = {};
        int r = jail_config_load(name, ret, &error);

        if (r >= 0)
                return 0;
        log_error("%s", error.message ?: r == -ENOENT ? "no such jail" : strerror(-r));
        return r == -ENOENT ? EXIT_NO_SUCH_JAIL : EXIT_FAILURE;
}

static int trace_main(int argc, char *argv[]) {
        static const struct option options[] = {
                { "url", required_argument, NULL, 'u' },
                { "generation", required_argument, NULL, 'g' },
                { "rehearse", no_argument, NULL, 'r' },
                { "ask", no_argument, NULL, 'a' },
                {},
        };
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        _cleanup_(trace_freep) Trace *trace = NULL;
        _cleanup_strv_free_ char **urls = NULL;
        _cleanup_free_ char *why = NULL;
        TraceRunSpec spec = {};
        int r;

        for (int c; (c = getopt_long(argc, argv, "+", options, NULL)) >= 0;)
                if (c == 'g')
                        spec.generation = (unsigned) atoi(optarg);
                else if (c == 'r')
                        spec.purpose = TRACE_RUN_REHEARSE;
                else if (c == 'a')
                        spec.purpose = TRACE_RUN_ASK;
                else if (c != 'u' || strv_extend(&urls, optarg) < 0)
                        return EXIT_USAGE;
        if (optind >= argc)
                return EXIT_USAGE;
        log_open(argv[optind]);
        r = load_config(argv[optind], &config);
        if (r != 0)
                return r;
        r = make_scratch(TRACE_SCRATCH);
        if (r >= 0)
                r = privileges_drop();
        if (r >= 0) {
                spec.config = config;
                spec.urls = urls;
                spec.command = optind + 1 < argc ? argv + optind + 1 : NULL;
                r = trace_run(&spec, &trace, &why);
        }
        if (r >= 0)
                r = trace_write(trace, stdout);
        if (r < 0 && r != -EINTR)
                log_error("cannot trace: %s", why ?: strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int enter_main(int argc, char *argv[]) {
        static const struct option options[] = {
                { "rw", no_argument, NULL, 'w' },
                { "as-root", no_argument, NULL, 'r' },
                { "master", required_argument, NULL, 'm' },
                { "generation", required_argument, NULL, 'g' },
                {},
        };
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        _cleanup_free_ char *why = NULL;
        EnterSpec spec = {};
        int r;

        for (int c; (c = getopt_long(argc, argv, "+", options, NULL)) >= 0;)
                if (c == 'w')
                        spec.writable = true;
                else if (c == 'r')
                        spec.as_root = true;
                else if (c == 'm')
                        spec.master = atoi(optarg);
                else if (c == 'g')
                        spec.generation = (unsigned) atoi(optarg);
                else
                        return EXIT_USAGE;
        if (argc - optind < 2)
                return EXIT_USAGE;
        log_open(argv[optind]);
        r = load_config(argv[optind], &config);
        if (r != 0)
                return r;
        spec.config = config;
        spec.argv = argv + optind + 1;
        r = enter_run(&spec, &why);
        if (r < 0)
                log_error("%s", why ?: strerror(-r));
        return r < 0 ? EXIT_FAILURE : r;
}

static const struct {
        const char *name;
        int (*run)(int argc, char *argv[]);
} commands[] = {
        { "enter", enter_main },
        { "trace", trace_main },
};

int main(int argc, char *argv[]) {
        log_open("jaild-inspect");
        (void) umask(022);
        /* What it starts ends with it: no manager is to keep anything (store.h). */
        (void) unsetenv("NOTIFY_SOCKET");
        if (geteuid() != 0) {
                log_error("it must be run by root");
                return EXIT_FAILURE;
        }
        for (size_t i = 0; argc > 1 && i < ELEMENTSOF(commands); i++)
                if (streq(argv[1], commands[i].name)) {
                        int r = commands[i].run(argc - 1, argv + 1);

                        if (r == EXIT_USAGE)
                                log_error("this program is for jailctl trace and jailctl enter to run");
                        return r;
                }
        log_error("this program is for jailctl trace and jailctl enter to run");
        return EXIT_USAGE;
}
