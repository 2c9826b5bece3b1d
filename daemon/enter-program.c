#include "enter-program.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "closure.h"
#include "reterr.h"
#include "rootpath.h"

const char *const enter_paths[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin",
                                    "/sbin",           "/bin",           NULL };

EnterProgram *enter_program_free(EnterProgram *p) {
        if (!p)
                return NULL;
        free(p->path);
        free(p->loader);
        strv_free(p->library_folders);
        strv_free(p->before);
        free(p);
        return NULL;
}

static int find_path(const char *name, char **ret) {
        int r = -ENOENT;

        if (strchr(name, '/')) {
                *ret = realpath(name, NULL);
                return *ret ? 0 : -errno;
        }
        for (const char *const *folder = enter_paths; r < 0 && *folder; folder++) {
                _cleanup_free_ char *path = NULL;

                if (asprintf(&path, "%s/%s", *folder, name) < 0) {
                        path = NULL;
                        return -ENOMEM;
                }
                if (access(path, X_OK) < 0)
                        continue;
                *ret = realpath(path, NULL);
                r = *ret ? 0 : -errno;
        }
        return r;
}

/* "#!INTERPRETER [ARGUMENT]". Returns 1 where the file is such a script, 0 where not, or an errno. */
static int read_script(int root_fd, EnterProgram *p) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *script = NULL;
        char line[256], *save, *interpreter, *argument;
        struct stat st;
        ssize_t k;
        int r;

        fd = rootpath_open_regular(root_fd, p->path, &st);
        if (fd < 0)
                return fd;
        k = read(fd, line, sizeof(line) - 1);
        if (k < 2 || line[0] != '#' || line[1] != '!')
                return k < 0 ? -errno : 0;
        line[k] = '\0';
        line[strcspn(line, "\n")] = '\0';
        interpreter = strtok_r(line + 2, " \t", &save);
        argument = interpreter ? strtok_r(NULL, "", &save) : NULL;
        if (!interpreter)
                return -ENOEXEC;
        if (asprintf(&script, ENTER_HOST "%s", p->path) < 0)
                return -ENOMEM;
        free(p->path);
        p->path = NULL;
        r = rootpath_resolve(root_fd, interpreter, &p->path);
        if (r >= 0 && argument)
                r = strv_extend(&p->before, argument);
        if (r >= 0)
                r = strv_extend(&p->before, script);
        return r < 0 ? r : 1;
}

static int add_folder(EnterProgram *p, const char *library) {
        _cleanup_free_ char *folder = strndup(library, (size_t) (strrchr(library, '/') - library));

        if (!folder)
                return -ENOMEM;
        for (char **f = p->library_folders; f && *f; f++)
                if (streq(*f, folder))
                        return 0;
        return strv_extend(&p->library_folders, folder);
}

static int read_closure(int root_fd, EnterProgram *p, char **reterr) {
        _cleanup_(closure_freep) Closure *c = NULL;
        int r = closure_new(root_fd, &c);

        if (r >= 0)
                r = closure_add(c, p->path, "the program", reterr);
        for (size_t i = 0; r >= 0 && i < closure_count(c); i++) {
                const ClosureItem *item = closure_get(c, i);

                if (item->kind == CLOSURE_INTERPRETER && !p->loader) {
                        p->loader = strdup(item->path);
                        r = p->loader ? 0 : -ENOMEM;
                } else if (item->kind == CLOSURE_LIBRARY || item->kind == CLOSURE_ALIAS ||
                           item->kind == CLOSURE_HIDDEN)
                        r = add_folder(p, item->path);
        }
        return r;
}

int enter_program_find(const char *name, EnterProgram **ret, char **reterr) {
        _cleanup_(enter_program_freep) EnterProgram *p = calloc(1, sizeof(EnterProgram));
        _cleanup_close_ int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r;

        if (!p)
                return -ENOMEM;
        if (root_fd < 0)
                return -errno;
        r = find_path(name, &p->path);
        if (r >= 0)
                r = read_script(root_fd, p);
        if (r >= 0)
                r = read_closure(root_fd, p, reterr);
        if (r < 0)
                return *reterr ? r : reterr_set(reterr, r, "%s: %s", name, strerror(-r));
        *ret = TAKE_PTR(p);
        return 0;
}
