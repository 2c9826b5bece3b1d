#include <inttypes.h>

#include "config.h"
#include "format.h"
#include "info.h"
#include "json-print.h"
#include "load.h"
#include "output.h"
#include "verbs.h"

/* As wide as the longest label. */
#define LABEL_WIDTH ((int) strlen("Last failure"))
#define TEXT_INDENT ((unsigned) LABEL_WIDTH + 2)

static void print_label(const char *label) {
        printf("%*s: ", LABEL_WIDTH, label);
}

static void print_row(const char *label, const char *text) {
        print_label(label);
        print_text(stdout, text, TEXT_INDENT);
        putchar('\n');
}

static void print_rows(const char *label, char *const *texts) {
        for (; texts && *texts; texts++) {
                if (label)
                        print_label(label);
                else
                        printf("%*s", (int) TEXT_INDENT, "");
                print_text(stdout, *texts, TEXT_INDENT);
                putchar('\n');
                label = NULL;
        }
}

static void print_head(const JailInfo *info) {
        Colour colour = jail_info_colour(info);
        bool is_stopped = colour == COLOUR_GREY;

        printf("%s%s%s %s", colour_on(stdout, colour),
               !output_is_utf8() ? "*"
               : is_stopped      ? "\u25cb"
                                 : "\u25cf",
               colour_on(stdout, COLOUR_NONE), info->name);
        if (*info->description && !streq(info->description, info->name)) {
                fputs(" - ", stdout);
                print_text(stdout, info->description, 0);
        }
        putchar('\n');
}

static void print_state(const JailInfo *info, uint64_t now) {
        Colour colour = jail_info_colour(info);
        char stamp[FORMAT_MAX], relative[FORMAT_MAX];

        print_label("State");
        printf("%s%s%s", colour_on(stdout, colour), info->state, colour_on(stdout, COLOUR_NONE));
        if (info->since_usec > 0)
                printf(" since %s; %s", format_timestamp(info->since_usec, stamp),
                       format_relative(info->since_usec, now, relative));
        if (info->next_start_usec > 0)
                printf("; next start %s", format_relative(info->next_start_usec, now, relative));
        putchar('\n');
}

static void print_generation(const JailInfo *info) {
        if (info->generation == 0 && info->current_generation == 0) {
                print_row("Generation", "none is built: jailctl build");
                return;
        }
        print_label("Generation");
        if (info->generation == 0)
                printf("%u\n", info->current_generation);
        else if (info->current_generation == info->generation || info->current_generation == 0)
                printf("%u\n", info->generation);
        else
                printf("%u (%u is built: jailctl restart)\n", info->generation, info->current_generation);
}

static void print_incident(const char *label, const char *text, uint64_t usec, uint64_t now) {
        char stamp[FORMAT_MAX], relative[FORMAT_MAX];

        if (!*text)
                return;
        print_row(label, text);
        if (usec > 0)
                printf("%*s%s; %s\n", (int) TEXT_INDENT, "", format_timestamp(usec, stamp),
                       format_relative(usec, now, relative));
}

static void print_info(const JailInfo *info) {
        _cleanup_strv_free_ char **listens = format_listens(info->listens);
        uint64_t now = now_usec();
        char text[FORMAT_MAX];

        print_head(info);
        print_state(info, now);
        if (info->problem)
                print_row("Problem", info->problem);
        if (info->main_pid > 0) {
                print_label("Main PID");
                printf("%u\n", info->main_pid);
        }
        if (info->standby_pid > 0) {
                print_label("Standby");
                printf("%u, waits to take over\n", info->standby_pid);
        }
        if (!info->problem || info->is_live)
                print_generation(info);
        print_rows("Listen", listens);
        if (info->is_live || info->restarts > 0) {
                print_label("Restarts");
                printf("%u\n", info->restarts);
        }
        if (info->worker_deaths > 0) {
                print_label("Workers died");
                printf("%s%u%s, the last %s\n", colour_on(stdout, COLOUR_YELLOW), info->worker_deaths,
                       colour_on(stdout, COLOUR_NONE), info->last_worker_death);
        }
        if (*info->health)
                print_row("Health", info->health);
        if (jail_info_has_load(info)) {
                print_label("Requests");
                printf("%" PRIu64 " answered", info->requests);
                if (info->request_rate >= 0)
                        printf(", %.1f/s", info->request_rate);
                printf("; %u of %u workers busy\n", info->busy_workers,
                       info->busy_workers + info->idle_workers);
        }
        print_incident("Last failure", info->last_failure, info->last_failure_usec, now);
        print_incident("Last notice", info->last_notice, info->last_notice_usec, now);
        if (info->n_processes > 0) {
                print_row("CPU", format_span(info->cpu_usec, text));
                print_row("Memory", format_bytes(info->memory_bytes, text));
                print_label("Processes");
                printf("%u, %u tasks\n", info->n_processes, info->n_tasks);
        }
        if (info->log_dropped_bytes > 0) {
                print_label("Logs lost");
                printf("%s%s%s, which the disk or RateLimit= had no room for\n",
                       colour_on(stdout, COLOUR_YELLOW), format_bytes(info->log_dropped_bytes, text),
                       colour_on(stdout, COLOUR_NONE));
        }
        print_rows("Layers", info->layers);
}

static int status_of_one(const CtlOptions *options, const char *name) {
        _cleanup_(jail_info_freep) JailInfo *info = NULL;
        int r;

        r = jail_info_load(name, &info);
        if (r < 0) {
                if (r == -ENOENT)
                        return ctl_no_such_jail(name);
                print_error(name, "%s", strerror(-r));
                return CTL_EXIT_FAILED;
        }
        if (options->json) {
                json_object *o = jail_info_to_json(info);

                json_print(o);
                json_object_put(o);
        } else
                print_info(info);
        return jail_info_exit_status(info);
}

static int status_of_all(const CtlOptions *options, char *const *names) {
        json_object *array = options->json ? json_object_new_array() : NULL;
        int status = CTL_EXIT_DONE;

        for (char *const *name = names; *name; name++) {
                _cleanup_(jail_info_freep) JailInfo *info = NULL;
                int one;

                /* Gone since it was listed. */
                if (jail_info_load(*name, &info) < 0)
                        continue;
                if (options->json)
                        json_object_array_add(array, jail_info_to_json(info));
                else {
                        if (name != names)
                                putchar('\n');
                        print_info(info);
                }
                one = jail_info_exit_status(info);
                if (one != CTL_EXIT_DONE && status != CTL_EXIT_FAILED)
                        status = one;
        }
        if (options->json)
                json_print(array);
        json_object_put(array);
        return status;
}

int verb_status(const CtlOptions *options, const char *name) {
        _cleanup_strv_free_ char **names = NULL;
        int r;

        if (name)
                return status_of_one(options, name);
        r = jail_config_list(&names);
        if (r < 0) {
                print_error("jailctl", "cannot list the jails: %s", strerror(-r));
                return CTL_EXIT_FAILED;
        }
        return status_of_all(options, names);
}
