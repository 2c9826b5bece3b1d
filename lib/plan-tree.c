/* A folder of the source tree with all that is in it, or with what its caller chooses. */

#include "plan-internal.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "folder.h"
#include "reterr.h"
#include "rootpath.h"

/* As many as verify follows (treeview.c), and fewer than the stack has room for. */
#define DEPTH_MAX 256

typedef struct Choice {
        int (*take)(const char *path, bool is_folder, void *userdata);
        void *userdata;
} Choice;

static int add_one(Plan *plan, const char *path, const Choice *choice, PlanWhy why, char **reterr);

static size_t path_depth(const char *path) {
        size_t n = 0;

        for (; (path = strchr(path, '/')); path++)
                n++;
        return n;
}

static int add_children(Plan *plan, int fd, const char *path, const Choice *choice, PlanWhy why,
                        char **reterr) {
        _cleanup_strv_free_ char **names = NULL;
        int r = folder_list(fd, &names);

        if (r < 0)
                return reterr_set(reterr, r, "%s: %s", path, strerror(-r));
        for (char **name = names; r >= 0 && name && *name; name++) {
                _cleanup_free_ char *child = NULL;

                if (asprintf(&child, "%s/%s", path, *name) < 0)
                        return -ENOMEM;
                r = add_one(plan, child, choice, why, reterr);
        }
        return r;
}

static int add_one(Plan *plan, const char *path, const Choice *choice, PlanWhy why, char **reterr) {
        _cleanup_close_ int fd = rootpath_open(plan->source_fd, path, O_PATH | O_NOFOLLOW);
        char target[PATH_MAX];
        struct stat st;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0) {
                r = fd < 0 ? fd : -errno;
                return reterr_set(reterr, r, "%s: %s (%s)", path, strerror(-r), why.why);
        }
        if (choice && (r = choice->take(path, S_ISDIR(st.st_mode), choice->userdata)) <= 0)
                return r;
        if (S_ISLNK(st.st_mode)) {
                r = plan_read_link(plan, path, target);
                return r <= 0 ? r : plan_add_link(plan, path, target, why, reterr);
        }
        if (S_ISREG(st.st_mode))
                return plan_add_copy(plan, path, 0444 | (!choice && st.st_mode & S_IXUSR ? 0111 : 0), why,
                                     NULL, reterr);
        if (!S_ISDIR(st.st_mode))
                return plan_warn(plan, "%s is left out: it is no file, folder or link (%s)", path, why.why);

        if (path_depth(path) > DEPTH_MAX)
                return reterr_set(reterr, -ELOOP, "%s: folders within each other more than %d deep (%s)",
                                  path, DEPTH_MAX, why.why);
        r = plan_add_folder(plan, path, 0755, why, NULL, reterr);
        if (r < 0)
                return r;
        fd = close_fd(fd);
        fd = rootpath_open(plan->source_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (fd < 0)
                return reterr_set(reterr, fd, "%s: %s", path, strerror(-fd));
        return add_children(plan, fd, path, choice, why, reterr);
}

int plan_add_tree(Plan *plan, const char *path, PlanWhy why, char **reterr) {
        _cleanup_free_ char *resolved = NULL;
        int r = plan_walk(plan, plan, path, why, true, &resolved, reterr);

        return r < 0 ? r : add_one(plan, resolved, NULL, why, reterr);
}

int plan_add_chosen(Plan *plan, const char *path,
                    int (*take)(const char *path, bool is_folder, void *userdata), void *userdata,
                    PlanWhy why, char **reterr) {
        const Choice choice = { .take = take, .userdata = userdata };
        _cleanup_free_ char *resolved = NULL;
        int r = plan_walk(plan, plan, path, why, true, &resolved, reterr);

        return r < 0 ? r : add_one(plan, resolved, &choice, why, reterr);
}
