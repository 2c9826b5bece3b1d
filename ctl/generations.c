#include "generations.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "builder.h"
#include "format.h"
#include "info.h"
#include "json-object.h"
#include "json-print.h"
#include "load.h"
#include "output.h"

enum {
        COLUMN_NAME,
        COLUMN_GENERATION,
        COLUMN_BUILT,
        COLUMN_FILES,
        COLUMN_SIZE,
        COLUMN_STATE,
        _COLUMN_MAX,
};

typedef struct Row {
        char *name;
        unsigned number;
        /* Whether these could be read: that is root's. */
        bool is_known;
        uint64_t built_usec;
        StageStats stats;
        bool is_current;
        bool is_running;

        char texts[_COLUMN_MAX][FORMAT_MAX];
} Row;

typedef struct Rows {
        Row *rows;
        size_t n;
} Rows;

static void rows_done(Rows *rows) {
        for (size_t i = 0; i < rows->n; i++)
                free(rows->rows[i].name);
        free(rows->rows);
}

/* Returns 0, or an errno with the reason. */
static int load_generation(const char *name, unsigned number, Generation *ret, char **reterr) {
        _cleanup_close_ int fd = generation_open(name, number, GENERATION_ORIGINS, O_RDONLY),
                            root_fd = generation_open(name, number, GENERATION_ROOT, O_PATH | O_DIRECTORY);
        Generation g = { .number = number };
        struct stat st;
        int r;

        if (fd < 0 || root_fd < 0)
                return fd < 0 ? fd : root_fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        r = origins_read(fd, &g.origins, reterr);
        if (r < 0)
                return r;
        g.built_usec = (uint64_t) st.st_mtim.tv_sec * USEC_PER_SEC;
        g.root_fd = TAKE_FD(root_fd);
        *ret = g;
        return 0;
}

/* If there is such a jail at all. */
static int nothing_built(const char *name) {
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        int r = ctl_load_config(name, &config);

        if (r != CTL_EXIT_DONE)
                return r;
        print_error(name, "nothing has been built yet: run 'jailctl build %s'", name);
        return CTL_EXIT_FAILED;
}

int ctl_generation_open(const char *name, unsigned number, Generation *ret) {
        _cleanup_free_ char *reason = NULL;
        int r = 0;

        if (number == 0)
                r = generation_current(name, &number);
        if (r == -ENOENT)
                return nothing_built(name);
        if (r >= 0)
                r = load_generation(name, number, ret, &reason);
        if (r >= 0)
                return CTL_EXIT_DONE;
        if (r == -EACCES)
                print_error(name, "this needs root");
        else if (r == -ENOENT)
                print_error(name, "there is no generation %u", number);
        else
                print_error(name, "generation %u: %s", number, reason ? reason : strerror(-r));
        return CTL_EXIT_FAILED;
}

void generation_done(Generation *g) {
        origins_free(g->origins);
        close_fd(g->root_fd);
}

/* One that has vanished meanwhile is left out; one whose record cannot be read is there all the same. */
static int add_row(Rows *rows, const char *name, unsigned number) {
        Row *bigger = reallocarray(rows->rows, rows->n + 1, sizeof(Row));
        _cleanup_(generation_done) Generation g = { .root_fd = -EBADF };
        _cleanup_free_ char *reason = NULL;
        int r;

        if (!bigger)
                return -ENOMEM;
        rows->rows = bigger;
        r = load_generation(name, number, &g, &reason);
        if (r == -ENOENT || r == -ENOMEM)
                return r == -ENOENT ? 0 : r;
        bigger[rows->n] = (Row){
                .name = strdup(name),
                .number = number,
                .is_known = g.origins,
                .built_usec = g.built_usec,
                .stats = g.origins ? g.origins->stats : (StageStats){},
        };
        return bigger[rows->n].name ? (int) ++rows->n : -ENOMEM;
}

