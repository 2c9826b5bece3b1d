#include "planner-components.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "folder.h"
#include "reterr.h"
#include "rootpath.h"

/* Programs besides httpd: what Exec= names, with the interpreters of scripts and all that they need. A folder is taken
 * as it is when the jail is built. */

/* What the kernel reads of a "#!" line (BINPRM_BUF_SIZE). */
#define HEAD_SIZE 256

/* The first words of a file. Returns 0, -ENOEXEC for a folder or so, or the errno of opening it. */
static int read_head(const Planner *p, const char *path, char head[static HEAD_SIZE]) {
        struct stat st;
        _cleanup_close_ int fd = rootpath_open_regular(p->plan->source_fd, path, &st);
        ssize_t n;

        if (fd < 0)
                return fd;
        n = read(fd, head, HEAD_SIZE - 1);
        if (n < 0)
                return -errno;
        head[n] = '\0';
        return 0;
}

/* "#!/usr/bin/env perl" is env, and perl where env would find it. */
static int add_env_program(const Planner *p, Closure *closure, const char *name, const char *why,
                           char **reterr) {
        static const char *const folders[] = { "/usr/bin", "/bin" };

        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                _cleanup_free_ char *path = NULL;
                _cleanup_close_ int fd = -EBADF;

                if (asprintf(&path, "%s/%s", folders[i], name) < 0)
                        return -ENOMEM;
                fd = rootpath_open(p->plan->source_fd, path, O_PATH);
                if (fd >= 0)
                        return closure_add(closure, path, why, reterr);
        }
        return reterr_set(reterr, -ENOENT, "%s: there is no %s in /usr/bin", why, name);
}

static int add_interpreters(const Planner *p, Closure *closure, const char *path, char *line,
                            const char *why, char **reterr) {
        _cleanup_free_ char *reason = NULL;
        char *save, *interpreter, *argument;
        int r;

        line[strcspn(line, "\r\n")] = '\0';
        interpreter = strtok_r(line, " \t", &save);
        argument = strtok_r(NULL, " \t", &save);
        if (!interpreter || interpreter[0] != '/')
                return reterr_set(reterr, -ENOEXEC,
                                  "%s: its first line names no program by its whole path (%s)", path, why);
        if (asprintf(&reason, "the interpreter of %s", path) < 0)
                return -ENOMEM;
        r = closure_add(closure, interpreter, reason, reterr);
        if (r >= 0 && streq(strrchr(interpreter, '/'), "/env") && argument)
                r = add_env_program(p, closure, argument, reason, reterr);
        return r;
}

int planner_add_program(Planner *p, Closure *closure, const char *path, const char *why, char **reterr) {
        char head[HEAD_SIZE];
        int r = read_head(p, path, head);

        if (r < 0)
                return reterr_set(reterr, r, "%s: %s (%s)", path, strerror(-r), why);
        if (strncmp(head, "#!", 2) != 0)
                return closure_add(closure, path, why, reterr);
        r = plan_add_copy(p->plan, path, 0555, (PlanWhy){ .why = why }, NULL, reterr);
        return r < 0 ? r : add_interpreters(p, closure, path, head + 2, why, reterr);
}

static int add_folder(Planner *p, Closure *closure, const char *folder, const char *why, char **reterr) {
        _cleanup_close_ int fd = rootpath_open(p->plan->source_fd, folder, O_RDONLY | O_DIRECTORY);
        _cleanup_strv_free_ char **names = NULL;
        int r = fd < 0 ? fd : folder_list(fd, &names);

        if (r < 0)
                return reterr_set(reterr, r, "%s: %s (%s)", folder, strerror(-r), why);
        for (char **name = names; r >= 0 && name && *name; name++) {
                _cleanup_free_ char *path = NULL;
                mode_t mode;

                if (asprintf(&path, "%s%s", folder, *name) < 0)
                        return -ENOMEM;
                if (component_exists(p, path, &mode) && S_ISREG(mode) && mode & 0111)
                        r = planner_add_program(p, closure, path, why, reterr);
        }
        return r;
}

int planner_programs(Planner *p, char **reterr) {
        _cleanup_(closure_freep) Closure *closure = NULL;
        int r = closure_new(p->plan->source_fd, &closure);

        for (char **e = p->config->execs; r >= 0 && e && *e; e++) {
                _cleanup_free_ char *why = NULL;

                if (asprintf(&why, "Exec=%s", *e) < 0)
                        return -ENOMEM;
                r = planner_check_not_writable(p, *e, why, reterr);
                if (r >= 0)
                        r = (*e)[strlen(*e) - 1] == '/' ? add_folder(p, closure, *e, why, reterr)
                                                        : planner_add_program(p, closure, *e, why, reterr);
        }
        return r < 0 ? r : planner_add_closure(p, closure, reterr);
}
