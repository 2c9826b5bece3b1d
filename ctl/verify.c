/* The verb verify: what of a jail does not hold, by severity, with a verdict at the end. Where systemd runs it, findings go to
 * the journal, each as a message of its own. */

#include "verify.h"
#include "format.h"
#include "info.h"
#include "journal.h"
#include "json-object.h"
#include "json-print.h"
#include "load.h"
#include "output.h"
#include "verbs.h"

/* Of the same rule, more than these say nothing new to a person; JSON has them all. */
#define ROWS_OF_A_RULE_MAX 12

enum {
        COLUMN_SEVERITY,
        COLUMN_RULE,
        COLUMN_WHERE,
        COLUMN_WHAT,
        _COLUMN_MAX,
};

static const Colour severity_colours[_RULE_SEVERITY_MAX] = {
        [RULE_ERROR] = COLOUR_RED,
        [RULE_WARNING] = COLOUR_YELLOW,
        [RULE_NOTE] = COLOUR_NONE,
};

static bool has_errors(const Verify *v) {
        return verify_count(v, RULE_ERROR) > 0;
}

/* "2 errors, 1 warning", or "" for none. The caller frees; NULL: out of memory. */
static char *count_findings(const Verify *v) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        for (RuleSeverity s = 0; s < _RULE_SEVERITY_MAX; s++) {
                size_t n = verify_count(v, s);

                if (n > 0)
                        fprintf(f, "%s%zu %s%s", ftell(f) > 0 ? ", " : "", n, rule_severity_to_string(s),
                                n == 1 ? "" : "s");
        }
        if (fclose(f) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

static void print_verdict(const VerifyRequest *request, const Verify *v) {
        _cleanup_free_ char *counts = count_findings(v);
        Colour colour = has_errors(v)                       ? COLOUR_RED
                        : verify_count(v, RULE_WARNING) > 0 ? COLOUR_YELLOW
                                                            : COLOUR_GREEN;

        printf("%s%s: %s%s%s%s; generation %u, %zu rules on %zu files and %zu processes",
               colour_on(stdout, colour), request->config->name,
               has_errors(v) ? "NOT AS PROMISED" : "as promised", counts && *counts ? ", " : "",
               counts ?: "", colour_on(stdout, COLOUR_NONE), verify_generation(v), verify_count_rules(v),
               verify_count_nodes(v), verify_count_processes(v));
        puts(request->main_pid > 0 || !(request->parts & (1U << RULE_LIVE)) ? "" : "; it does not run");
}

static void add_row(TableCell *row, const Finding *f) {
        row[COLUMN_SEVERITY] = (TableCell){ rule_severity_to_string(f->rule->severity),
                                            severity_colours[f->rule->severity] };
        row[COLUMN_RULE].text = f->rule->id;
        row[COLUMN_WHERE].text = f->where;
        row[COLUMN_WHAT].text = f->what;
}

static int print_table_of(const VerifyRequest *request, const Verify *v) {
        size_t n, n_rows = 0, of_rule = 0, left_out = 0;
        const Finding *findings = verify_findings(v, &n);
        _cleanup_free_ TableCell *cells = calloc((n + 1) * _COLUMN_MAX, sizeof(TableCell));

        if (!cells)
                return -ENOMEM;
        cells[COLUMN_SEVERITY].text = "SEVERITY";
        cells[COLUMN_RULE].text = "RULE";
        cells[COLUMN_WHERE].text = "WHERE";
        cells[COLUMN_WHAT].text = "WHAT";
        for (size_t i = 0; i < n; i++) {
                of_rule = i > 0 && findings[i].rule == findings[i - 1].rule ? of_rule + 1 : 0;
                if (of_rule >= ROWS_OF_A_RULE_MAX) {
                        left_out++;
                        continue;
                }
                add_row(cells + ++n_rows * _COLUMN_MAX, &findings[i]);
        }
        if (n > 0) {
                print_table(cells, _COLUMN_MAX, n_rows + 1, true);
                if (left_out > 0)
                        printf("… and %zu more of the same rules (--json has all)\n", left_out);
                puts("");
        }
        print_verdict(request, v);
        if (n > 0)
                puts("What each rule is for, and what to do: jaild-rules(7)");
        return 0;
}

static int finding_to_json(json_object *array, const Finding *f) {
        json_object *o = json_object_new_object();

        if (!o || json_append(array, o) < 0 ||
            json_add(o, "rule", json_object_new_string(f->rule->id)) < 0 ||
            json_add(o, "severity", json_object_new_string(rule_severity_to_string(f->rule->severity))) <
                            0 ||
            json_add(o, "part", json_object_new_string(rule_part_to_string(f->rule->part))) < 0 ||
            json_add(o, "where", json_object_new_string(f->where)) < 0 ||
            json_add(o, "what", json_object_new_string(f->what)) < 0 ||
            json_add(o, "action", json_object_new_string(f->rule->action)) < 0)
                return -ENOMEM;
        json_object_object_add(o, "benchmark",
                               f->rule->benchmark ? json_object_new_string(f->rule->benchmark) : NULL);
        return 0;
}

static int print_json(const VerifyRequest *request, const Verify *v, char *const *mended) {
        _cleanup_(json_object_putp) json_object *o = json_object_new_object();
        json_object *array = json_object_new_array();
        size_t n;
        const Finding *findings = verify_findings(v, &n);
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++)
                r = finding_to_json(array, &findings[i]);
        if (r < 0 || json_add(o, "name", json_object_new_string(request->config->name)) < 0 ||
            json_add(o, "verdict", json_object_new_string(has_errors(v) ? "failed" : "passed")) < 0 ||
            json_add(o, "generation", json_object_new_int64(verify_generation(v))) < 0 ||
            json_add(o, "running", json_object_new_boolean(request->main_pid > 0)) < 0 ||
            json_add(o, "rules", json_object_new_int64((int64_t) verify_count_rules(v))) < 0 ||
            json_add(o, "files", json_object_new_int64((int64_t) verify_count_nodes(v))) < 0 ||
            json_add(o, "processes", json_object_new_int64((int64_t) verify_count_processes(v))) < 0 ||
            json_add_strv(o, "mended", mended) < 0) {
                json_object_put(array);
                return -ENOMEM;
        }
        json_object_object_add(o, "findings", array);
        json_print(o);
        return 0;
}

