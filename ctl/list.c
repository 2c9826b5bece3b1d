#include "config.h"
#include "format.h"
#include "generations.h"
#include "info.h"
#include "json-print.h"
#include "output.h"
#include "verbs.h"

enum {
        COLUMN_NAME,
        COLUMN_STATE,
        COLUMN_GENERATION,
        COLUMN_LISTEN,
        COLUMN_SINCE,
        _COLUMN_MAX,
};

/* One row of the table, with the texts that are made for it. */
typedef struct Row {
        JailInfo *info;
        char *listens;
        char generation[16];
        char since[FORMAT_MAX];
} Row;

static void rows_free(Row *rows) {
        for (Row *row = rows; row && row->info; row++) {
                jail_info_free(row->info);
                free(row->listens);
        }
        free(rows);
}
DEFINE_CLEANUP(Row *, rows_free)

/* Jails that vanish between the listing and the look are left out. Returns the number of rows or -ENOMEM; the array
 * ends with a row without info. */
static int load_rows(char *const *names, Row **ret) {
        _cleanup_(rows_freep) Row *rows = calloc(strv_length(names) + 1, sizeof(Row));
        int n = 0;

        if (!rows)
                return -ENOMEM;
        for (; names && *names; names++) {
                _cleanup_strv_free_ char **listens = NULL;
                Row *row = rows + n;
                int r = jail_info_load(*names, &row->info);

                if (r == -ENOENT)
                        continue;
                if (r < 0)
                        return r;
                n++;
                listens = format_listens(row->info->listens);
                row->listens = listens ? format_list(listens) : NULL;
                if (!row->listens)
                        return -ENOMEM;
                if (row->info->generation > 0)
                        snprintf(row->generation, sizeof(row->generation), "%u", row->info->generation);
                if (row->info->since_usec > 0)
                        format_timestamp(row->info->since_usec, row->since);
        }
        *ret = TAKE_PTR(rows);
        return n;
}

static int print_json(const Row *rows) {
        json_object *array = json_object_new_array();

        for (; rows->info; rows++)
                json_object_array_add(array, jail_info_to_json(rows->info));
        json_print(array);
        json_object_put(array);
        return CTL_EXIT_DONE;
}

static const char *text_or_dash(const char *s) {
        return s && *s ? s : "-";
}

static int print_rows(const CtlOptions *options, const Row *rows, size_t n) {
        _cleanup_free_ TableCell *cells = calloc((n + 1) * _COLUMN_MAX, sizeof(TableCell));

        if (!cells)
                return CTL_EXIT_FAILED;
        cells[COLUMN_NAME].text = "NAME";
        cells[COLUMN_STATE].text = "STATE";
        cells[COLUMN_GENERATION].text = "GENERATION";
        cells[COLUMN_LISTEN].text = "LISTEN";
        cells[COLUMN_SINCE].text = "SINCE";
        for (size_t i = 0; i < n; i++) {
                TableCell *row = cells + (i + 1) * _COLUMN_MAX;

                row[COLUMN_NAME].text = rows[i].info->name;
                row[COLUMN_STATE] = (TableCell){ rows[i].info->state, jail_info_colour(rows[i].info) };
                row[COLUMN_GENERATION].text = text_or_dash(rows[i].generation);
                row[COLUMN_LISTEN].text = text_or_dash(rows[i].listens);
                row[COLUMN_SINCE].text = text_or_dash(rows[i].since);
        }
        print_table(cells, _COLUMN_MAX, n + 1, options->legend && n > 0);
        if (options->legend && n == 0)
                puts("No jails.");
        else if (options->legend)
                printf("\n%zu jail%s.\n", n, n == 1 ? "" : "s");
        return CTL_EXIT_DONE;
}

int verb_list(const CtlOptions *options, const char *name) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_(rows_freep) Row *rows = NULL;
        int n;

        if (options->generations)
                return list_generations(options, name);
        n = jail_config_list(&names);
        if (n >= 0)
                n = load_rows(names, &rows);
        if (n < 0) {
                print_error("jailctl", "cannot list the jails: %s", strerror(-n));
                return CTL_EXIT_FAILED;
        }
        return options->json ? print_json(rows) : print_rows(options, rows, (size_t) n);
}
