/* The verb outdated: what the host, or Source=, has newer than the jails; with --update, those that may be are updated. */

#include <fcntl.h>
#include <sys/stat.h>

#include "builder.h"
#include "file.h"
#include "generations.h"
#include "json-object.h"
#include "json-print.h"
#include "load.h"
#include "output.h"
#include "rootpath.h"
#include "strv.h"

#define NSEC_PER_SEC INT64_C(1000000000)

enum {
        COLUMN_NAME,
        COLUMN_PACKAGE,
        COLUMN_BUILT_WITH,
        COLUMN_NOW,
        COLUMN_FILES,
        _COLUMN_MAX,
};

/* The files of one package, or one file of none, that are not as they were. Strings are those of the Jail. */
typedef struct Group {
        const char *package;
        const char *version_before;
        /* NULL: it is gone. */
        const char *version;
        const Origin **files;
        size_t n_files;
        char *summary;
} Group;

typedef struct Jail {
        JailConfig *config;
        Generation generation;
        Packages now;
        Group *groups;
        size_t n_groups;
} Jail;

static void jail_done(Jail *j) {
        for (size_t i = 0; i < j->n_groups; i++) {
                free(j->groups[i].files);
                free(j->groups[i].summary);
        }
        free(j->groups);
        packages_done(&j->now);
        generation_done(&j->generation);
        jail_config_free(j->config);
}

/* By size and time first, so that not everything is read. What was only touched is not newer. */
static bool is_outdated(const Generation *g, int source_fd, const Origin *o) {
        struct stat st, copy;
        _cleanup_close_ int fd = rootpath_open_regular(source_fd, o->source, &st), copy_fd = -EBADF;

        if (fd < 0)
                return true;
        if ((uint64_t) st.st_size == o->size &&
            (int64_t) st.st_mtim.tv_sec * NSEC_PER_SEC + st.st_mtim.tv_nsec == o->mtime_nsec)
                return false;
        if (o->type != PLAN_COPY || (uint64_t) st.st_size != o->size)
                return true;
        copy_fd = rootpath_open_regular(g->root_fd, o->path, &copy);
        return copy_fd < 0 || copy.st_size != st.st_size || file_equals(fd, copy_fd) <= 0;
}

/* The group of a package, or a new one; what no package owns is a group each. */
static int put_in_group(Jail *j, const Origin *o, const Package *now) {
        const char *package = o->package ? o->package->name : now ? now->name : NULL;
        const Origin **bigger_files;
        Group *g = NULL, *bigger;

        for (size_t i = 0; package && i < j->n_groups; i++)
                if (j->groups[i].package && streq(j->groups[i].package, package))
                        g = &j->groups[i];
        if (!g) {
                bigger = reallocarray(j->groups, j->n_groups + 1, sizeof(Group));
                if (!bigger)
                        return -ENOMEM;
                j->groups = bigger;
                g = bigger + j->n_groups++;
                *g = (Group){ .package = package,
                              .version_before = o->package ? o->package->version : NULL };
        }
        if (now)
                g->version = now->version;
        bigger_files = reallocarray(g->files, g->n_files + 1, sizeof(Origin *));
        if (!bigger_files)
                return -ENOMEM;
        g->files = bigger_files;
        g->files[g->n_files++] = o;
        return 0;
}

static int find_outdated(Jail *j, char **reterr) {
        const char *root = j->config->source ?: "/";
        const Origins *all = j->generation.origins;
        _cleanup_close_ int source_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_free_ const Origin **found = calloc(all->n_entries + 1, sizeof(Origin *));
        _cleanup_free_ const char **sources = calloc(all->n_entries + 1, sizeof(char *));
        size_t n = 0;
        int r;

        if (!found || !sources)
                return -ENOMEM;
        if (source_fd < 0)
                return -errno;
        for (size_t i = 0; i < all->n_entries; i++) {
                const Origin *o = all->entries + i;

                if (!o->source || !is_outdated(&j->generation, source_fd, o))
                        continue;
                found[n] = o;
                sources[n++] = o->source;
        }
        r = n > 0 ? packages_find(root, sources, n, &j->now, reterr) : 0;
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = put_in_group(j, found[i],
                                 j->now.owners[i] < 0 ? NULL : &j->now.packages[j->now.owners[i]]);
        for (size_t i = 0; r >= 0 && i < j->n_groups; i++) {
                Group *g = &j->groups[i];

                r = g->n_files == 1 ? asprintf(&g->summary, "%s", g->files[0]->source)
                                    : asprintf(&g->summary, "%s and %zu more", g->files[0]->source,
                                               g->n_files - 1);
        }
        return r < 0 ? r : 0;
}