/* Errors and warnings, and the verdict where there is any. */
static int send_to_journal(const VerifyRequest *request, const Verify *v) {
        JournalContext context = {
                .program = "jailctl",
                .jail = request->config->name,
                .generation = verify_generation(v),
        };
        _cleanup_free_ char *counts = count_findings(v), *verdict = NULL;
        size_t n;
        const Finding *findings = verify_findings(v, &n);
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++) {
                const Finding *f = &findings[i];
                _cleanup_free_ char *message = NULL;

                if (f->rule->severity == RULE_NOTE)
                        continue;
                if (asprintf(&message, "verify: %s: %s: %s %s\nWhat to do: %s",
                             rule_severity_to_string(f->rule->severity), f->rule->id, f->where, f->what,
                             f->rule->action) < 0) {
                        message = NULL;
                        return -ENOMEM;
                }
                r = journal_send(&context, EVENT_VERIFY_FINDINGS, f->rule->severity == RULE_ERROR ? 3 : 4,
                                 message);
        }
        if (r < 0)
                return r;
        if (asprintf(&verdict, "verify: %s%s%s", has_errors(v) ? "not as promised" : "as promised",
                     counts && *counts ? ": " : "", counts ?: "") < 0) {
                verdict = NULL;
                return -ENOMEM;
        }
        return journal_send(&context, -1, has_errors(v) ? 4 : 6, verdict);
}

/* What was done for each finding, and what is left to a person. */
static int mend(const Verify *v, bool quiet, char ***ret_mended) {
        size_t n;
        const Finding *findings = verify_findings(v, &n);
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++) {
                const Finding *f = &findings[i];
                _cleanup_free_ char *done = NULL, *line = NULL;

                if (f->rule->severity == RULE_NOTE)
                        continue;
                r = verify_fix(v, f, &done);
                if (r >= 0) {
                        if (asprintf(&line, "%s: %s", f->where, done) < 0)
                                return -ENOMEM;
                        r = strv_extend(ret_mended, line);
                        continue;
                }
                if (!quiet)
                        print_error(f->where,
                                    r == -EOPNOTSUPP ? "not mended (%s): %s" : "cannot be mended (%s): %s",
                                    f->rule->id, r == -EOPNOTSUPP ? f->rule->action : strerror(-r));
                r = 0;
        }
        return r;
}