static int add_rows(Rows *rows, const char *name) {
        _cleanup_(jail_info_freep) JailInfo *info = NULL;
        _cleanup_free_ unsigned *numbers = NULL;
        unsigned current = 0;
        int n = generation_list(name, &numbers), r = jail_info_load(name, &info);

        if (r == -ENOMEM || (n < 0 && n != -ENOENT))
                return r < 0 ? r : n;
        (void) generation_current(name, &current);
        r = 0;
        for (int i = 0; r >= 0 && i < n; i++) {
                size_t before = rows->n;

                r = add_row(rows, name, numbers[i]);
                if (rows->n > before) {
                        rows->rows[before].is_current = numbers[i] == current;
                        rows->rows[before].is_running = info && info->generation == numbers[i];
                }
        }
        return r;
}

static void print_json(const Rows *rows) {
        _cleanup_(json_object_putp) json_object *array = json_object_new_array();

        for (size_t i = 0; i < rows->n; i++) {
                const Row *row = rows->rows + i;
                json_object *o = json_object_new_object();

                json_object_object_add(o, "name", json_object_new_string(row->name));
                json_object_object_add(o, "generation", json_object_new_int64(row->number));
                json_object_object_add(o, "built", json_object_new_int64((int64_t) row->built_usec));
                json_object_object_add(o, "files", json_object_new_int64((int64_t) row->stats.n_files));
                json_object_object_add(o, "bytes", json_object_new_int64((int64_t) row->stats.bytes));
                json_object_object_add(o, "current", json_object_new_boolean(row->is_current));
                json_object_object_add(o, "running", json_object_new_boolean(row->is_running));
                json_object_array_add(array, o);
        }
        json_print(array);
}

static int print_rows(const CtlOptions *options, Rows *rows) {
        static const char *const names[_COLUMN_MAX] = { "NAME",  "GENERATION", "BUILT",
                                                        "FILES", "SIZE",       "STATE" };
        _cleanup_free_ TableCell *cells = calloc((rows->n + 1) * _COLUMN_MAX, sizeof(TableCell));

        if (!cells)
                return CTL_EXIT_FAILED;
        for (size_t i = 0; i < _COLUMN_MAX; i++)
                cells[i].text = names[i];
        for (size_t i = 0; i < rows->n; i++) {
                TableCell *cell = cells + (i + 1) * _COLUMN_MAX;
                Row *row = rows->rows + i;

                snprintf(row->texts[COLUMN_GENERATION], FORMAT_MAX, "%u", row->number);
                if (row->is_known) {
                        format_timestamp(row->built_usec, row->texts[COLUMN_BUILT]);
                        snprintf(row->texts[COLUMN_FILES], FORMAT_MAX, "%zu", row->stats.n_files);
                        format_bytes(row->stats.bytes, row->texts[COLUMN_SIZE]);
                } else
                        for (size_t k = COLUMN_BUILT; k <= COLUMN_SIZE; k++)
                                strcpy(row->texts[k], "-");
                snprintf(row->texts[COLUMN_STATE], FORMAT_MAX, "%s",
                         row->is_current && row->is_running ? "current, running"
                         : row->is_current                  ? "current"
                         : row->is_running                  ? "running"
                                                            : "-");
                for (size_t k = 0; k < _COLUMN_MAX; k++)
                        cell[k].text = row->texts[k];
                cell[COLUMN_NAME].text = row->name;
                if (row->is_running)
                        cell[COLUMN_STATE].colour = COLOUR_GREEN;
        }
        print_table(cells, _COLUMN_MAX, rows->n + 1, options->legend && rows->n > 0);
        if (options->legend && rows->n == 0)
                puts("Nothing has been built.");
        return CTL_EXIT_DONE;
}

int list_generations(const CtlOptions *options, const char *name) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_(rows_done) Rows rows = {};
        int r = name ? strv_extend(&names, name) : jail_config_list(&names);

        for (char **n = names; r >= 0 && n && *n; n++)
                r = add_rows(&rows, *n);
        if (r < 0) {
                print_error("jailctl", "cannot list the generations: %s", strerror(-r));
                return CTL_EXIT_FAILED;
        }
        if (!options->json)
                return print_rows(options, &rows);
        print_json(&rows);
        return CTL_EXIT_DONE;
}
