/* The verb doctor: whether this host is able to jail, and what it costs where it is not. */

#include "doctor.h"

#include "json-object.h"
#include "json-print.h"
#include "output.h"
#include "verbs.h"

enum {
        COLUMN_RESULT,
        COLUMN_TITLE,
        COLUMN_FOUND,
        _COLUMN_MAX,
};

static const Colour result_colours[_DOCTOR_RESULT_MAX] = {
        [DOCTOR_OK] = COLOUR_GREEN,
        [DOCTOR_LESS] = COLOUR_YELLOW,
        [DOCTOR_MISSING] = COLOUR_RED,
        [DOCTOR_UNKNOWN] = COLOUR_GREY,
};

typedef struct Diagnosis {
        const DoctorCheck *check;
        DoctorResult result;
        char *found;
} Diagnosis;

/* Ends with one without a check. */
static void diagnoses_free(Diagnosis *d) {
        for (Diagnosis *i = d; i && i->check; i++)
                free(i->found);
        free(d);
}
DEFINE_CLEANUP(Diagnosis *, diagnoses_free)

static int run_checks(Diagnosis **ret) {
        const DoctorCheck *checks;
        size_t n = doctor_checks(&checks);
        _cleanup_(diagnoses_freep) Diagnosis *d = calloc(n + 1, sizeof(Diagnosis));

        if (!d)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                int r = checks[i].run(&d[i].found);

                if (r < 0)
                        return r;
                d[i].check = &checks[i];
                d[i].result = (DoctorResult) r;
        }
        *ret = TAKE_PTR(d);
        return (int) n;
}

static int print_json(const Diagnosis *d) {
        _cleanup_(json_object_putp) json_object *array = json_object_new_array();

        for (; d->check; d++) {
                json_object *o = json_object_new_object();

                if (!o || json_append(array, o) < 0 ||
                    json_add(o, "id", json_object_new_string(d->check->id)) < 0 ||
                    json_add(o, "title", json_object_new_string(d->check->title)) < 0 ||
                    json_add(o, "result", json_object_new_string(doctor_result_to_string(d->result))) < 0 ||
                    json_add(o, "found", json_object_new_string(d->found ?: "")) < 0 ||
                    json_add(o, "cost",
                             json_object_new_string(d->result == DOCTOR_OK ? "" : d->check->cost)) < 0 ||
                    json_add(o, "action",
                             json_object_new_string(d->result == DOCTOR_OK ? "" : d->check->action)) < 0)
                        return -ENOMEM;
        }
        json_print(array);
        return 0;
}

static int print_table_of(const Diagnosis *d, size_t n) {
        _cleanup_free_ TableCell *cells = calloc((n + 1) * _COLUMN_MAX, sizeof(TableCell));

        if (!cells)
                return -ENOMEM;
        cells[COLUMN_RESULT].text = "RESULT";
        cells[COLUMN_TITLE].text = "WHAT";
        cells[COLUMN_FOUND].text = "FOUND";
        for (size_t i = 0; i < n; i++) {
                TableCell *row = cells + (i + 1) * _COLUMN_MAX;

                row[COLUMN_RESULT] = (TableCell){ doctor_result_to_string(d[i].result),
                                                  result_colours[d[i].result] };
                row[COLUMN_TITLE].text = d[i].check->title;
                row[COLUMN_FOUND].text = d[i].found ?: "-";
        }
        print_table(cells, _COLUMN_MAX, n + 1, true);
        return 0;
}

static void print_costs(const Diagnosis *d) {
        bool any = false;

        for (; d->check; d++) {
                if (d->result == DOCTOR_OK || !d->check->cost)
                        continue;
                printf("%s%s%s%s: %s.\n  What to do: %s.\n", any ? "" : "\n",
                       colour_on(stdout, result_colours[d->result]), d->check->title,
                       colour_on(stdout, COLOUR_NONE), d->check->cost, d->check->action);
                any = true;
        }
}

int verb_doctor(const CtlOptions *options, const char *name) {
        _cleanup_(diagnoses_freep) Diagnosis *d = NULL;
        bool is_able = true;
        int r = run_checks(&d), n = r;

        for (Diagnosis *i = d; i && i->check; i++)
                is_able &= i->result != DOCTOR_MISSING;
        if (r >= 0)
                r = options->json ? print_json(d) : print_table_of(d, (size_t) n);
        if (r < 0) {
                print_error("jailctl", "%s", strerror(-r));
                return CTL_EXIT_FAILED;
        }
        if (!options->json) {
                print_costs(d);
                printf("\n%s\n", is_able ? "This host can jail." : "This host CANNOT jail.");
        }
        return is_able ? CTL_EXIT_DONE : CTL_EXIT_FAILED;
}