/* What runs may be exchanged while it is looked at; then what was seen is of two servers. */
#define LOOKS_MAX 20

/* Ask the supervisor what runs. Returns 0 or an errno; *ret_info owns what the request points to. */
static int ask(VerifyRequest *request, JailInfo **ret_info) {
        int r = jail_info_load(request->config->name, ret_info);
        const JailInfo *info = *ret_info;

        if (r < 0)
                return r;
        request->main_pid = info->serves ? (pid_t) info->main_pid : 0;
        request->standby_pid = (pid_t) info->standby_pid;
        request->running_generation = info->generation;
        request->layers = info->layers;
        return 0;
}

/* Whether another server runs than the one that was looked at. */
static bool has_moved(const VerifyRequest *request) {
        _cleanup_(jail_info_freep) JailInfo *now = NULL;

        return request->main_pid > 0 && jail_info_load(request->config->name, &now) >= 0 &&
               ((pid_t) now->main_pid != request->main_pid ||
                (pid_t) now->standby_pid != request->standby_pid ||
                now->generation != request->running_generation);
}

static bool has_live_findings(const Verify *v) {
        size_t n;
        const Finding *findings = verify_findings(v, &n);

        for (size_t i = 0; i < n; i++)
                if (findings[i].rule->part == RULE_LIVE)
                        return true;
        return false;
}

/* Until it kept still while it was looked at. */
static int look(VerifyRequest *request, JailInfo **info, Verify **ret, char **reterr) {
        int r;

        for (unsigned i = 0;; i++) {
                *info = jail_info_free(*info);
                *ret = verify_free(*ret);
                free(*reterr);
                *reterr = NULL;
                r = ask(request, info);
                if (r >= 0)
                        r = verify_run(request, ret, reterr);
                if (i + 1 == LOOKS_MAX || !(request->parts & (1U << RULE_LIVE)) ||
                    (r >= 0 && !has_live_findings(*ret)) || !has_moved(request))
                        return r;
        }
}

static int run(const CtlOptions *options, VerifyRequest *request, JailInfo **info, char **reterr) {
        _cleanup_(verify_freep) Verify *v = NULL;
        _cleanup_strv_free_ char **mended = NULL;
        int r = look(request, info, &v, reterr);

        if (r >= 0 && options->fix) {
                r = mend(v, options->quiet, &mended);
                /* What is said, and the exit status, are of what is left. */
                if (r >= 0)
                        r = look(request, info, &v, reterr);
        }
        if (r < 0)
                return r;
        if (!options->quiet && options->json)
                r = print_json(request, v, mended);
        else if (journal_is_stderr())
                r = send_to_journal(request, v);
        else if (!options->quiet) {
                for (char **line = mended; line && *line; line++) {
                        fputs("mended: ", stdout);
                        print_text(stdout, *line, 0);
                        puts("");
                }
                r = print_table_of(request, v);
        }
        return r < 0 ? r : has_errors(v);
}

static unsigned parts_of(const CtlOptions *options) {
        if (options->tree || options->live)
                return (options->tree ? 1U << RULE_TREE : 0) | (options->live ? 1U << RULE_LIVE : 0);
        return (1U << _RULE_PART_MAX) - 1;
}

int verb_verify(const CtlOptions *options, const char *name) {
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        _cleanup_(jail_info_freep) JailInfo *info = NULL;
        _cleanup_free_ char *reason = NULL;
        VerifyRequest request = { .parts = parts_of(options) };
        int r = ctl_load_config(name, &config);

        if (r != CTL_EXIT_DONE)
                return r;
        if (geteuid() != 0) {
                print_error(name,
                            "verifying needs root: it reads every file of the jail, and what the kernel says of its "
                            "processes");
                return CTL_EXIT_FAILED;
        }
        request.config = config;
        r = ask(&request, &info);
        if (r < 0) {
                print_error(name, "%s", strerror(-r));
                return CTL_EXIT_FAILED;
        }
        if (options->live && request.main_pid == 0) {
                print_error(name, "it does not run: there is nothing to look at");
                return CTL_EXIT_NOT_RUNNING;
        }
        r = run(options, &request, &info, &reason);
        if (r < 0) {
                print_error(name, "%s", reason ?: strerror(-r));
                return CTL_EXIT_FAILED;
        }
        return r > 0 ? CTL_EXIT_FAILED : CTL_EXIT_DONE;
}