/* Returns an exit status: CTL_EXIT_FAILED with what is wrong said, CTL_EXIT_DONE with a jail for jail_done(). */
static int load_jail(const char *name, Jail *ret) {
        _cleanup_free_ char *reason = NULL;
        int r = ctl_load_config(name, &ret->config);

        if (r == CTL_EXIT_DONE)
                r = ctl_generation_open(name, 0, &ret->generation);
        if (r != CTL_EXIT_DONE)
                return r;
        r = find_outdated(ret, &reason);
        if (r >= 0)
                return CTL_EXIT_DONE;
        print_error(name, "%s", reason ? reason : strerror(-r));
        return CTL_EXIT_FAILED;
}

static json_object *text_or_null(const char *s) {
        return s ? json_object_new_string(s) : NULL;
}

static json_object *jail_to_json(const Jail *j) {
        json_object *o = json_object_new_object(), *groups = json_object_new_array();

        json_object_object_add(o, "name", json_object_new_string(j->config->name));
        json_object_object_add(o, "generation", json_object_new_int64(j->generation.number));
        json_object_object_add(o, "auto-update", json_object_new_boolean(j->config->auto_update));
        for (size_t i = 0; i < j->n_groups; i++) {
                const Group *g = j->groups + i;
                json_object *group = json_object_new_object(), *files = json_object_new_array();

                json_object_object_add(group, "package", text_or_null(g->package));
                json_object_object_add(group, "version-before", text_or_null(g->version_before));
                json_object_object_add(group, "version", text_or_null(g->version));
                for (size_t k = 0; k < g->n_files; k++)
                        json_object_array_add(files, json_object_new_string(g->files[k]->source));
                json_object_object_add(group, "files", files);
                json_object_array_add(groups, group);
        }
        json_object_object_add(o, "outdated", groups);
        return o;
}

static int print_rows(const CtlOptions *options, const Jail *jails, size_t n) {
        static const char *const names[_COLUMN_MAX] = { "NAME", "PACKAGE", "BUILT WITH", "NOW", "FILES" };
        _cleanup_free_ TableCell *cells = NULL;
        size_t rows = 0, row = 0;

        for (size_t i = 0; i < n; i++)
                rows += jails[i].n_groups;
        cells = calloc((rows + 1) * _COLUMN_MAX, sizeof(TableCell));
        if (!cells)
                return CTL_EXIT_FAILED;
        for (size_t i = 0; i < _COLUMN_MAX; i++)
                cells[i].text = names[i];
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < jails[i].n_groups; k++) {
                        const Group *g = &jails[i].groups[k];
                        TableCell *cell = cells + ++row * _COLUMN_MAX;

                        cell[COLUMN_NAME].text = jails[i].config->name;
                        cell[COLUMN_PACKAGE].text = g->package ?: "-";
                        cell[COLUMN_BUILT_WITH].text = g->version_before ?: "-";
                        cell[COLUMN_NOW].text = g->version ?: "-";
                        cell[COLUMN_FILES].text = g->summary;
                }
        print_table(cells, _COLUMN_MAX, rows + 1, options->legend && rows > 0);
        for (size_t i = 0; options->legend && i < n; i++)
                if (jails[i].n_groups == 0)
                        printf("%s: generation %u is up to date\n", jails[i].config->name,
                               jails[i].generation.number);
        return CTL_EXIT_DONE;
}

static void print_jails(const CtlOptions *options, const Jail *jails, size_t n) {
        _cleanup_(json_object_putp) json_object *array = NULL;

        if (!options->json) {
                (void) print_rows(options, jails, n);
                return;
        }
        array = json_object_new_array();
        for (size_t i = 0; i < n; i++)
                json_object_array_add(array, jail_to_json(jails + i));
        json_print(array);
}

int verb_outdated(const CtlOptions *options, const char *name) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_free_ Jail *jails = NULL;
        int status = CTL_EXIT_DONE, r = name ? strv_extend(&names, name) : jail_config_list(&names);
        size_t n = 0;

        jails = calloc(strv_length(names) + 1, sizeof(Jail));
        if (r < 0 || !jails) {
                print_error("jailctl", "cannot list the jails: %s", strerror(r < 0 ? -r : ENOMEM));
                return CTL_EXIT_FAILED;
        }
        for (char **i = names; i && *i; i++) {
                jails[n].generation.root_fd = -EBADF;
                r = load_jail(*i, jails + n);
                if (r == CTL_EXIT_DONE)
                        n++;
                else {
                        jail_done(jails + n);
                        jails[n] = (Jail){};
                        status = r;
                }
        }
        if (!options->update)
                print_jails(options, jails, n);
        for (size_t i = 0; i < n; i++) {
                if (jails[i].n_groups == 0)
                        continue;
                r = options->update && jails[i].config->auto_update
                                    ? verb_update(options, jails[i].config->name)
                                    : CTL_EXIT_FAILED;
                if (r != CTL_EXIT_DONE)
                        status = r;
        }
        for (size_t i = 0; i < n; i++)
                jail_done(jails + i);
        return status;
}
